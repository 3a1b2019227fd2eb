"""What the owner wishes at a connector."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time
from enum import StrEnum
from math import isfinite
from typing import Any, Final, Self

from homeassistant.util import dt as dt_util


class Mode(StrEnum):
    """How a connector charges."""

    OFF = "off"
    FAST = "fast"
    """At once, as without a planner."""
    SMART = "smart"
    """By the plan: cheap and green, and ready on time."""
    SOLAR = "solar"
    """From the roof only."""
    SMART_SOLAR = "smart_solar"
    """By the plan, and beyond the goal from the roof."""

    @property
    def follows_plan(self) -> bool:
        """Say whether the charger is to do what the plan says."""
        return self not in {Mode.OFF, Mode.FAST}


class Override(StrEnum):
    """What the owner's charging switch says, until the car is unplugged."""

    ON = "on"
    OFF = "off"


OF_CAR: Final = frozenset({"ready_by", "target_soc", "target_kwh", "minimum_soc"})
"""The wishes for which a car may have values of its own."""
OF_GOAL: Final = OF_CAR | {"ready_on", "price_cap", "co2_cap"}
"""The wishes that make a goal: what `clear_goal` forgets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What the owner set at a connector; None where the car's value, or none, holds.

    Raises `ValueError` for what nobody can wish.
    """

    steered: bool = False
    """Whether the mode counts: else nothing is decided for the connector, or sent."""
    mode: Mode = Mode.FAST
    boost: bool = False
    """Whether it charges at once, whatever the mode; ends when it is unplugged."""
    override: Override | None = None
    """What the owner has switched by hand, whatever the mode; ends likewise."""
    ready_by: time | None = None
    """When the car is to be ready, in local time: every day, or on `ready_on`."""
    ready_on: date | None = None
    """The one day that `ready_by` is for."""
    target_soc: float | None = None
    """In %."""
    target_kwh: float | None = None
    """What a session is to take in all, at the charger's meter. Wins over
    `target_soc`."""
    minimum_soc: float | None = None
    """What is charged at once, at any price, in %."""
    price_cap: float | None = None
    """The most a kWh from the grid may cost."""
    co2_cap: float | None = None
    """The most g/kWh that the grid may have."""
    greenness: float = 0.0
    """0 is cheapest, 100 greenest."""
    usual_ready_by: time | None = None
    """The time of every day, that holds again when `ready_on` is past."""
    passing: frozenset[str] = frozenset()
    """The names of those that are forgotten when the car is unplugged."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, least, most in (
            ("target_soc", 0.0, 100.0),
            ("minimum_soc", 0.0, 100.0),
            ("greenness", 0.0, 100.0),
            ("target_kwh", 0.0, 1000.0),
            ("co2_cap", 0.0, 5000.0),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} is between {least:g} and {most:g}")
        if self.price_cap is not None and not isfinite(self.price_cap):
            raise ValueError("price_cap is a number")

    def changed(self, changes: Mapping[str, Any], passing: frozenset[str]) -> Wishes:
        """Return the wishes with some changed; of those, `passing` end with the plug.

        Of a target in % and one in kWh the later word counts: one in % takes back the
        other. While a date is set, the time is that day's; afterwards the usual one
        returns. Raises `ValueError` or `TypeError` for what is no wish.
        """
        more: dict[str, Any] = dict(changes)
        if changes.get("target_soc") is not None:
            more.setdefault("target_kwh", None)
        more.setdefault("passing", (self.passing - changes.keys()) | passing)
        if "ready_on" in changes:
            if self.ready_on is None and changes["ready_on"] is not None:
                more["usual_ready_by"] = self.ready_by
            elif self.ready_on is not None and changes["ready_on"] is None:
                more.setdefault("ready_by", self.usual_ready_by)
                more["usual_ready_by"] = None
        return replace(self, **more)

    def unplugged(self) -> Wishes:
        """Return what stays when the car has left."""
        if not self.passing and not self.boost and self.override is None:
            return self
        unset: dict[str, Any] = {name: None for name in self.passing if name in OF_GOAL}
        unset["boost"] = False
        unset["override"] = None
        if "ready_on" not in unset:
            return replace(self, **unset, passing=frozenset())
        unset.setdefault("ready_by", self.usual_ready_by)
        return replace(self, **unset, usual_ready_by=None, passing=frozenset())

    def without_past(self, now: datetime) -> Wishes:
        """Return the wishes without a date that is past."""
        moment = self.one_off
        day = dt_util.as_local(now).date()
        past = self.ready_on is not None and (
            self.ready_on < day if moment is None else moment < now
        )
        return self.changed({"ready_on": None}, frozenset()) if past else self

    @property
    def follows_plan(self) -> bool:
        """Say whether the charger is to do what the plan says."""
        by_hand = self.boost or self.override is not None
        return self.steered and not by_hand and self.mode.follows_plan

    @property
    def turned_off(self) -> bool:
        """Say whether the car is not to charge at all, whatever is planned."""
        if self.override is not None:
            return self.steered and self.override is Override.OFF
        return self.steered and not self.boost and self.mode is Mode.OFF

    @property
    def at_once(self) -> bool:
        """Say whether the car is to charge now, whatever is planned."""
        if self.override is not None:
            return self.steered and self.override is Override.ON
        return self.steered and (self.boost or self.mode is Mode.FAST)

    @property
    def one_off(self) -> datetime | None:
        """Return the one time that is wished, None where there is none."""
        if self.ready_on is None or self.ready_by is None:
            return None
        return _local(self.ready_on, self.ready_by)

    def next_ready_by(self, now: datetime) -> datetime | None:
        """Return the next time that is wished, in UTC; None where none is."""
        if self.ready_by is None:
            return None
        if self.ready_on is not None:
            return self.one_off
        today = dt_util.as_local(now).date()
        for day in (today, date.fromordinal(today.toordinal() + 1)):
            if (moment := _local(day, self.ready_by)) > now:
                return moment
        return None

    def as_data(self) -> dict[str, Any]:
        """Return what `from_data` takes: JSON."""
        nothing = Wishes()
        data: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value == getattr(nothing, field.name):
                continue
            if isinstance(value, frozenset):
                value = sorted(value)
            elif isinstance(value, date | time):
                value = value.isoformat()
            data[field.name] = value
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the wishes that were kept. Raises `ValueError` or `TypeError`."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {
            name: value for name, value in data.items() if name in known
        }
        for name, read in (
            ("mode", Mode),
            ("override", Override),
            ("ready_by", time.fromisoformat),
            ("usual_ready_by", time.fromisoformat),
            ("ready_on", date.fromisoformat),
            ("passing", frozenset),
        ):
            if values.get(name) is not None:
                values[name] = read(values[name])
        for field in fields(cls):
            value = values.get(field.name, field.default)
            if value is None and field.default is not None:
                raise ValueError(f"{field.name} is not there")
            if isinstance(field.default, bool) and not isinstance(value, bool):
                raise TypeError(f"{field.name} is neither yes nor no")
        return cls(**values)


def _local(day: date, clock: time) -> datetime:
    """Return a local time of a day in UTC.

    One that the clocks leave out in spring is as much later; of one that there is
    twice in autumn it is the first: better too early than too late.
    """
    zone = dt_util.get_default_time_zone()
    return dt_util.as_utc(datetime.combine(day, clock.replace(tzinfo=None), zone))
