"""What a plan says, in the language of the home and with its numbers."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from string import Formatter
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations
from homeassistant.util import dt as dt_util

from ..charging import Eased, Problem, Reason, ReasonKey, Shortfall
from ..const import DOMAIN
from .course import Because
from .sun_told import SunTold

REASONS: Final = "plan_reason"
SHORTFALLS: Final = "plan_shortfall"
EASED: Final = "plan_eased"
STEERED: Final = "steered_by"
SUN: Final = "sun_why"
SUN_PHASES: Final = "sun_phases"
"""Where the texts are: options of a selector may have placeholders."""

BRIEF: Final = "_brief"
PLAIN: Final = "_plain"
"""End the keys of texts for when a number of the one before is not known."""
GREENER: Final = "_co2"
"""Ends the key of a text for when no prices are known, but CO2 is."""
BOTH: Final = "_both"
"""Ends the key of a text for when price and CO2 are weighed against each other."""

HOME_KW: Final = 22.0
"""More power than that no charger at home has: 32 A on three phases."""

_NO_PRICE: Final = frozenset({ReasonKey.KEPT})
"""Reasons whose price is an amount, not one per kWh."""
_OF_CO2: Final = frozenset({ReasonKey.CO2_CAP})
_OF_POWER: Final = frozenset(
    {
        ReasonKey.POWER_LIMIT,
        ReasonKey.FUSE,
        ReasonKey.CIRCUIT,
        ReasonKey.OTHER_CAR,
        ReasonKey.PEAK,
    }
)


class Words:
    """Puts what a plan says into words."""

    def __init__(
        self,
        hass: HomeAssistant,
        currency: str,
        called: Callable[[str], str | None] = lambda _key: None,
    ) -> None:
        """Speak the language of the home.

        `called` says what the owner calls a car of those that are planned together.
        """
        self._currency = currency
        self._called = called
        self._texts = async_get_cached_translations(
            hass, hass.config.language, "selector", DOMAIN
        )

    @callback
    def reason(self, reason: Reason, problem: Problem) -> str:
        """Return why it charges or waits, such as "Waiting: 02:15 is 38 % cheaper"."""
        key = reason.key
        by_price = len(problem.signals.price) > 0 and key not in _OF_CO2
        numbers: dict[str, str | None] = {
            "at": _clock(reason.at),
            "other": None if reason.car is None else self._called(reason.car),
            "percent": _some_percent(reason.percent),
            "energy_kwh": _rounded(reason.energy_kwh, 1),
            "price": self._money(reason.price)
            if key in _NO_PRICE
            else self._per_kwh(reason.price, by_price=by_price),
            "limit": _rounded(reason.limit, 0)
            if key in _OF_POWER
            else self._per_kwh(reason.limit, by_price=by_price),
        }
        first = "" if by_price else GREENER
        if by_price and problem.signals.co2 and problem.preferences.co2_price:
            first = BOTH
        return self._say(REASONS, key, numbers, first=first)

    @callback
    def shortfall(self, shortfall: Shortfall, ready_by: datetime | None) -> str:
        """Return what is missing, and what it would take."""
        power_kw = None if shortfall.power_w is None else shortfall.power_w / 1000
        if power_kw is not None and power_kw > HOME_KW:
            power_kw = None
        capped = shortfall.capped_kwh if shortfall.capped_kwh > 0.005 else None
        numbers = {
            "energy_kwh": _rounded(shortfall.energy_kwh, 1),
            "ready_by": _clock(ready_by),
            "ready_at": _clock(shortfall.ready_at),
            "power_kw": _rounded(power_kw, 1),
            "capped_kwh": _rounded(capped, 1),
            "cap_cost": self._money(shortfall.cap_cost),
        }
        late = ready_by is not None and ready_by <= dt_util.utcnow()
        said = [self._say(SHORTFALLS, "missed" if late else "missing", numbers)]
        for key, number in (
            ("ready_at", shortfall.ready_at),
            ("power", power_kw),
            ("capped", capped),
        ):
            if number is not None:
                said.append(self._say(SHORTFALLS, key, numbers))
        return " ".join(said)

    @callback
    def eased(self, eased: Eased) -> str:
        """Return which preference gave way to the goal."""
        return self._say(EASED, eased, {})

    @callback
    def steered(self, because: Because) -> str:
        """Return what is so whatever the plan says."""
        return self._say(STEERED, because, {})

    @callback
    def sun(self, told: SunTold) -> str:
        """Return what the sun gives the car, and why no more, and no more phases."""
        sun_w = None if told.sun_w is None else max(0.0, told.sun_w)
        numbers = {
            "sun_w": _rounded(sun_w, 0),
            "needed_w": _rounded(told.needed_w, 0),
        }
        said = self._say(SUN, told.why, numbers)
        if told.phases is None:
            return said
        of_phases = {
            "at": _clock(told.phases.at),
            "one_w": _rounded(told.phases.one_w, 0),
            "three_w": _rounded(told.phases.three_w, 0),
        }
        return f"{said}. {self._say(SUN_PHASES, told.phases.why, of_phases)}"

    def _say(
        self,
        where: str,
        key: str,
        numbers: Mapping[str, str | None],
        *,
        first: str = "",
    ) -> str:
        """Return the first text of which all numbers are known.

        `first` ends the key of the one that is tried before the others.
        """
        for each in (f"{key}{first}", key, f"{key}{BRIEF}", f"{key}{PLAIN}"):
            text = self._texts.get(
                f"component.{DOMAIN}.selector.{where}.options.{each}"
            )
            if text is None:
                continue
            names = {name for _, name, _, _ in Formatter().parse(text) if name}
            if all(numbers.get(name) is not None for name in names):
                return text.format(**{name: numbers[name] for name in names})
        return key

    def _money(self, value: float | None) -> str | None:
        return None if value is None else f"{value:.2f} {self._currency}"

    def _per_kwh(self, value: float | None, *, by_price: bool) -> str | None:
        if value is None:
            return None
        if not by_price:
            return f"{value:.0f} g/kWh"
        return f"{value:.3f} {self._currency}/kWh"


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _some_percent(value: float | None) -> str | None:
    """Return by how many % something is better; None where that says nothing.

    So it is of next to none, and of prices below 0.
    """
    if value is None or not 1 <= value <= 100:
        return None
    return _rounded(value, 0)


def _clock(moment: datetime | None) -> str | None:
    """Return a time as the owner's clock shows it; with its date when it is far off."""
    if moment is None:
        return None
    local, now = dt_util.as_local(moment), dt_util.now()
    near = abs(local - now) < timedelta(hours=20)
    return f"{local:%H:%M}" if near else f"{local:%Y-%m-%d %H:%M}"


def numbers_of(reason: Reason) -> dict[str, object]:
    """Return the numbers that a reason has, times as the owner's clock shows them.

    Another car is in the text, by its name.
    """
    found: dict[str, object] = {}
    for field in fields(reason):
        value = getattr(reason, field.name)
        if field.name in {"key", "car"} or value is None:
            continue
        if isinstance(value, datetime):
            value = dt_util.as_local(value).isoformat()
        found[field.name] = value
    return found
