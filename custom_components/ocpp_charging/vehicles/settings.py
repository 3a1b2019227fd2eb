"""What the owner says of a car, from its subentry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from types import MappingProxyType
from typing import Any, Final, Self

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from ..const import (
    CONF_BATTERY_KWH,
    CONF_DEPARTURES,
    CONF_EFFICIENCY,
    CONF_ENERGY_KWH,
    CONF_HOME_ENTITY,
    CONF_LIMIT_ENTITY,
    CONF_MAX_CURRENT_A,
    CONF_MIN_CURRENT_A,
    CONF_MINIMUM_SOC,
    CONF_PHASES,
    CONF_PLUGGED_ENTITY,
    CONF_PREFERRED_CHARGER,
    CONF_PRIORITY,
    CONF_SOC_ENTITY,
    CONF_TAGS,
    CONF_TAPER_FROM,
    CONF_TARGET_SOC,
    DEFAULT_CAR_CURRENT_A,
    DEFAULT_EFFICIENCY,
    DEFAULT_MIN_CURRENT_A,
    DEFAULT_PHASES,
    SUBENTRY_CHARGER,
)
from ..csms.tags import fold
from ..tag_names import CONF_ID_TAG, SUBENTRY_TAG

ENTITY_KEYS: Final = (
    CONF_SOC_ENTITY,
    CONF_LIMIT_ENTITY,
    CONF_PLUGGED_ENTITY,
    CONF_HOME_ENTITY,
)
"""Under these a subentry names the entities of the car's own integration."""

DAYS: Final = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
"""The weekdays as keys, in the order of `datetime.weekday`."""

PRIORITIES: Final[Mapping[str, int]] = {"high": 2, "normal": 1, "low": 0}
NORMAL_PRIORITY: Final = PRIORITIES["normal"]
"""Of a car of which nothing is said, and of a guest."""


@dataclass(frozen=True, kw_only=True)
class VehicleSettings:
    """A car, as its owner described it; `None` where nothing was said.

    `key` is the id of its subentry. Currents are per phase, `efficiency` is what
    arrives in the battery (0..1], states of charge are in percent; from `taper_from`
    on the car takes ever less than its highest current. `id_tags` are
    folded (`csms.tags.fold`), `preferred_charger` is the id of that one's subentry.
    `departures` has local times by weekday, 0 for Monday.
    """

    key: str
    name: str
    battery_kwh: float | None = None
    phases: int = DEFAULT_PHASES
    min_current_a: float = DEFAULT_MIN_CURRENT_A
    max_current_a: float = DEFAULT_CAR_CURRENT_A
    efficiency: float = DEFAULT_EFFICIENCY / 100
    taper_from: float | None = None
    soc_entity: str | None = None
    limit_entity: str | None = None
    plugged_entity: str | None = None
    home_entity: str | None = None
    id_tags: frozenset[str] = frozenset()
    preferred_charger: str | None = None
    departures: Mapping[int, time] = field(default_factory=lambda: MappingProxyType({}))
    target_soc: float | None = None
    minimum_soc: float | None = None
    energy_kwh: float | None = None
    priority: int = NORMAL_PRIORITY
    """Whose turn it is when there is not enough for all: the higher comes first."""

    @classmethod
    def from_subentry(cls, entry: ConfigEntry, subentry: ConfigSubentry) -> Self:
        """Return what a subentry says; a tag or charger that is gone counts no more."""
        data: Mapping[str, Any] = subentry.data
        preferred = entry.subentries.get(data.get(CONF_PREFERRED_CHARGER, ""))
        is_charger = (
            preferred is not None and preferred.subentry_type == SUBENTRY_CHARGER
        )
        return cls(
            key=subentry.subentry_id,
            name=subentry.title,
            battery_kwh=data.get(CONF_BATTERY_KWH),
            phases=int(data.get(CONF_PHASES, DEFAULT_PHASES)),
            min_current_a=data.get(CONF_MIN_CURRENT_A, DEFAULT_MIN_CURRENT_A),
            max_current_a=data.get(CONF_MAX_CURRENT_A, DEFAULT_CAR_CURRENT_A),
            efficiency=data.get(CONF_EFFICIENCY, DEFAULT_EFFICIENCY) / 100,
            taper_from=data.get(CONF_TAPER_FROM),
            soc_entity=data.get(CONF_SOC_ENTITY),
            limit_entity=data.get(CONF_LIMIT_ENTITY),
            plugged_entity=data.get(CONF_PLUGGED_ENTITY),
            home_entity=data.get(CONF_HOME_ENTITY),
            id_tags=_id_tags(entry, data),
            preferred_charger=data[CONF_PREFERRED_CHARGER] if is_charger else None,
            departures=_departures(data),
            target_soc=data.get(CONF_TARGET_SOC),
            minimum_soc=data.get(CONF_MINIMUM_SOC),
            energy_kwh=data.get(CONF_ENERGY_KWH),
            priority=PRIORITIES.get(data.get(CONF_PRIORITY, ""), NORMAL_PRIORITY),
        )

    @property
    def entities(self) -> frozenset[str]:
        """Return the entities of the car's own integration that are followed."""
        named = (
            self.soc_entity,
            self.limit_entity,
            self.plugged_entity,
            self.home_entity,
        )
        return frozenset(filter(None, named))


def _id_tags(entry: ConfigEntry, data: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        fold(entry.subentries[tag].data[CONF_ID_TAG])
        for tag in data.get(CONF_TAGS, ())
        if tag in entry.subentries
        and entry.subentries[tag].subentry_type == SUBENTRY_TAG
    )


def _departures(data: Mapping[str, Any]) -> Mapping[int, time]:
    typed = data.get(CONF_DEPARTURES, {})
    return MappingProxyType(
        {
            number: time.fromisoformat(typed[day])
            for number, day in enumerate(DAYS)
            if day in typed
        }
    )
