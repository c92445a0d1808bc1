"""The one stable list of reasons: why a unit does not take a workload, and what a workload is waiting for.

They are API: users script against them, dashboards count them. Adding is fine, renaming is not.
"""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a unit says to a workload: now, not now (time may change it), never (only an edit may)."""

    FITS = "Fits"
    NOT_NOW = "NotNow"
    NEVER = "Never"


class Reason(StrEnum):
    """Why one unit is not chosen. Order is precedence: the first that applies is the one shown."""

    # The law, always hard
    LOCATION_NOT_ALLOWED = "LocationNotAllowed"
    OPERATOR_NOT_ALLOWED = "OperatorNotAllowed"
    OWNERSHIP_NOT_ALLOWED = "OwnershipNotAllowed"
    FOREIGN_SHARE_TOO_LARGE = "ForeignShareTooLarge"
    EXPOSURE_DENIED = "ExposureDenied"
    CERTIFICATION_MISSING = "CertificationMissing"
    CERTIFICATION_EXPIRES = "CertificationExpires"
    DATA_NOT_RESIDENT = "DataNotResident"
    ENCRYPTION_MISSING = "EncryptionMissing"
    EGRESS_NOT_ENFORCED = "EgressNotEnforced"
    FACT_UNKNOWN = "FactUnknown"
    # The machine
    GPU_PRODUCT_MISMATCH = "GPUProductMismatch"
    GPU_MEMORY_TOO_SMALL = "GPUMemoryTooSmall"
    CONFIDENTIAL_NOT_SUPPORTED = "ConfidentialNotSupported"
    KIND_NOT_SERVED = "KindNotServed"
    NEVER_FITS = "NeverFits"  # larger than the unit empty
    LATENCY_TOO_HIGH = "LatencyTooHigh"
    STORAGE_MISSING = "StorageMissing"
    # Limits set by the tenant
    PRICE_ABOVE_LIMIT = "PriceAboveLimit"
    CARBON_ABOVE_LIMIT = "CarbonAboveLimit"
    DEADLINE_UNREACHABLE = "DeadlineUnreachable"
    # State of the unit
    NOT_A_MEMBER = "NotAMember"
    MEMBERSHIP_PAUSED = "MembershipPaused"
    UNIT_UNREACHABLE = "UnitUnreachable"
    UNIT_NOT_READY = "UnitNotReady"
    REFUSED_BY_MANDATE = "RefusedByMandate"
    REFUSED_BY_SITE = "RefusedBySite"
    INSUFFICIENT_GPUS = "InsufficientGPUs"
    INSUFFICIENT_POWER = "InsufficientPower"
    SPREAD_LIMIT = "SpreadLimit"
    PENDING_EVALUATION = "PendingEvaluation"


class WorkloadReason(StrEnum):
    """Reasons of a SovereignWorkload's `Ready` and `Stalled` conditions."""

    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STARTING = "Starting"
    PENDING_EVALUATION = "PendingEvaluation"
    WAITING_FOR_ENERGY = "WaitingForEnergy"
    WAITING_FOR_CAPACITY = "WaitingForCapacity"
    WAITING_FOR_SITE = "WaitingForSite"  # an offer is out, the site has not answered
    REFUSED = "Refused"  # every unit the law allows has refused for now
    NO_UNIT_ALLOWED = "NoUnitAllowed"  # law or tenant limits leave no unit
    NEVER_FITS = "NeverFits"
    DRAINING = "Draining"
    SUSPENDED = "Suspended"
    SITE_UNREACHABLE = "SiteUnreachable"
    TEMPLATE_CONFLICT = "TemplateConflict"
    TEMPLATE_REFUSED = "TemplateRefused"
    KIND_NOT_SERVED = "KindNotServed"
    NO_LOCAL_SITE = "NoLocalSite"
    LAW_BROKEN = "LawBroken"  # a rule no longer holds where it runs: draining, then stopped
