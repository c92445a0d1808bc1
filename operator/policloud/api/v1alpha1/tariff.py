"""What energy costs, what it emits, what is expected of it and what is sold: the paper side of an EnergySource."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    ClockTime,
    Currency,
    Days,
    FilePath,
    GramsPerKWh,
    Identifier,
    Money,
    Name,
    Percent,
    PositiveMoney,
    Seconds,
    Text,
    Url,
    Watts,
)
from policloud.api.v1alpha1.schema import MapOf, Rule, SetOf
from policloud.api.v1alpha1.telemetry import SecretReference, exactly_one


class HttpSeries(ApiModel):
    """A time series as JSON: a list of {time, value}."""

    url: Url
    """What is fetched."""
    credentials_secret: SecretReference | None = None
    """Secret with token, or username and password."""


class FileSeries(ApiModel):
    """A time series as CSV with the header time,value."""

    file: FilePath
    """Path on the site's machine. Read again when it changes."""


class Weather(ApiModel):
    """Where the expected wind comes from."""

    rules: ClassVar = (exactly_one(" in `weather`", ("http", "file")),)

    http: HttpSeries | None = None
    """A page of JSON."""
    file: FileSeries | None = None
    """A CSV file."""


class PowerCurve(ApiModel):
    """Wind speed to power by the curve of a turbine."""

    turbine: Identifier
    """Turbine, e.g. V90/2000."""
    hub_height_meters: Annotated[int, Field(ge=1, le=300)]
    """Height of the hub above ground, in metres."""
    weather: Weather
    """Where the wind forecast comes from."""


class ClearSky(ApiModel):
    """Position of the sun to power."""

    peak_watts: Watts
    """Power at standard test conditions, in watts."""
    tilt_degrees: Annotated[int, Field(ge=0, le=90)] | None = None
    """Of the panels, 0 is flat. Default 30."""
    azimuth_degrees: Annotated[int, Field(ge=0, le=359)] | None = None
    """Of the panels, 180 is south. Default 180."""


class Forecast(ApiModel):
    """Expected power, with quantiles."""

    rules: ClassVar = (
        Rule(
            "(self.provider == 'Persistence' && !has(self.clearSky) && !has(self.powerCurve) && !has(self.http)"
            " && !has(self.file)) || (self.provider == 'ClearSky' && has(self.clearSky))"
            " || (self.provider == 'PowerCurve' && has(self.powerCurve)) || (self.provider == 'HTTP' && has(self.http))"
            " || (self.provider == 'File' && has(self.file))",
            "the block of `provider` must be set (clearSky, powerCurve, http or file; none for Persistence)",
            "'forecast provider ' + self.provider + ' '"
            " + (self.provider == 'Persistence' ? 'takes no block' : 'needs its block, ' + {'ClearSky': 'clearSky',"
            " 'PowerCurve': 'powerCurve', 'HTTP': 'http', 'File': 'file'}[self.provider])",
        ),
    )

    provider: Literal["Persistence", "ClearSky", "PowerCurve", "HTTP", "File"]
    """Persistence: as now. The others read their own block."""
    clear_sky: ClearSky | None = None
    """With provider ClearSky."""
    power_curve: PowerCurve | None = None
    """With provider PowerCurve."""
    http: HttpSeries | None = None
    """With provider HTTP."""
    file: FileSeries | None = None
    """With provider File."""
    horizon_hours: Annotated[int, Field(ge=1, le=168)] | None = None
    """How far ahead. Default 48."""
    step_minutes: Annotated[int, Field(ge=1, le=1440)] | None = None
    """Length of a step. Default 15."""
    quantiles: Annotated[tuple[Percent, ...], Field(max_length=9), SetOf()] = ()
    """Quantiles asked for. Default 10, 50, 90."""
    refresh_seconds: Annotated[Seconds, Field(ge=10)] | None = None
    """How often it is made anew. Default 900."""


class FixedPrice(ApiModel):
    """One price, day and night."""

    price_per_mwh: Money
    """Decimal string, e.g. "85.00"."""


class TariffPeriod(ApiModel):
    """Hours of the week with one price."""

    rules: ClassVar = (
        Rule(
            "self.from < self.to",
            "`from` must be before `to`; write hours over midnight as two entries",
            "'from ' + self.from + ' must be before to ' + self.to + '; write hours over midnight as two entries'",
        ),
    )

    name: Name
    """Name of the period, e.g. peak."""
    days: Days
    """Days of the week, e.g. Mon-Fri or Sat,Sun."""
    from_: ClockTime
    """First minute, HH:MM, local time of the unit."""
    to: ClockTime
    """HH:MM, up to "24:00"."""
    price_per_mwh: Money
    """Decimal string, e.g. "120.00"."""


class TimeOfUse(ApiModel):
    """Prices by hour of the week."""

    periods: Annotated[tuple[TariffPeriod, ...], Field(min_length=1, max_length=48), MapOf(("name",))]
    """The first that matches holds."""
    otherwise_per_mwh: Money
    """Price outside all periods, e.g. "95.00"."""


class Market(ApiModel):
    """A market price by zone."""

    provider: Literal["ENTSOE", "ERCOT", "HTTP", "File"]
    """Who publishes it."""
    zone: Identifier | None = None
    """Bidding zone or hub, e.g. 10YFR-RTE------C or HB_WEST."""
    http: HttpSeries | None = None
    """With provider HTTP."""
    file: FileSeries | None = None
    """With provider File."""
    credentials_secret: SecretReference | None = None
    """Secret with token."""


