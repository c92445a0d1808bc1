"""Meters of an EnergySource: where watts are read, and what is believed of them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    ClockTime,
    FilePath,
    Host,
    Name,
    ObjectName,
    Percent,
    Port,
    Seconds,
    SignedWatts,
    Text,
    Url,
    Watts,
)
from policloud.api.v1alpha1.schema import Form, MapOf, Rule

Quantity = Literal["Generation", "SiteImport", "GridExchange", "Branch", "IT"]
Quality = Literal["Good", "Stale", "Dead", "Implausible", "Unknown"]


def exactly_one(what: str, names: tuple[str, ...]) -> Rule:
    """The rule that exactly one of these fields is set; its message lists those that are."""
    count = " + ".join(f"(has(self.{n}) ? 1 : 0)" for n in names)
    found = " + ".join(f"(has(self.{n}) ? ['{n}'] : [])" for n in names)
    must = f"exactly one of {', '.join(names)} must be set{what}"
    return Rule(f"{count} == 1", must, f"'{must}, not [' + ({found}).join(', ') + ']'")


class SecretReference(ApiModel):
    """A Secret in the namespace of the object that names it."""

    name: ObjectName
    """Name of the Secret."""


class ConstantTrace(ApiModel):
    """Always the same power."""

    watts: Watts
    """Power, in watts."""


class FileTrace(ApiModel):
    """Power read from a CSV file of the site's machine."""

    file: FilePath
    """CSV with the header time,watts. Read again when it changes."""
    loop: bool | None = None
    """Start over at the end; else the last value holds. Default false."""


class WindShape(ApiModel):
    """A wind farm as a smooth random walk around its mean; the same seed gives the same wind."""

    mean_watts: Watts
    """Mean power, in watts."""
    variability_percent: Percent | None = None
    """How far it swings around the mean. Default 30."""
    period_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """Length of a typical gust cycle. Default 3600."""
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    """Seed of the walk. Default 0."""


class SolarShape(ApiModel):
    """A PV plant under a clear sky: half a sine between sunrise and sunset, local time of the unit."""

    rules: ClassVar = (
        Rule(
            "self.sunrise < self.sunset",
            "`sunrise` must be before `sunset`",
            "'sunrise ' + self.sunrise + ' must be before sunset ' + self.sunset",
        ),
    )

    peak_watts: Watts
    """Power at solar noon, in watts."""
    sunrise: ClockTime
    """First minute, HH:MM, e.g. "06:30"."""
    sunset: ClockTime
    """HH:MM, e.g. "20:15"."""


class SimulatedMeter(ApiModel):
    """A meter without hardware, for trials and tests."""

    rules: ClassVar = (exactly_one(" in `simulated`", ("constant", "trace", "wind", "solar")),)

    constant: ConstantTrace | None = None
    """Always the same power."""
    trace: FileTrace | None = None
    """Power from a CSV file."""
    wind: WindShape | None = None
    """The shape of a wind farm."""
    solar: SolarShape | None = None
    """The shape of a PV plant."""


class SunSpecMeter(ApiModel):
    """A SunSpec device (inverter, meter, battery) over Modbus TCP."""

    host: Host
    """Name or address."""
    port: Port | None = None
    """TCP port. Default 502."""
    unit: Annotated[int, Field(ge=0, le=247)] | None = None
    """Modbus unit identifier. Default 1."""
    model: Annotated[int, Field(ge=1, le=65535)] | None = None
    """SunSpec model to read, e.g. 203. Default: the first that measures power."""


class ModbusMeter(ApiModel):
    """Any other Modbus TCP device: one register holds the power."""

    host: Host
    """Name or address."""
    port: Port | None = None
    """TCP port. Default 502."""
    unit: Annotated[int, Field(ge=0, le=247)] | None = None
    """Modbus unit identifier. Default 1."""
    register_: Annotated[int, Field(ge=0, le=65535)]
    """Address of the register, counted from 0."""
    function: Literal["Holding", "Input"] | None = None
    """Kind of register. Default Holding."""
    encoding: Literal["Int16", "UInt16", "Int32", "UInt32", "Float32"]
    """How the value is stored, big endian."""
    milliwatts_per_count: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """What one count of an integer encoding means, in milliwatts. Default 1000."""


class MqttMeter(ApiModel):
    """A topic whose last message holds the power in watts."""

    url: Url
    """Broker, e.g. mqtts://broker.site:8883."""
    topic: Annotated[str, Field(min_length=1, max_length=512)]
    """Topic, without wildcards, e.g. feeder/power."""
    json_pointer: Text | None = None
    """RFC 6901 pointer to the number, if messages are JSON, e.g. /power."""
    credentials_secret: SecretReference | None = None
    """Secret with username and password."""


class PrometheusMeter(ApiModel):
    """An instant query that gives one number, in watts."""

    url: Url
    """Base URL of the server."""
    query: Annotated[str, Field(min_length=1, max_length=2048)]
    """PromQL, e.g. sum(pdu_power_watts)."""
    credentials_secret: SecretReference | None = None
    """Secret with token, or username and password."""


