"""Why each connector gets what it gets of the fuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor

from .claims import Claim, Share, Why
from .fill import TINY, Bound, Seeker, fill, on_step

GRID = ""
"""The name of the bound that the grid sets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What the reasons are told from."""

    main: str
    """The main fuse."""
    claims: Mapping[str, Claim]
    seekers: Sequence[Seeker]
    bounds: Sequence[Bound]
    possible: Mapping[str, float]
    """What each could have if there were no delays."""
    hysteresis_a: float
    """How much stays free when one gets more: who lacks no more has all there is."""
    silent: Mapping[str, str | None]
    """The circuit of each whose meter is silent."""

    def of(self, seeker: Seeker, current_a: float) -> Share:
        """Return what one gets, and why."""
        key, claim = seeker.key, self.claims[seeker.key]
        asked = min(claim.wanted_a, claim.max_a)
        whole = on_step(floor(asked / claim.step_a + TINY), claim.step_a)
        if asked < claim.min_a or current_a >= whole - TINY:
            return Share(current_a=current_a, why=Why.WANTED)
        silent = self.silent[key]
        if silent is not None and current_a >= seeker.greatest - TINY:
            return Share(current_a=current_a, why=Why.METER_SILENT, circuit=silent)
        if current_a >= seeker.enough - TINY and self._leaves(seeker, current_a):
            return Share(current_a=current_a, why=Why.UNUSED)
        spare = self.hysteresis_a if current_a else 0.0
        if self.possible[key] > current_a + spare + TINY:
            return Share(current_a=current_a, why=Why.SLOW_RISE)
        mine = [bound for bound in self.bounds if bound.takes.get(key, 0.0) > 0]
        if not current_a:
            mine = [
                bound
                for bound in mine
                if bound.room < seeker.smallest * bound.takes[key] - TINY
            ]
            if not mine:
                return Share(current_a=current_a, why=Why.ROTATION)
        least = min(
            mine,
            key=lambda bound: (
                round(bound.left(self.possible) / bound.takes[key], 3),
                bound.name == self.main,
            ),
        )
        if least.name == GRID:
            return Share(current_a=current_a, why=Why.GRID_LIMIT)
        why = Why.FUSE if least.name == self.main else Why.CIRCUIT
        return Share(current_a=current_a, why=why, circuit=least.name)

    def _leaves(self, seeker: Seeker, current_a: float) -> bool:
        """Say whether one has less because others use what it doesn't take."""
        if seeker.content is None:
            return False
        as_if = [
            replace(one, content=None) if one.key == seeker.key else one
            for one in self.seekers
        ]
        could_have = fill(as_if, self.bounds)[seeker.key]
        return could_have > max(current_a, self.possible[seeker.key]) + TINY
