"""How the sun is followed: the owner's settings, and what the house's battery does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ..charging.surplus import SolarRules
from .meter import power_of
from .told import number

CONF_BATTERY_POWER: Final = "battery_power"
CONF_BATTERY_REVERSED: Final = "battery_reversed"
CONF_BATTERY_SOC: Final = "battery_soc"
CONF_BATTERY_KWH: Final = "battery_kwh"
CONF_BATTERY_RESERVE: Final = "battery_reserve"
CONF_BATTERY_FIRST: Final = "battery_first"
CONF_BATTERY_FULL: Final = "battery_full"
CONF_GRID_SHARE: Final = "grid_share"
CONF_START_POWER: Final = "start_power"
CONF_TIMES: Final = "times"
"""The section that is folded away."""
CONF_START_AFTER: Final = "start_after"
CONF_STOP_AFTER: Final = "stop_after"
CONF_MINIMUM_ON: Final = "minimum_on"
CONF_MINIMUM_OFF: Final = "minimum_off"

DEFAULTS: Final = SolarRules()
OLD: Final = timedelta(minutes=5)
"""Batteries that rest tell nothing new for long; that they take something, they do."""


@dataclass(frozen=True, kw_only=True)
class SunSettings:
    """How the owner wants the sun followed, and what tells of the house's battery.

    `battery_power` is what the battery takes, below 0 what it gives, unless
    `sign_reversed`. `battery_soc` is its charge in %. `battery_kwh` is what it holds,
    None where the owner has not said so: the plan then knows less of the sun to come.
    """

    rules: SolarRules = DEFAULTS
    battery_power: str | None = None
    sign_reversed: bool = False
    battery_soc: str | None = None
    battery_kwh: float | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept; times are in minutes. Raises `ValueError` for others.

        What is missing is as in `SolarRules`.
        """
        times = data.get(CONF_TIMES) or {}
        numbers = {
            "grid_share": number(data.get(CONF_GRID_SHARE)),
            "start_w": number(data.get(CONF_START_POWER)),
            "battery_reserve_w": number(data.get(CONF_BATTERY_RESERVE)),
            "battery_first_soc": number(data.get(CONF_BATTERY_FIRST)),
            "battery_full_soc": number(times.get(CONF_BATTERY_FULL)),
        }
        minutes = {
            name: number(times.get(name))
            for name in (
                CONF_START_AFTER,
                CONF_STOP_AFTER,
                CONF_MINIMUM_ON,
                CONF_MINIMUM_OFF,
            )
        }
        chosen: dict[str, Any] = {
            **{name: value for name, value in numbers.items() if value is not None},
            **{
                name: timedelta(minutes=value)
                for name, value in minutes.items()
                if value is not None
            },
        }
        return cls(
            rules=SolarRules(**chosen),
            battery_power=data.get(CONF_BATTERY_POWER) or None,
            sign_reversed=bool(data.get(CONF_BATTERY_REVERSED, False)),
            battery_soc=data.get(CONF_BATTERY_SOC) or None,
            battery_kwh=number(data.get(CONF_BATTERY_KWH)) or None,
        )

    def as_data(self) -> dict[str, Any]:
        """Return what `from_data` takes."""
        rules = self.rules
        return {
            CONF_BATTERY_POWER: self.battery_power,
            CONF_BATTERY_REVERSED: self.sign_reversed,
            CONF_BATTERY_SOC: self.battery_soc,
            CONF_BATTERY_KWH: self.battery_kwh,
            CONF_BATTERY_RESERVE: rules.battery_reserve_w,
            CONF_BATTERY_FIRST: rules.battery_first_soc,
            CONF_GRID_SHARE: rules.grid_share,
            CONF_START_POWER: rules.start_w,
            CONF_TIMES: {
                CONF_START_AFTER: minutes(rules.start_after),
                CONF_STOP_AFTER: minutes(rules.stop_after),
                CONF_MINIMUM_ON: minutes(rules.minimum_on),
                CONF_MINIMUM_OFF: minutes(rules.minimum_off),
                CONF_BATTERY_FULL: rules.battery_full_soc,
            },
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Battery:
    """What the house's battery does now.

    `power_w` is what it takes, below 0 what it gives; 0 where there is none, and None
    where there is one whose power isn't told. `soc` is in %, None where not known.
    """

    power_w: float | None = 0.0
    soc: float | None = None
    at: datetime | None = None
    """When its power was told."""


def minutes(time: timedelta) -> float:
    """Return a time in minutes."""
    return time / timedelta(minutes=1)


@callback
def read_battery(hass: HomeAssistant, settings: SunSettings) -> Battery:
    """Return what the battery's entities tell now.

    That it takes something is believed for `OLD` only: the car would be given that.
    """
    soc = soc_of(hass, settings.battery_soc)
    if settings.battery_power is None:
        return Battery(soc=soc)
    told = power_of(hass, settings.battery_power)
    if told is None:
        return Battery(power_w=None, soc=soc)
    power_w, at = told
    power_w = -power_w if settings.sign_reversed else power_w
    if dt_util.utcnow() - at > OLD:
        power_w = min(0.0, power_w)
    return Battery(power_w=power_w + 0.0, soc=soc, at=at)


@callback
def soc_of(hass: HomeAssistant, entity_id: str | None) -> float | None:
    """Return a state of charge in %, None where the entity tells none."""
    if entity_id is None:
        return None
    registry = er.async_get(hass)
    state = hass.states.get(
        er.async_resolve_entity_id(registry, entity_id) or entity_id
    )
    if state is None or state.attributes.get("unit_of_measurement", "%") != "%":
        return None
    found = number(state.state)
    return found if found is not None and 0 <= found <= 100 else None
