"""What somebody asks to be planned instead of what is wished: "what if"."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ..charging import Problem, co2_price


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What differs from the wishes; None where they hold.

    Energies are those still to be drawn, at the charger's meter.
    """

    energy_kwh: float | None = None
    target_soc: float | None = None
    ready_by: datetime | None = None
    not_before: datetime | None = None
    minimum_kwh: float | None = None
    minimum_soc: float | None = None
    price_cap: float | None = None
    co2_cap: float | None = None
    greenness: float | None = None
    one_block: bool | None = None

    @property
    def needs_soc(self) -> bool:
        """Say whether it can only be planned with the state of charge known."""
        return self.minimum_soc is not None or (
            self.target_soc is not None and self.energy_kwh is None
        )


NOTHING: Final = Asked()

_OF_GOAL: Final = (
    "ready_by",
    "not_before",
    "minimum_kwh",
    "minimum_soc",
    "price_cap",
    "co2_cap",
)


def with_asked(problem: Problem, asked: Asked, greenest: float) -> Problem:
    """Return a problem with what somebody asks in it; the plan so far is no part of it.

    Raises `ValueError` for what nobody can want.
    """
    changes = {
        name: value for name in _OF_GOAL if (value := getattr(asked, name)) is not None
    }
    goal = replace(problem.goal, **changes)
    if asked.energy_kwh is not None or asked.target_soc is not None:
        goal = replace(
            goal,
            energy_kwh=asked.energy_kwh,
            target_soc=asked.target_soc,
            extra_kwh=0.0,
        )
    preferences = problem.preferences
    if asked.greenness is not None:
        price = co2_price(asked.greenness, greenest)
        preferences = replace(preferences, co2_price=price)
    if asked.one_block is not None:
        preferences = replace(preferences, one_block=asked.one_block)
    return replace(
        problem,
        goal=goal,
        preferences=preferences,
        state=replace(problem.state, plan=None),
    )
