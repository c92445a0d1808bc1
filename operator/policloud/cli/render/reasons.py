"""What each reason means and what to do about it: one sentence each, for `why` and for the reference page."""

from __future__ import annotations

from policloud.domain.reasons import Reason, WorkloadReason

UNIT_REASONS: dict[str, str] = {
    Reason.LOCATION_NOT_ALLOWED: "the unit stands outside sovereignty.location; only an edit of the law changes that",
    Reason.OPERATOR_NOT_ALLOWED: "its operator answers to a jurisdiction that sovereignty.operator does not allow",
    Reason.OWNERSHIP_NOT_ALLOWED: "an owner's jurisdiction is not in sovereignty.ownership.allow",
    Reason.FOREIGN_SHARE_TOO_LARGE: "owners from outside sovereignty.ownership.allow hold more than the stated share",
    Reason.EXPOSURE_DENIED: "a law of a third country, named in sovereignty.exposures.deny, reaches the operator",
    Reason.CERTIFICATION_MISSING: "the unit holds none of the certificates asked for",
    Reason.CERTIFICATION_EXPIRES: "a certificate ends before the workload would; a renewed one opens the unit again",
    Reason.DATA_NOT_RESIDENT: "data would lie outside sovereignty.data.residency",
    Reason.ENCRYPTION_MISSING: "the unit offers no storage that is encrypted at rest",
    Reason.EGRESS_NOT_ENFORCED: "egress is denied, and the unit's network plugin does not enforce NetworkPolicies",
    Reason.FACT_UNKNOWN: "nobody vouches for a fact that the law asks about; the platform team attests it on the hub",
    Reason.GPU_PRODUCT_MISMATCH: "no pool of the unit has one of gpu.products",
    Reason.GPU_MEMORY_TOO_SMALL: "its GPUs have less than gpu.memoryGiB",
    Reason.CONFIDENTIAL_NOT_SUPPORTED: "its GPUs do not run confidentially",
    Reason.KIND_NOT_SERVED: "the site does not run this class (virtual machines need KubeVirt there)",
    Reason.NEVER_FITS: "larger than the unit when it is empty; waiting does not help, a smaller request does",
    Reason.LATENCY_TOO_HIGH: "outside placement.latency",
    Reason.STORAGE_MISSING: "no storage class of the unit is large enough or of the kind asked for",
    Reason.PRICE_ABOVE_LIMIT: "a GPU-hour costs more there now than budget.maxPricePerGPUHour",
    Reason.CARBON_ABOVE_LIMIT: "its power now has more grams per kWh than budget.maxGramsPerKWh",
    Reason.DEADLINE_UNREACHABLE: "batch.deadline cannot be met with what the unit has",
    Reason.NOT_A_MEMBER: "the site has no accepted SiteMembership, or no attested facts for this unit",
    Reason.MEMBERSHIP_PAUSED: "the platform team has paused the site",
    Reason.UNIT_UNREACHABLE: "the hub has not heard from the site; what runs there goes on",
    Reason.UNIT_NOT_READY: "the unit is not Ready; its own conditions say why",
    Reason.REFUSED_BY_MANDATE: "the owner's SiteMandate does not admit this tenant or this kind of work",
    Reason.REFUSED_BY_SITE: "the site said no to an offer; it is asked again after `earliest`",
    Reason.INSUFFICIENT_GPUS: "not enough free GPUs now",
    Reason.INSUFFICIENT_POWER: "not enough watts now; `earliest` is when the forecast has them",
    Reason.SPREAD_LIMIT: "placement.spread allows no more replicas there",
    Reason.PENDING_EVALUATION: "not looked at yet",
}

WORKLOAD_REASONS: dict[str, str] = {
    WorkloadReason.RUNNING: "all replicas asked for run",
    WorkloadReason.COMPLETED: "the batch has finished",
    WorkloadReason.FAILED: "the batch has failed for good; see the pods' logs on the site",
    WorkloadReason.STARTING: "placed; the pods are starting",
    WorkloadReason.PENDING_EVALUATION: "not looked at yet; if this stays, run policloud doctor",
    WorkloadReason.WAITING_FOR_ENERGY: "a lawful unit lacks watts, or clean or cheap ones, for now",
    WorkloadReason.WAITING_FOR_CAPACITY: "lawful units exist; their GPUs are in use",
    WorkloadReason.WAITING_FOR_SITE: "an offer is out and the site has not answered yet",
    WorkloadReason.REFUSED: "every unit that the law allows has refused for now",
    WorkloadReason.NO_UNIT_ALLOWED: "law or limits leave no unit; only an edit, or a new attested fact, helps",
    WorkloadReason.NEVER_FITS: "larger than any lawful unit when empty; ask for less, or allow splitting",
    WorkloadReason.DRAINING: "ending where it runs, within the notice",
    WorkloadReason.SUSPENDED: "stopped for now where it is; it resumes there",
    WorkloadReason.SITE_UNREACHABLE: "the hub does not hear the site; the workload goes on there, as far as is known",
    WorkloadReason.TEMPLATE_CONFLICT: "the pod template sets what spec.gpu already says; remove it from the template",
    WorkloadReason.TEMPLATE_REFUSED: "the site's API server refuses the pods; its words are in the message",
    WorkloadReason.KIND_NOT_SERVED: "the cluster lacks the kind (VirtualMachine needs KubeVirt)",
    WorkloadReason.NO_LOCAL_SITE: "labelled local, and no site process serves this cluster",
    WorkloadReason.LAW_BROKEN: "a rule no longer holds where it runs: drained within the notice, then stopped",
}


def meaning(reason: str) -> str:
    """The sentence for a reason of either list; empty for one that a newer server has added."""
    return UNIT_REASONS.get(reason) or WORKLOAD_REASONS.get(reason) or ""
