"""What is planned at each connector, as sensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import EntityCategory, UnitOfEnergy, UnitOfMass, UnitOfPower
from homeassistant.util import dt as dt_util

from .charging import ReasonKey, Series, Signals, Totals
from .charging.surplus import SunWhy
from .csms.model import HeldBy
from .plan_entity import PlanDescription, PlanEntity
from .planning import ConnectorPlan
from .planning.course import Because
from .planning.sun_told import SunTold
from .planning.together import Jointly
from .planning.wishes import Mode
from .planning.words import numbers_of

type Value = str | float | datetime | None

NO_CAR: Final = "no_car"
FAILED: Final = "failed"
"""Reasons that are none of the planner's."""
WHATEVER_IS_PLANNED: Final = (
    Because.OVERRIDE_ON,
    Because.OVERRIDE_OFF,
    Because.BOOST,
    Because.FAST,
    Because.OFF,
)
"""What a connector is steered by where its plan does not count."""
SUN_REASONS: Final[Mapping[SunWhy, str]] = {
    why: f"solar_{why}" for why in SunWhy if why is not SunWhy.PLAN
}
"""Those of a car that follows the sun; why it follows its plan the plan says."""

NOBODY: Final = "nobody"
NOTHING: Final = "nothing"
"""What a connector is steered and held by where it is not."""

ATTR_INTERVALS: Final = "intervals"
ATTR_MADE_AT: Final = "made_at"
ATTR_SOLAR_SHARE: Final = "solar_share"


@dataclass(frozen=True, kw_only=True)
class PlanSensorDescription(PlanDescription, SensorEntityDescription):
    """Describe a sensor; `in_currency` where it shows an amount of money."""

    value_fn: Callable[[ConnectorPlan], Value]
    in_currency: bool = False


@dataclass(frozen=True, kw_only=True)
class PlanBinarySensorDescription(PlanDescription, BinarySensorEntityDescription):
    """Describe a binary sensor."""

    is_on_fn: Callable[[ConnectorPlan], bool | None]


def _reason(plan: ConnectorPlan) -> str | None:
    if not plan.plugged_in:
        return NO_CAR
    if plan.because in WHATEVER_IS_PLANNED:
        return plan.because
    if plan.failed:
        return FAILED
    if (sun := _sun_reason(plan)) is not None:
        return SUN_REASONS[sun.why]
    return None if plan.reason is None else plan.reason.key


def _sun_reason(plan: ConnectorPlan) -> SunTold | None:
    """Return what the sun gives, where that is the reason; else the plan has it.

    With *smart + solar* it is while the sun charges the car.
    """
    sun, need = plan.sun, plan.need
    if sun is None or sun.why is SunWhy.PLAN:
        return None
    if sun.gives:
        return sun
    wants = need is None or need.kwh > 0
    return sun if wants and plan.wishes.mode is Mode.SOLAR else None


def _reason_numbers(plan: ConnectorPlan) -> dict[str, Any]:
    numbers = _plan_numbers(plan)
    if plan.sun is not None:
        sun = plan.sun
        numbers |= {
            "sun_text": plan.words.sun(sun),
            "sun_w": sun.sun_w,
            "sun_needed_w": sun.needed_w,
        }
        if _sun_reason(plan) is not None:
            numbers["text"] = numbers["sun_text"]
    if plan.because in WHATEVER_IS_PLANNED:
        # What it would do by its plan is told beside it.
        if (planned := numbers.get("text")) is not None:
            numbers["planned_text"] = planned
        numbers["text"] = plan.words.steered(plan.because)
    return numbers


def _plan_numbers(plan: ConnectorPlan) -> dict[str, Any]:
    steered_by = None if plan.because is None else plan.because.value
    if plan.reason is None or plan.problem is None:
        return {"steered_by": steered_by, "asleep": plan.asleep}
    delayed = {"delayed_until": plan.delayed_until} if plan.delayed_until else {}
    return {
        **delayed,
        "text": plan.words.reason(plan.reason, plan.problem),
        **numbers_of(plan.reason),
        "followed": plan.wishes.follows_plan,
        "steered_by": steered_by,
        "asleep": plan.asleep,
    }


def _phases(plan: ConnectorPlan) -> dict[str, Any]:
    """Return on how many phases it is to charge, where they can be switched."""
    phases = plan.connector.planned_phases
    return {} if phases is None else {"phases": phases}


def _total(
    read: Callable[[Totals], float], of: Callable[[Signals], Series]
) -> Callable[[ConnectorPlan], float | None]:
    """Return how a total is told, None where nothing that it is made of is known."""

    def total(plan: ConnectorPlan) -> float | None:
        if plan.plan is None or plan.problem is None or not of(plan.problem.signals):
            return None
        return round(read(plan.plan.totals), 4)

    return total


def _compared(
    read: Callable[[Totals], float], of: Callable[[Signals], Series]
) -> Callable[[ConnectorPlan], dict[str, Any]]:
    """Return how the same is told of charging at once and at the latest."""

    def compared(plan: ConnectorPlan) -> dict[str, Any]:
        if plan.plan is None or plan.problem is None or not of(plan.problem.signals):
            return {}
        others = {
            "at_once": plan.plan.at_once,
            "at_the_latest": plan.plan.at_the_latest,
        }
        return {
            name: round(read(one), 4) for name, one in others.items() if one is not None
        }

    return compared


