"""Cooling, heat and policy of a PolicloudUnit: the owner's private blocks, never published."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    Celsius,
    ClockTime,
    Currency,
    Days,
    Name,
    Percent,
    PositiveMoney,
    Ratio,
    Watts,
    Weight,
)
from policloud.api.v1alpha1.schema import Form, MapOf, Rule, SetOf
from policloud.api.v1alpha1.telemetry import HttpMeter, MqttMeter, PrometheusMeter, exactly_one


class FanPoint(ApiModel):
    """One point of the fan curve."""

    ambient_celsius: Celsius
    """Outside temperature, in degrees Celsius."""
    watts: Watts
    """Power of the fans then, in watts."""


class PueModel(ApiModel):
    """PUE = base + perCelsius x max(0, ambient - 15) + perIdleShare x (1 - load), all decimal strings."""

    base: Ratio
    """At 15 degrees and full load, e.g. "1.08"."""
    per_celsius: Ratio | None = None
    """More per degree above 15, e.g. "0.004". Default 0."""
    per_idle_share: Ratio | None = None
    """More when idle, e.g. "0.10". Default 0."""


class SimulatedAmbient(ApiModel):
    """A day as a sine, without hardware."""

    mean_celsius: Celsius
    """Daily mean, in degrees Celsius."""
    swing_celsius: Annotated[int, Field(ge=0, le=40)] | None = None
    """How far it goes up and down around it. Default 5."""


class Ambient(ApiModel):
    """Where the outside temperature is read."""

    rules: ClassVar = (exactly_one(" in `ambient`", ("simulated", "mqtt", "prometheus", "http")),)

    simulated: SimulatedAmbient | None = None
    """Without hardware."""
    mqtt: MqttMeter | None = None
    """A topic, in degrees Celsius."""
    prometheus: PrometheusMeter | None = None
    """A query, in degrees Celsius."""
    http: HttpMeter | None = None
    """A page of JSON, in degrees Celsius."""


class Cooling(ApiModel):
    """How heat leaves the container; no water is evaporated."""

    kind: Literal["Air", "DryCooler", "Liquid", "Immersion"]
    """Air, DryCooler, Liquid or Immersion."""
    design_ambient_celsius: Celsius
    """Up to this outside temperature it cools all of the load."""
    return_max_celsius: Celsius | None = None
    """Hottest return of air or liquid."""
    inlet_max_celsius: Celsius | None = None
    """Hottest inlet of servers. Default 35."""
    fixed_watts: Watts
    """Pumps and controls, always on, in watts."""
    max_fan_watts: Watts
    """Fans at their worst, in watts."""
    fan_curve: Annotated[tuple[FanPoint, ...], Field(max_length=16), MapOf(("ambientCelsius",))] = ()
    """Power of the fans by outside temperature."""
    pue: PueModel | None = None
    """How overhead follows weather and load."""
    ambient: Ambient | None = None
    """Where the outside temperature is read."""


class HeatPeriod(ApiModel):
    """Heat wanted over some months."""

    months: Annotated[
        str,
        Field(max_length=64, pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|1[0-2])$"),
        Form("two months as numbers, as in 10-04 for October to April"),
    ]
    """First and last month, e.g. "10-04" for October to April."""
    watts: Watts
    """Heat wanted, in watts."""


_SOURCES = ("schedule", "mqtt", "prometheus", "http")


class HeatDemand(ApiModel):
    """How much heat is wanted, in watts."""

    rules: ClassVar = (
        Rule(
            " && ".join(
                f"(self.source == '{s}') == "
                + ("(has(self.schedule) && size(self.schedule) > 0)" if s == "schedule" else f"has(self.{s})")
                for s in _SOURCES
            ),
            "`source` must name the one block that is set: schedule, mqtt, prometheus or http",
            "'source ' + self.source + ' must be the one block that is set, here ['"
            " + ((has(self.schedule) && size(self.schedule) > 0 ? ['schedule'] : []) + "
            + " + ".join(f"(has(self.{s}) ? ['{s}'] : [])" for s in _SOURCES[1:])
            + ").join(', ') + ']'",
        ),
    )

    source: Literal["schedule", "mqtt", "prometheus", "http"]
    """Which of the blocks below says it."""
    schedule: Annotated[tuple[HeatPeriod, ...], Field(max_length=12), MapOf(("months",))] = ()
    """By month. The first that matches holds; else nothing is wanted."""
    mqtt: MqttMeter | None = None
    """A topic, in watts."""
    prometheus: PrometheusMeter | None = None
    """A query, in watts."""
    http: HttpMeter | None = None
    """A page of JSON, in watts."""


class Heat(ApiModel):
    """The contract on heat: who takes it, how much, for how much."""

    sink: Name
    """Who takes it, e.g. greenhouse."""
    demand_watts: HeatDemand
    """How much is wanted."""
    floor_watts: Watts | None = None
    """Heat to be delivered even at a price, in watts. Default 0."""
    supply_min_celsius: Celsius | None = None
    """Coldest supply that is of use."""
    value_per_mwh: PositiveMoney
    """What is paid per MWh of heat, e.g. "38.00"."""
    currency: Currency
    """ISO 4217, e.g. EUR."""
    shortfall_penalty_per_mwh: PositiveMoney | None = None
    """Paid per MWh of heat not delivered. Default 0."""
    recovery_percent: Annotated[int, Field(ge=1, le=100)]
    """Share of the IT power that arrives as heat."""
    heat_pump_cop: Ratio | None = None
    """Coefficient of performance of the heat pump, e.g. "3.2". Absent: none."""


class Objective(ApiModel):
    """What this site cares for, as weights from 0 to 100."""

    cost: Weight | None = None
    """Weight of money. Default 0."""
    carbon: Weight | None = None
    """Weight of carbon. Default 0."""
    heat: Weight | None = None
    """Weight of heat delivered. Default 0."""
    throughput: Weight | None = None
    """Weight of work done. Default 0."""


class MaintenanceWindow(ApiModel):
    """Hours in which the owner may work on the unit."""

    rules: ClassVar = (
        Rule(
            "self.from < self.to",
            "`from` must be before `to`",
            "'from ' + self.from + ' must be before to ' + self.to",
        ),
    )

    name: Name
    """Name of the window."""
    days: Days
    """Days of the week, e.g. Tue."""
    from_: ClockTime
    """First minute, HH:MM, local time of the unit."""
    to: ClockTime
    """HH:MM, up to "24:00"."""


class Policy(ApiModel):
    """How the owner wants the unit to be run."""

    objective: Objective | None = None
    """What counts how much."""
    ramp_up_percent_per_minute: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Fastest rise, in percent of limitWatts per minute; down is immediate. Default 20."""
    hysteresis_percent: Percent | None = None
    """Room kept before power is raised again. Default 3."""
    set_point_lease_seconds: Annotated[int, Field(ge=5, le=600)] | None = None
    """How long a node may act on one set-point before it fails safe. Default 30."""
    on_stale_telemetry: Literal["HoldThenMinimum", "Minimum", "HoldThenPark"] | None = None
    """What to do without meters. Default HoldThenMinimum."""
    demand_response: Annotated[tuple[Name, ...], Field(max_length=16), SetOf()] = ()
    """Flexibility products of its sources that it takes part in, by name."""
    maintenance_windows: Annotated[tuple[MaintenanceWindow, ...], Field(max_length=16), MapOf(("name",))] = ()
    """Hours in which nothing new is started."""
