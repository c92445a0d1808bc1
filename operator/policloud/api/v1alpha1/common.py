"""What all six kinds share: the base models, the scalar types, conditions and object metadata."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from policloud.api.v1alpha1.schema import Form, KindInfo, MapOf, Rule

_ACRONYMS = {
    "gpu": "GPU",
    "gpus": "GPUs",
    "gib": "GiB",
    "kwh": "KWh",
    "mwh": "MWh",
    "mhz": "MHz",
    "co2e": "CO2e",
    "id": "ID",
    "uid": "UID",
}


def camel(name: str) -> str:
    """`max_gpus_percent` → `maxGPUsPercent`, `class_` → `class`: attribute name to wire name."""
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)


class ApiModel(BaseModel):
    """An immutable piece of an API object. Fields unknown to this version are ignored when reading."""

    model_config = ConfigDict(
        alias_generator=camel, populate_by_name=True, extra="ignore", frozen=True, protected_namespaces=()
    )
    # CEL rules on the whole object; the API server checks them, reading does not
    rules: ClassVar[tuple[Rule, ...]] = ()


RFC1123_LABEL = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
RFC1123_SUBDOMAIN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"

Name = Annotated[
    str,
    Field(min_length=1, max_length=63, pattern=RFC1123_LABEL),
    Form("lower case letters, digits and dashes, as in rougeline-1"),
]
ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=RFC1123_SUBDOMAIN),
    Form("lower case letters, digits, dashes and dots, as in rougeline-1"),
]
HubID = Annotated[
    str,
    Field(min_length=1, max_length=40, pattern=RFC1123_LABEL),
    Form("lower case letters, digits and dashes, as in policloud-eu"),
]
Text = Annotated[str, Field(max_length=256)]
Identifier = Annotated[str, Field(min_length=1, max_length=128)]
CamelWord = Annotated[
    str,
    Field(min_length=1, max_length=128, pattern=r"^[A-Z][A-Za-z0-9]*$"),
    Form("one CamelCase word, as in WaitingForEnergy"),
]
LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[
    str,
    Field(max_length=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"),
    Form("a label value: letters, digits, dashes, underscores and dots"),
]
NodeSelector = Annotated[dict[str, LabelValue], Field(max_length=16)]
Url = Annotated[
    str, Field(max_length=1024, pattern=r"^[a-z][a-z0-9+.-]*://[^\s]+$"), Form("a URL, as in https://meter.site/power")
]
Host = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]*$"),
    Form("a host name or an IP address"),
]
Port = Annotated[int, Field(ge=1, le=65535)]
FilePath = Annotated[str, Field(min_length=1, max_length=1024)]

Country = Annotated[
    str,
    Field(max_length=64, pattern=r"^[A-Z]{2}$"),
    Form("a country code of two capital letters (ISO 3166-1), as in FR"),
]
Subdivision = Annotated[
    str,
    Field(max_length=64, pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$"),
    Form("a country code, a dash and a subdivision (ISO 3166-2), as in FR-47"),
]
Place = Annotated[
    str,
    Field(max_length=64, pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?|EEA)$"),
    Form("a country (FR), a subdivision (FR-47), EU or EEA"),
]
Exposure = Annotated[
    str,
    Field(max_length=64, pattern=r"^[A-Z]{2}-[A-Za-z0-9][A-Za-z0-9-]*$"),
    Form("a country code, a dash and the name of a law, as in US-CLOUD-Act"),
]
Scheme = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    Form("letters, digits, dashes, underscores and dots, as in ISO27001"),
]
Product = Annotated[
    str,
    Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"),
    Form("the label nvidia.com/gpu.product of a node, as in NVIDIA-L40S"),
]

Currency = Annotated[
    str,
    Field(max_length=64, pattern=r"^[A-Z]{3}$"),
    Form("a currency code of three capital letters (ISO 4217), as in EUR"),
]
Money = Annotated[
    str,
    Field(max_length=24, pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"),
    Form("a decimal number with at most 6 places, as in 38.00 or -1.50"),
]
PositiveMoney = Annotated[
    str,
    Field(max_length=24, pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$"),
    Form("a decimal number with at most 6 places, not negative, as in 38.00"),
]
Ratio = Annotated[
    str,
    Field(max_length=16, pattern=r"^[0-9]{1,4}(\.[0-9]{1,6})?$"),
    Form("a decimal number with at most 6 places, not negative, as in 1.08"),
]
PercentShare = Annotated[
    str,
    Field(max_length=10, pattern=r"^(100(\.0{1,6})?|[0-9]{1,2}(\.[0-9]{1,6})?)$"),
    Form("a decimal number from 0 to 100 with at most 6 places, as in 24.5"),
]

Watts = Annotated[int, Field(ge=0, le=10_000_000_000)]
SignedWatts = Annotated[int, Field(ge=-10_000_000_000, le=10_000_000_000)]
WattHours = Annotated[int, Field(ge=0, le=1_000_000_000_000_000)]
Grams = Annotated[int, Field(ge=0, le=1_000_000_000_000_000)]
GramsPerKWh = Annotated[int, Field(ge=0, le=5000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Weight = Annotated[int, Field(ge=0, le=100)]
Celsius = Annotated[int, Field(ge=-60, le=120)]
Seconds = Annotated[int, Field(ge=0, le=31_536_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
GiB = Annotated[int, Field(ge=0, le=1_000_000_000)]
Counter = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]

Digest = Annotated[
    str, Field(max_length=71, pattern=r"^sha256:[0-9a-f]{64}$"), Form("sha256: and 64 lower case hexadecimal digits")
]
Uid = Annotated[
    str,
    Field(max_length=36, pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    Form("a UID, as in 0b9e4f0e-5d6a-4c1e-9f6b-2f6d2b1c7a10"),
]
Acceptance = Annotated[
    str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]{8,64}$"), Form("8 to 64 letters, digits, dashes and underscores")
]
# 32 and 64 bytes in base64, standard or URL-safe, padded or not
PublicKey = Annotated[
    str, Field(max_length=64, pattern=r"^ed25519:[A-Za-z0-9+/_-]{43}=?$"), Form("ed25519: and 32 bytes in base64")
]
Signature = Annotated[
    str, Field(max_length=128, pattern=r"^ed25519:[A-Za-z0-9+/_-]{86}(==)?$"), Form("ed25519: and 64 bytes in base64")
]
ClockTime = Annotated[
    str,
    Field(max_length=64, pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
    Form("a time of day from 00:00 to 24:00, as in 06:30"),
]
_DAY = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
Days = Annotated[
    str,
    Field(max_length=31, pattern=rf"^{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*$"),
    Form("English days of the week, as in Mon-Fri or Sat,Sun"),
]

WorkloadClass = Literal["Inference", "Batch", "VirtualMachine"]
Classification = Literal["Public", "Internal", "Personal", "Health", "Classified"]
ConditionStatus = Literal["True", "False", "Unknown"]


def name_is_label_value() -> Rule:
    """For kinds whose name becomes a label value of what they own."""
    return Rule(
        "size(self.metadata.name) <= 63",
        "metadata.name must not be longer than 63 characters: it is a label value",
        "'metadata.name must not be longer than 63 characters, as it is a label value, and has '"
        " + string(size(self.metadata.name))",
    )


class ObjectMeta(ApiModel):
    """The part of metadata that this project reads."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: AwareDatetime | None = None
    deletion_timestamp: AwareDatetime | None = None
    finalizers: tuple[str, ...] = ()