class Opportunity(ApiModel):
    """A kWh costs what it would have earned: the reference price less the fee, at least the floor."""

    reference: Literal["DayAhead", "Imbalance", "Fixed"]
    """Which price it would have been sold at."""
    reference_per_mwh: Money | None = None
    """The price with reference Fixed, and while no other is known, e.g. "40.00"."""
    fee_per_mwh: PositiveMoney
    """What the route to market takes, e.g. "6.00"."""
    floor_per_mwh: Money
    """Never less than this, e.g. "0.00"."""


class Price(ApiModel):
    """What a kWh costs here."""

    rules: ClassVar = (
        Rule(
            "has(self.fixed) == (self.model == 'Fixed') && has(self.timeOfUse) == (self.model == 'TimeOfUse')"
            " && has(self.opportunity) == (self.model == 'Opportunity')",
            "the block of `model` must be set, and no other of fixed, timeOfUse, opportunity",
            "'price model ' + self.model + ' does not go with the blocks [' + ((has(self.fixed) ? ['fixed'] : [])"
            " + (has(self.timeOfUse) ? ['timeOfUse'] : []) + (has(self.opportunity) ? ['opportunity'] : [])).join(', ')"
            " + ']'",
        ),
    )

    model: Literal["Fixed", "TimeOfUse", "DayAhead", "Imbalance", "Opportunity"]
    """How the price is made."""
    currency: Currency
    """ISO 4217, e.g. EUR."""
    fixed: FixedPrice | None = None
    """With model Fixed."""
    time_of_use: TimeOfUse | None = None
    """With model TimeOfUse."""
    market: Market | None = None
    """Source of DayAhead and Imbalance prices."""
    opportunity: Opportunity | None = None
    """With model Opportunity."""
    grid_tariff_per_mwh: PositiveMoney | None = None
    """Paid to the grid on top of what is drawn from it. Default 0."""
    taxes_per_mwh: PositiveMoney | None = None
    """Paid on top. Default 0."""
    negative_policy: Literal["Consume", "Ignore", "Curtail"] | None = None
    """At negative prices. Consume: as much as possible. Ignore: as at zero. Curtail: the plant stops. Default
    Ignore."""


class CarbonSignal(ApiModel):
    """Grams per kWh over time."""

    rules: ClassVar = (exactly_one(" in a carbon signal", ("gramsPerKWh", "zone", "http", "file")),)

    grams_per_kwh: GramsPerKWh | None = None
    """A fixed figure."""
    zone: Identifier | None = None
    """Zone of a carbon service, always stated, never guessed, e.g. FR."""
    http: HttpSeries | None = None
    """A page of JSON."""
    file: FileSeries | None = None
    """A CSV file."""


class Carbon(ApiModel):
    """Grams of CO2 equivalent in a kWh."""

    lifecycle_grams_per_kwh: GramsPerKWh | None = None
    """Of one's own plant over its life, e.g. 11 for wind."""
    average: CarbonSignal | None = None
    """Average of what is drawn, for reports."""
    marginal: CarbonSignal | None = None
    """Of one kWh more, for decisions."""
    accounting: Literal["Location", "Market"] | None = None
    """Which figure limits and prices use. Default Location."""
    market_grams_per_kwh: GramsPerKWh | None = None
    """Market based figure of the contract. Default: as location based."""
    guarantees_of_origin: bool | None = None
    """Guarantees of origin are cancelled for what is consumed. Default false."""


class Contract(ApiModel):
    """The contract that energy is bought or sold under."""

    rules: ClassVar = (
        Rule(
            "!has(self.start) || !has(self.end) || self.start < self.end",
            "`start` must be before `end`",
            "'start ' + string(self.start) + ' must be before end ' + string(self.end)",
        ),
    )

    kind: Literal["ObligationAchat", "ComplementRemuneration", "PPA", "Merchant", "Retail", "CurtailmentRight"]
    """What it is."""
    previous: (
        Literal["ObligationAchat", "ComplementRemuneration", "PPA", "Merchant", "Retail", "CurtailmentRight"] | None
    ) = None
    """What it was before `start`."""
    start: date | None = None
    """First day."""
    end: date | None = None
    """Last day."""
    take_or_pay: bool | None = None
    """What is not taken is paid all the same. Default false."""
    settlement_minutes: Annotated[int, Field(ge=1, le=1440)] | None = None
    """Settlement period. Default 15."""
    curtailment_notice_seconds: Seconds | None = None
    """Warning before the buyer may stop it. Default 0."""


class FlexibilityProduct(ApiModel):
    """One product sold to the grid: power up or down on a signal."""

    name: Name
    """Name of this entry."""
    product: Literal["FCR", "AFRR", "MFRR", "NEBEF", "AOFD", "SRAD", "ERS10", "ERS30", "FourCP", "Custom"]
    """The market's name for it."""
    direction: Literal["Up", "Down", "Both"]
    """Up: draw less. Down: draw more."""
    activation_seconds: Seconds
    """From signal to full power."""
    max_duration_seconds: Seconds | None = None
    """Longest call."""
    recovery_seconds: Seconds | None = None
    """Rest between two calls."""
    min_watts: Watts | None = None
    """Smallest bid, in watts."""
    baseline: Text | None = None
    """How the market says what would have been drawn, e.g. HighXOfY."""
    signal: Literal["OpenADR3", "DSXFlex", "FrequencyMeter", "MQTT", "Manual"]
    """How the call arrives."""
    penalty_per_mwh: PositiveMoney | None = None
    """Paid for what is not delivered."""
