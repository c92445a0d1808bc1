"""EnergySource: one feed of a site, as its owner describes it, and what it gives now."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    ApiObject,
    Country,
    Currency,
    GramsPerKWh,
    Identifier,
    Money,
    Name,
    Percent,
    PositiveMoney,
    Ratio,
    Seconds,
    SignedWatts,
    StatusModel,
    WattHours,
    Watts,
)
from policloud.api.v1alpha1.schema import Column, KindInfo, MapOf, Rule
from policloud.api.v1alpha1.tariff import Carbon, Contract, FlexibilityProduct, Forecast, Price
from policloud.api.v1alpha1.telemetry import Quality, Telemetry

SourceType = Literal["Wind", "Solar", "Grid", "Battery", "CombinedHeatPower", "Generator"]


class Overload(ApiModel):
    """One point of a trip curve."""

    percent: Annotated[int, Field(ge=101, le=2000)]
    """Load in percent of the rated current, above 100."""
    seconds: Annotated[Seconds, Field(ge=1)]
    """How long that load is survived."""


class Breaker(ApiModel):
    """The device that trips."""

    rated_amperes: Annotated[int, Field(ge=1, le=100_000)]
    """Rated current, in amperes."""
    volts: Annotated[int, Field(ge=1, le=400_000)]
    """Voltage between phases (or phase and neutral, if one phase), in volts."""
    phases: Annotated[int, Field(ge=1, le=3)]
    """1 or 3."""
    power_factor: Ratio | None = None
    """Decimal string up to 1, e.g. "0.95". Default 1."""
    continuous_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """Share of the rated current that may flow for hours. Default 80."""
    trip_curve: Annotated[tuple[Overload, ...], Field(max_length=16), MapOf(("percent",))] = ()
    """How long which overload is survived."""

    rules: ClassVar = (
        Rule("self.phases != 2", "`phases` must be 1 or 3", "'phases must be 1 or 3, not ' + string(self.phases)"),
        Rule(
            "!has(self.powerFactor) || !self.powerFactor.matches('^[0-9.]+$')"
            " || (double(self.powerFactor) > 0.0 && double(self.powerFactor) <= 1.0)",
            "`powerFactor` must be above 0 and at most 1",
            "'powerFactor must be above 0 and at most 1, not ' + self.powerFactor",
        ),
    )


class StateOfCharge(ApiModel):
    """Bounds of the charge, in percent of usableWattHours."""

    rules: ClassVar = (
        Rule(
            "self.minPercent <= self.reservePercent && self.reservePercent <= self.maxPercent",
            "must be in order: `minPercent` <= `reservePercent` <= `maxPercent`",
            "'must be in order: minPercent ' + string(self.minPercent) + ' <= reservePercent '"
            " + string(self.reservePercent) + ' <= maxPercent ' + string(self.maxPercent)",
        ),
    )

    min_percent: Percent
    """Never discharged below."""
    reserve_percent: Percent
    """Kept for outages; only an emergency goes below."""
    max_percent: Percent
    """Never charged above."""


class Battery(ApiModel):
    """What a battery can do."""

    usable_watt_hours: WattHours
    """Energy between empty and full, in watt hours."""
    max_charge_watts: Watts
    """Largest charging power, in watts."""
    max_discharge_watts: Watts
    """Largest discharging power, in watts."""
    efficiency_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """Round trip. Default 90."""
    state_of_charge: StateOfCharge | None = None
    """Bounds of the charge. Default 5, 20, 95."""
    cycle_cost_per_mwh: PositiveMoney | None = None
    """Wear per MWh discharged, in the price's currency, e.g. "25.00"."""
    heartbeat_seconds: Annotated[int, Field(ge=1, le=3600)] | None = None
    """How often its inverter wants to be told to go on; else it stops by itself."""


