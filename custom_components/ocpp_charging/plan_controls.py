"""What the owner sets at a connector for its plan: mode, goal, boost.

Each shows what holds: the wish, or where there is none what the car has of its own.
Nothing here talks to a charger.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.date import DateEntity, DateEntityDescription
from homeassistant.components.number import (
    NumberDeviceClass,
    NumberEntity,
    NumberEntityDescription,
    NumberMode,
)
from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.components.time import TimeEntity, TimeEntityDescription
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfEnergy
from homeassistant.util import dt as dt_util

from .helpers import invalid
from .plan_checks import agree, in_reach
from .plan_entity import PlanDescription, PlanEntity
from .planning import ConnectorPlan, Mode, effective


@dataclass(frozen=True, kw_only=True)
class PlanSwitchDescription(PlanDescription, SwitchEntityDescription):
    """Describe a switch."""

    is_on_fn: Callable[[ConnectorPlan], bool]
    set_fn: Callable[[ConnectorPlan, bool], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class PlanSelectDescription(PlanDescription, SelectEntityDescription):
    """Describe a choice."""

    value_fn: Callable[[ConnectorPlan], str]
    set_fn: Callable[[ConnectorPlan, str], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class PlanNumberDescription(PlanDescription, NumberEntityDescription):
    """Describe a number; `per_kwh` where it is money for a kWh."""

    value_fn: Callable[[ConnectorPlan], float | None]
    set_fn: Callable[[ConnectorPlan, float], Awaitable[None]]
    per_kwh: bool = False


@dataclass(frozen=True, kw_only=True)
class PlanTimeDescription(PlanDescription, TimeEntityDescription):
    """Describe a time of day."""


@dataclass(frozen=True, kw_only=True)
class PlanDateDescription(PlanDescription, DateEntityDescription):
    """Describe a day."""


@dataclass(frozen=True, kw_only=True)
class PlanButtonDescription(PlanDescription, ButtonEntityDescription):
    """Describe a button."""

    press_fn: Callable[[ConnectorPlan], Awaitable[None]]


async def _set_soc(plan: ConnectorPlan, **wished: float) -> None:
    """Wish a state of charge. Raises a translated error where another contradicts."""
    agree(plan, wished)
    await plan.async_set(**wished)


PLAN_SWITCHES: Final = (
    PlanSwitchDescription(
        key="smart_charging",
        always=True,
        is_on_fn=lambda plan: plan.wishes.steered,
        set_fn=lambda plan, on: plan.async_set(steered=on),
    ),
    PlanSwitchDescription(
        key="boost",
        is_on_fn=lambda plan: plan.wishes.boost,
        set_fn=lambda plan, on: plan.async_set_boost(on),
    ),
)

PLAN_SELECTS: Final = (
    PlanSelectDescription(
        key="mode",
        always=True,
        options=list(Mode),
        value_fn=lambda plan: plan.wishes.mode,
        # Who chooses how it is to charge wants it to be charged like that.
        set_fn=lambda plan, mode: plan.async_set(mode=Mode(mode), steered=True),
    ),
)

PLAN_NUMBERS: Final = (
    PlanNumberDescription(
        key="target_soc",
        native_min_value=0,
        native_max_value=100,
        native_step=1,
        native_unit_of_measurement=PERCENTAGE,
        mode=NumberMode.SLIDER,
        value_fn=effective.target_soc,
        set_fn=lambda plan, value: _set_soc(plan, target_soc=value),
    ),
    PlanNumberDescription(
        key="target_energy",
        device_class=NumberDeviceClass.ENERGY,
        native_min_value=0,
        native_max_value=1000,
        native_step=0.5,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        mode=NumberMode.BOX,
        value_fn=effective.target_kwh,
        set_fn=lambda plan, value: plan.async_set(target_kwh=value or None),
    ),
    PlanNumberDescription(
        key="greenness",
        native_min_value=0,
        native_max_value=100,
        native_step=5,
        native_unit_of_measurement=PERCENTAGE,
        mode=NumberMode.SLIDER,
        value_fn=lambda plan: plan.wishes.greenness,
        set_fn=lambda plan, value: plan.async_set(greenness=value),
    ),
    PlanNumberDescription(
        key="minimum_soc",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        native_min_value=0,
        native_max_value=100,
        native_step=1,
        native_unit_of_measurement=PERCENTAGE,
        mode=NumberMode.SLIDER,
        value_fn=effective.minimum_soc,
        set_fn=lambda plan, value: _set_soc(plan, minimum_soc=value),
    ),
    PlanNumberDescription(
        key="price_cap",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        # Prices below zero are paid, and a krona or yen is a small coin.
        native_min_value=-10_000,
        native_max_value=10_000,
        native_step=0.001,
        mode=NumberMode.BOX,
        per_kwh=True,
        value_fn=lambda plan: plan.wishes.price_cap,
        set_fn=lambda plan, value: plan.async_set(price_cap=value),
    ),
    PlanNumberDescription(
        key="co2_cap",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        native_min_value=0,
        native_max_value=5000,
        native_step=10,
        native_unit_of_measurement="g/kWh",
        mode=NumberMode.BOX,
        value_fn=lambda plan: plan.wishes.co2_cap,
        set_fn=lambda plan, value: plan.async_set(co2_cap=value or None),
    ),
)

PLAN_TIMES: Final = (PlanTimeDescription(key="ready_by"),)

PLAN_DATES: Final = (PlanDateDescription(key="ready_on"),)

PLAN_BUTTONS: Final = (
    PlanButtonDescription(
        key="clear_goal", press_fn=lambda plan: plan.async_clear_goal()
    ),
    PlanButtonDescription(
        key="clear_override", press_fn=lambda plan: plan.async_clear_override()
    ),
)


class PlanSwitch(PlanEntity, SwitchEntity):
    """Something that is decided at a connector, or is not."""

    entity_description: PlanSwitchDescription

    @property
    @override
    def is_on(self) -> bool:
        """Return what is wished."""
        return self.entity_description.is_on_fn(self.plan)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn it on."""
        await self.entity_description.set_fn(self.plan, True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off."""
        await self.entity_description.set_fn(self.plan, False)


class PlanSelect(PlanEntity, SelectEntity):
    """How a connector charges."""

    entity_description: PlanSelectDescription

    @property
    @override
    def current_option(self) -> str:
        """Return what is chosen."""
        return self.entity_description.value_fn(self.plan)

    @override
    async def async_select_option(self, option: str) -> None:
        """Choose."""
        await self.entity_description.set_fn(self.plan, option)


class PlanNumber(PlanEntity, NumberEntity):
    """A number of a goal."""

    entity_description: PlanNumberDescription

    @property
    @override
    def native_value(self) -> float | None:
        """Return what holds; None where nothing is wished."""
        return self.entity_description.value_fn(self.plan)

    @property
    @override
    def native_unit_of_measurement(self) -> str | None:
        """Return the unit; of money the currency of the prices."""
        if self.entity_description.per_kwh:
            return f"{self.plan.currency}/kWh"
        return self.entity_description.native_unit_of_measurement

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Wish it."""
        await self.entity_description.set_fn(self.plan, value)


class PlanTime(PlanEntity, TimeEntity):
    """By what time the car is to be ready."""

    entity_description: PlanTimeDescription

    @property
    @override
    def native_value(self) -> time | None:
        """Return the time that holds."""
        return effective.ready_by(self.plan)

    @override
    async def async_set_value(self, value: time) -> None:
        """Wish it for every day, or for the one day that is set.

        Raises a translated error where that is past or too far away.
        """
        on = self.plan.wishes.ready_on
        if on is not None:
            in_reach(_local(on, value))
        await self.plan.async_set(ready_by=value)


class PlanDate(PlanEntity, DateEntity):
    """On which day the car is to be ready next."""

    entity_description: PlanDateDescription

    @property
    @override
    def native_value(self) -> date | None:
        """Return the day of the time that comes next."""
        return effective.ready_on(self.plan)

    @override
    async def async_set_value(self, value: date) -> None:
        """Wish it for that day only.

        Raises a translated error where that is past or too far away, or there is no
        time for it.
        """
        clock = effective.ready_by(self.plan)
        if clock is None:
            raise invalid("ready_by_missing", charger=self.plan.title)
        in_reach(_local(value, clock))
        await self.plan.async_set(ready_on=value, ready_by=clock)


class PlanButton(PlanEntity, ButtonEntity):
    """Something about a plan that is done once."""

    entity_description: PlanButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it."""
        await self.entity_description.press_fn(self.plan)


def _local(day: date, clock: time) -> datetime:
    zone = dt_util.get_default_time_zone()
    return datetime.combine(day, clock.replace(tzinfo=None), zone)