class Condition(ApiModel):
    """One aspect of how the object is (Kubernetes metav1.Condition)."""

    type: CamelWord
    """What it is about, e.g. Ready."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: CamelWord
    """Why, in one stable word, e.g. WaitingForEnergy."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, for people."""
    observed_generation: Annotated[int, Field(ge=-1)] | None = None
    """The metadata.generation that this was concluded from."""
    last_transition_time: AwareDatetime
    """When status last changed."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16), MapOf(("type",))]


class StatusModel(ApiModel):
    """What every status begins with."""

    observed_generation: Annotated[int, Field(ge=-1)] | None = None
    """The metadata.generation that this status was concluded from; -1: nobody has looked yet."""
    conditions: Conditions = ()
    """Ready is the summary; Reconciling: work goes on; Stalled: only an edit of the spec helps."""

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type, if there is one."""
        return next((c for c in self.conditions if c.type == type_), None)


class ApiObject(ApiModel):
    """A top-level kind. Subclasses add `kind`, `spec`, `status` and `info`."""

    info: ClassVar[KindInfo]
    # CEL rules on the root: of metadata only name may be used there
    root_rules: ClassVar[tuple[Rule, ...]] = ()

    api_version: Literal["policloud.io/v1alpha1"] = "policloud.io/v1alpha1"
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)

    def to_body(self) -> dict[str, Any]:
        """The object as the API server takes it: camelCase, absent instead of null, times in RFC 3339."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")
