"""What a car gets of the sun and why, as it is shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from ..charging.phases import ALL, PhaseRules, free_at
from ..charging.surplus import SolarRules, SunShare, SunWhy, least_w

STEP_W: Final = 100.0
"""To so much it is rounded: what sways less is not shown, nor recorded."""
_NO_PHASES: Final = frozenset({SunWhy.UNKNOWN, SunWhy.PLAN})
_GIVEN: Final = frozenset({SunWhy.SUN, SunWhy.LASTING})


class PhasesWhy(StrEnum):
    """Why the car is charged on as many phases as it is."""

    ONE = "one"
    """There is not enough for three."""
    TO_THREE = "to_three"
    """There is enough for three: they come `at` the earliest."""
    TO_ONE = "to_one"
    """There is too little for three: one comes `at` the earliest."""
    RESTING = "resting"
    """One would do, but phases are not switched again before `at`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhasesTold:
    """What there is to say of the phases; `one_w` and `three_w` are what they need."""

    why: PhasesWhy
    at: datetime | None
    one_w: float
    three_w: float

    @classmethod
    def of(
        cls, share: SunShare, rules: PhaseRules, own: float, now: datetime
    ) -> Self | None:
        """Return what there is to say; the sun has to give the part `own` of it."""
        state = share.state.phases
        if not rules.can_switch or share.why in _NO_PHASES:
            return None
        at = free_at(rules, state, now)
        if not share.state.running:
            rests = state.phases == ALL and at > now
            why = PhasesWhy.RESTING if rests else None
        elif state.better is not None and state.better_since is not None:
            at = max(state.better_since + rules.after, at)
            why = PhasesWhy.TO_ONE if state.phases == ALL else PhasesWhy.TO_THREE
        else:
            why = PhasesWhy.ONE if state.phases != ALL else None
        if why is None:
            return None
        return cls(
            why=why,
            at=None if why is PhasesWhy.ONE else _minute(at),
            one_w=round(rules.least_w(1) * own),
            three_w=round(rules.least_w(ALL) * own),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SunTold:
    """What the sun gives one car, and why the car gets that much of it.

    `sun_w` is what is left for the car, below 0 where the house lacks it, None where
    it isn't known. `needed_w` is what there has to be for the car to begin or go on.
    """

    why: SunWhy
    sun_w: float | None
    needed_w: float
    phases: PhasesTold | None = None
    """What there is to say of the phases; None where they are not switched."""

    @classmethod
    def of(
        cls, share: SunShare, rules: SolarRules, phases: PhaseRules, now: datetime
    ) -> Self:
        """Return what is shown of a share."""
        own = 1 - rules.grid_share / 100
        bearable = rules.bearable(share.sun_w or 0.0)
        needed_w = phases.least_w(share.phases) * own
        if not share.state.running:
            needed_w = least_w(phases, bearable, share.state, now) * own
        if not share.state.charging:
            needed_w += rules.start_w if own else 0.0
        sun_w = share.sun_w
        return cls(
            why=share.why,
            sun_w=None if sun_w is None else round(sun_w / STEP_W) * STEP_W + 0.0,
            needed_w=round(needed_w),
            phases=PhasesTold.of(share, phases, own, now),
        )

    @property
    def gives(self) -> bool:
        """Say whether the car charges because of it."""
        return self.why in _GIVEN


def _minute(moment: datetime) -> datetime:
    """Return the next full minute: what sways by seconds is not shown."""
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