def _needed(plan: ConnectorPlan) -> dict[str, Any]:
    need = plan.need
    if need is None:
        return {}
    ready_by = plan.ready_by
    return {
        "known_from": need.source.value,
        "target_soc": need.target_soc,
        "soc": None if need.soc is None else round(need.soc, 1),
        "ready_by": None
        if ready_by is None
        else dt_util.as_local(ready_by).isoformat(),
    }


def _jointly(jointly: Jointly) -> dict[str, Any]:
    return {
        "cars_planned_together": jointly.cars,
        "above_best_at_most": round(jointly.gap, 4),
        "above_best_at_most_percent": round(100 * jointly.relative_gap, 2),
        "searching_better": jointly.searching,
    }


def _intervals(plan: ConnectorPlan) -> dict[str, Any]:
    if plan.plan is None or plan.problem is None:
        return {}
    price, jointly = plan.problem.signals.price, plan.jointly
    share = round(plan.plan.totals.solar_share, 3)
    return {
        ATTR_MADE_AT: dt_util.as_local(plan.plan.made_at).isoformat(),
        **({ATTR_SOLAR_SHARE: share} if plan.problem.signals.solar else {}),
        **({} if jointly is None else _jointly(jointly)),
        ATTR_INTERVALS: [
            {
                "start": dt_util.as_local(one.start).isoformat(),
                "end": dt_util.as_local(one.end).isoformat(),
                "power_kw": round(one.power_w / 1000, 3),
                "energy_kwh": round(one.energy_kwh, 3),
                "price": None
                if (mean := price.mean(one.start, one.end)) is None
                else round(mean, 5),
            }
            for one in plan.plan.periods
        ],
    }


def _missing(plan: ConnectorPlan) -> dict[str, Any]:
    if plan.plan is None or plan.plan.shortfall is None:
        return {}
    shortfall = plan.plan.shortfall
    ready_at = shortfall.ready_at
    return {
        "missing_kwh": round(shortfall.energy_kwh, 2),
        "ready_at": None
        if ready_at is None
        else dt_util.as_local(ready_at).isoformat(),
        "text": plan.words.shortfall(shortfall, plan.ready_by),
    }


def _power_kw(plan: ConnectorPlan) -> float | None:
    watts = plan.planned_power_w
    return None if watts is None else round(watts / 1000, 3)


def _needed_kwh(plan: ConnectorPlan) -> float | None:
    return None if plan.needed_kwh is None else round(plan.needed_kwh, 3)


PLAN_SENSORS: Final = (
    PlanSensorDescription(
        key="reason",
        device_class=SensorDeviceClass.ENUM,
        options=[
            *ReasonKey,
            *SUN_REASONS.values(),
            *WHATEVER_IS_PLANNED,
            NO_CAR,
            FAILED,
        ],
        value_fn=_reason,
        attributes_fn=_reason_numbers,
    ),
    PlanSensorDescription(
        key="next_start",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda plan: plan.next_start,
    ),
    PlanSensorDescription(
        key="expected_end",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda plan: plan.expected_end,
    ),
    PlanSensorDescription(
        key="expected_cost",
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=2,
        in_currency=True,
        value_fn=_total(lambda one: one.cost, lambda known: known.price),
        attributes_fn=_compared(lambda one: one.cost, lambda known: known.price),
    ),
    PlanSensorDescription(
        key="expected_co2",
        device_class=SensorDeviceClass.WEIGHT,
        native_unit_of_measurement=UnitOfMass.KILOGRAMS,
        suggested_display_precision=2,
        value_fn=_total(lambda one: one.co2_kg, lambda known: known.co2),
        attributes_fn=_compared(lambda one: one.co2_kg, lambda known: known.co2),
    ),
    PlanSensorDescription(
        key="energy_needed",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=1,
        value_fn=_needed_kwh,
        attributes_fn=_needed,
    ),
    PlanSensorDescription(
        key="plan",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.KILO_WATT,
        suggested_display_precision=1,
        value_fn=_power_kw,
        attributes_fn=_intervals,
    ),
    PlanSensorDescription(
        key="steered_by",
        keys=("planned_phases",),
        device_class=SensorDeviceClass.ENUM,
        options=[*Because, NOBODY],
        value_fn=lambda plan: plan.because or NOBODY,
        attributes_fn=_phases,
    ),
    PlanSensorDescription(
        key="held_by",
        keys=("held_by",),
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[*HeldBy, NOTHING],
        value_fn=lambda plan: plan.held_by or NOTHING,
    ),
)

PLAN_BINARY_SENSORS: Final = (
    PlanBinarySensorDescription(
        key="goal_reachable",
        is_on_fn=lambda plan: plan.reachable,
        attributes_fn=_missing,
    ),
)


class PlanSensor(PlanEntity, SensorEntity):
    """A number, a time or a reason of a plan."""

    entity_description: PlanSensorDescription
    _unrecorded_attributes = frozenset({ATTR_INTERVALS, ATTR_MADE_AT})

    @property
    @override
    def native_value(self) -> Value:
        """Return it as the plan has it."""
        return self.entity_description.value_fn(self.plan)

    @property
    @override
    def native_unit_of_measurement(self) -> str | None:
        """Return the unit; for money the currency of the prices."""
        if self.entity_description.in_currency:
            return self.place.hub.planning.currency
        return self.entity_description.native_unit_of_measurement


class PlanBinarySensor(PlanEntity, BinarySensorEntity):
    """Something that is so or not in a plan."""

    entity_description: PlanBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether it is so."""
        return self.entity_description.is_on_fn(self.plan)