class RedfishMeter(ApiModel):
    """Power as a management controller reports it."""

    url: Url
    """Base URL of the service."""
    path: Annotated[str, Field(min_length=1, max_length=512, pattern=r"^/[^\s]*$"), Form("an absolute path")]
    """Resource, e.g. /redfish/v1/Chassis/1/Sensors/TotalPower."""
    credentials_secret: SecretReference | None = None
    """Secret with username and password."""


class HttpMeter(ApiModel):
    """A page of JSON that holds the power in watts."""

    url: Url
    """What is fetched."""
    json_pointer: Text | None = None
    """RFC 6901 pointer to the number, e.g. /site/power. Default: the whole page is the number."""
    credentials_secret: SecretReference | None = None
    """Secret with token, or username and password."""


class Plausible(ApiModel):
    """What this meter can honestly say; anything else is Implausible and treated as stale."""

    rules: ClassVar = (
        Rule(
            "self.minWatts <= self.maxWatts",
            "`minWatts` must not be greater than `maxWatts`",
            "'minWatts ' + string(self.minWatts) + ' must not be greater than maxWatts ' + string(self.maxWatts)",
        ),
    )

    min_watts: SignedWatts
    """Smallest believable value, in watts."""
    max_watts: SignedWatts
    """Largest believable value, in watts."""
    max_ramp_watts_per_second: Watts | None = None
    """Fastest believable change. Default: any."""


class Branch(ApiModel):
    """The branch of a unit that a Branch or IT meter sits on."""

    unit: ObjectName
    """PolicloudUnit in this namespace."""
    branch: Name | None = None
    """Its electrical.branches[].name. Default: the whole unit."""


PROVIDERS = ("simulated", "sunspec", "modbus", "mqtt", "prometheus", "redfish", "http")


class MeterSpec(ApiModel):
    """One meter, read by exactly one provider."""

    rules: ClassVar = (
        exactly_one(" as the provider of a meter", PROVIDERS),
        Rule(
            "self.quantity != 'Branch' || has(self.at)",
            "`at` must say which branch a meter of quantity Branch sits on",
            "'at must say which branch meter ' + self.name + ' of quantity Branch sits on'",
        ),
        Rule(
            "!has(self.plausible) || self.quantity == 'GridExchange' || self.plausible.minWatts >= 0",
            "`plausible.minWatts` must not be negative: only GridExchange has a sign",
            "'plausible.minWatts ' + string(self.plausible.minWatts) + ' must not be negative with quantity '"
            " + self.quantity + ': only GridExchange has a sign'",
            ".plausible",
        ),
    )

    name: Name
    """Name of the meter, unique in its source."""
    quantity: Quantity
    """What it measures. Generation: made, positive. SiteImport: drawn by the site, positive. GridExchange: import
    positive, export negative. Branch, IT: drawn, positive."""
    at: Branch | None = None
    """Where it sits, for Branch and IT."""
    plausible: Plausible | None = None
    """What is believed of it."""
    simulated: SimulatedMeter | None = None
    """No hardware: constant, trace file, wind or solar shape."""
    sunspec: SunSpecMeter | None = None
    """A SunSpec device over Modbus TCP."""
    modbus: ModbusMeter | None = None
    """A register over Modbus TCP."""
    mqtt: MqttMeter | None = None
    """A topic of an MQTT broker."""
    prometheus: PrometheusMeter | None = None
    """A PromQL query."""
    redfish: RedfishMeter | None = None
    """A Redfish sensor."""
    http: HttpMeter | None = None
    """A page of JSON."""

    @property
    def provider(self) -> str:
        """Name of the provider block that is set."""
        return next((p for p in PROVIDERS if getattr(self, p) is not None), "none")


class Telemetry(ApiModel):
    """Meters and how long their word holds."""

    rules: ClassVar = (
        Rule(
            "self.periodSeconds <= self.staleAfterSeconds && self.staleAfterSeconds <= self.deadAfterSeconds",
            "must be in order: `periodSeconds` <= `staleAfterSeconds` <= `deadAfterSeconds`",
            "'must be in order: periodSeconds ' + string(self.periodSeconds) + ' <= staleAfterSeconds '"
            " + string(self.staleAfterSeconds) + ' <= deadAfterSeconds ' + string(self.deadAfterSeconds)",
        ),
    )

    period_seconds: Annotated[int, Field(ge=1, le=3600)]
    """How often meters are read."""
    stale_after_seconds: Annotated[Seconds, Field(ge=1)]
    """Without news for so long, power is not raised any more."""
    dead_after_seconds: Annotated[Seconds, Field(ge=1)]
    """Without news for so long, the source counts as its p10 forecast or as nothing."""
    meters: Annotated[tuple[MeterSpec, ...], Field(min_length=1, max_length=16), MapOf(("name",))]
    """What is read."""
    quorum: Literal["Any", "Median", "All"] | None = None
    """How meters of one quantity agree. Default Any: the lowest that is good."""
