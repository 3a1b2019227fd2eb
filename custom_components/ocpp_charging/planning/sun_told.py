"""What a car gets of the sun and why, as it is shown."""

from dataclasses import dataclass
from typing import Final, Self

from ..charging.phases import PhaseRules
from ..charging.surplus import SolarRules, SunShare, SunWhy

STEP_W: Final = 100.0
"""To so much it is rounded: what sways less is not shown, nor recorded."""
_GIVEN: Final = frozenset({SunWhy.SUN, SunWhy.LASTING})


@dataclass(frozen=True, kw_only=True, slots=True)
class SunTold:
    """What the sun gives one car, and why the car gets that much of it.

    `sun_w` is what is left for the car, below 0 where the house lacks it, None where
    it isn't known. `needed_w` is what there has to be for the car to begin or go on.
    """

    why: SunWhy
    sun_w: float | None
    needed_w: float

    @classmethod
    def of(cls, share: SunShare, rules: SolarRules, phases: PhaseRules) -> Self:
        """Return what is shown of a share."""
        own = 1 - rules.grid_share / 100
        needed_w = phases.least_w(share.phases) * own
        if not share.state.charging:
            needed_w += rules.start_w if own else 0.0
        sun_w = share.sun_w
        return cls(
            why=share.why,
            sun_w=None if sun_w is None else round(sun_w / STEP_W) * STEP_W + 0.0,
            needed_w=round(needed_w),
        )

    @property
    def gives(self) -> bool:
        """Say whether the car charges because of it."""
        return self.why in _GIVEN