class EnergySourceSpec(ApiModel):
    """One feed: what it is and what it may give. Units name it in electrical.sources."""

    rules: ClassVar = (
        Rule(
            "(self.type == 'Battery') == has(self.battery)",
            "`battery` must be set if and only if `type` is Battery",
            "has(self.battery) ? 'battery must not be set with type ' + self.type"
            " : 'battery must be set with type ' + self.type",
            ".battery",
        ),
        Rule(
            "!has(self.subscribedWatts) || !has(self.importLimitWatts)"
            " || self.subscribedWatts <= self.importLimitWatts",
            "`subscribedWatts` must not be greater than `importLimitWatts`",
            "'subscribedWatts ' + string(self.subscribedWatts) + ' must not be greater than importLimitWatts '"
            " + string(self.importLimitWatts)",
            ".subscribedWatts",
        ),
        Rule(
            "self.type != 'Grid' || has(self.importLimitWatts)",
            "`importLimitWatts` must be set with type Grid: it is what the site may draw",
            "'importLimitWatts must be set with type ' + self.type + ': it is what the site may draw'",
            ".importLimitWatts",
        ),
        Rule(
            "self.connection != 'Island' || ((!has(self.importLimitWatts) || self.importLimitWatts == 0)"
            " && (!has(self.exportLimitWatts) || self.exportLimitWatts == 0))",
            "`connection` Island has no grid: `importLimitWatts` and `exportLimitWatts` must be absent or 0",
            "'connection ' + self.connection + ' has no grid: importLimitWatts ' + (has(self.importLimitWatts) ?"
            " string(self.importLimitWatts) : 'absent') + ' and exportLimitWatts ' + (has(self.exportLimitWatts) ?"
            " string(self.exportLimitWatts) : 'absent') + ' must be absent or 0'",
            ".connection",
        ),
        Rule(
            "self.type == oldSelf.type",
            "`type` must not be changed; make a new source",
            "'type must not be changed from ' + oldSelf.type + ' to ' + self.type + '; make a new source'",
            ".type",
        ),
    )

    type: SourceType
    """Wind, Solar, Grid, Battery, CombinedHeatPower or Generator. Cannot be changed."""
    connection: Literal["BehindTheMeter", "Grid", "Island"]
    """BehindTheMeter: a plant of one's own, grid beside it. Grid: the grid alone. Island: no grid at all."""
    jurisdiction: Country | None = None
    """Where it stands, ISO 3166-1 alpha-2. Default: as the unit."""
    meter_id: Identifier | None = None
    """The settlement meter's identifier, e.g. a French PRM."""
    nameplate_watts: Watts
    """Rated power, in watts."""
    export_limit_watts: Watts | None = None
    """Most that may be fed into the grid, in watts. Default: nothing is fed in."""
    import_limit_watts: Watts | None = None
    """Most that may be drawn through it from the grid, in watts. Default: nothing."""
    subscribed_watts: Watts | None = None
    """Contract power (puissance souscrite), in watts; at most importLimitWatts."""
    breaker: Breaker | None = None
    """The device that trips; its continuous share bounds the power."""
    ride_through_seconds: Seconds | None = None
    """How long an islanded source keeps its voltage when the load stays above its power. Default 0."""
    telemetry: Telemetry
    """Meters and how long their word holds."""
    forecast: Forecast | None = None
    """Where the expected power comes from."""
    price: Price | None = None
    """What a kWh costs, or would have earned."""
    carbon: Carbon | None = None
    """Grams of CO2 equivalent in a kWh."""
    contract: Contract | None = None
    """The contract that it is bought or sold under."""
    flexibility_products: Annotated[tuple[FlexibilityProduct, ...], Field(max_length=16), MapOf(("name",))] = ()
    """Products sold to the grid."""
    battery: Battery | None = None
    """With type Battery alone."""


class MeterStatus(ApiModel):
    """The last that one meter said."""

    name: Name
    """As in spec.telemetry.meters."""
    watts: SignedWatts | None = None
    """Its last value, in watts."""
    quality: Quality
    """Good, Stale, Dead, Implausible or Unknown."""
    observed_at: AwareDatetime | None = None
    """When it was measured."""


class EnergySourceStatus(StatusModel):
    """What the source gives now. Written when a verdict changes; live values are metrics."""

    available_watts: Watts | None = None
    """Power it can give to the site's units, in watts."""
    quality: Quality | None = None
    """What that figure is worth."""
    observed_at: AwareDatetime | None = None
    """When it was measured."""
    meters: Annotated[tuple[MeterStatus, ...], Field(max_length=16), MapOf(("name",))] = ()
    """Meter by meter."""
    grams_per_kwh: GramsPerKWh | None = None
    """Carbon now, location based."""
    price_per_kwh: Money | None = None
    """Price now, as a decimal string in `currency`."""
    currency: Currency | None = None
    """ISO 4217."""
    summary: Annotated[str, Field(max_length=64)] | None = None
    """Available over nameplate power, for kubectl, e.g. 350 kW / 2 MW."""


class EnergySource(ApiObject):
    """One feed of a site: a wind farm, a PV plant, the grid, a battery. Applied by the owner, status by the site."""

    info: ClassVar = KindInfo(
        short_name="esrc",
        conditions=("Ready", "Reconciling", "Stalled", "TelemetryFresh"),
        selectable=(".spec.type", ".spec.connection"),
        columns=(
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Type", ".spec.type"),
            Column("Power", ".status.summary", description="Available over nameplate power"),
            Column("Quality", ".status.quality"),
            Column("Carbon", ".status.gramsPerKWh", "integer", "Grams of CO2 equivalent per kWh"),
            Column("Price/kWh", ".status.pricePerKWh"),
            Column("Connection", ".spec.connection", wide=True),
            Column("Contract", ".spec.contract.kind", wide=True),
            Column("Observed", ".status.observedAt", "date", wide=True),
            Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )

    kind: Literal["EnergySource"] = "EnergySource"
    spec: EnergySourceSpec
    status: EnergySourceStatus = Field(default_factory=EnergySourceStatus)
