"""Wire types of policloud.io/v1alpha1, as Pydantic models.

    workload = SovereignWorkload.model_validate(raw)   # raises pydantic.ValidationError
    raw = workload.to_body()

Reading ignores fields that this version does not know; refusing them is the API server's job.
"""

from policloud.api.v1alpha1.common import ApiModel, ApiObject, Condition, ObjectMeta, StatusModel
from policloud.api.v1alpha1.energy_source import EnergySource, EnergySourceSpec, EnergySourceStatus
from policloud.api.v1alpha1.policloud_unit import PolicloudUnit, PolicloudUnitSpec, Pool
from policloud.api.v1alpha1.site_mandate import SiteMandate, SiteMandateSpec, SiteMandateStatus
from policloud.api.v1alpha1.site_membership import (
    AttestedUnit,
    SiteMembership,
    SiteMembershipSpec,
    SiteMembershipStatus,
)
from policloud.api.v1alpha1.sovereign_workload import SovereignWorkload, SovereignWorkloadSpec
from policloud.api.v1alpha1.unit_status import PolicloudUnitStatus
from policloud.api.v1alpha1.work_offer import WorkOffer, WorkOfferSpec, WorkOfferStatus
from policloud.api.v1alpha1.workload_status import SovereignWorkloadStatus

KINDS: tuple[type[ApiObject], ...] = (
    PolicloudUnit,
    EnergySource,
    SovereignWorkload,
    SiteMembership,
    WorkOffer,
    SiteMandate,
)

__all__ = [
    "KINDS",
    "ApiModel",
    "ApiObject",
    "AttestedUnit",
    "Condition",
    "EnergySource",
    "EnergySourceSpec",
    "EnergySourceStatus",
    "ObjectMeta",
    "PolicloudUnit",
    "PolicloudUnitSpec",
    "PolicloudUnitStatus",
    "Pool",
    "SiteMandate",
    "SiteMandateSpec",
    "SiteMandateStatus",
    "SiteMembership",
    "SiteMembershipSpec",
    "SiteMembershipStatus",
    "SovereignWorkload",
    "SovereignWorkloadSpec",
    "SovereignWorkloadStatus",
    "StatusModel",
    "WorkOffer",
    "WorkOfferSpec",
    "WorkOfferStatus",
]
