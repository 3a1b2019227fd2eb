"""What a circuit carries besides the cars: from its meter, or as the owner has said.

A meter sees the cars too, so what they draw is taken off. But it is not known at the
moment of the reading: a charger tells it every 10 or 60 s, and a car follows a limit
with some seconds' delay. So each car has a range in which its draw lies, and the rest
has one as well; within it, it is taken to be what it was. A change of the meter that
the cars can explain is theirs; beyond that it is the house's. Only when the circuit
carries more than it bears is the whole of it taken for the house's.

What cars draw later explains nothing of an earlier reading, and a meter that says the
same may be frozen. So the rest becomes less only when it says something else, and
nobody gets more by a reading that may not contain what the cars draw.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .circuits import NOTHING, Circuit, Phases
from .claims import Claim, Given, House, Reading, Said, Seen, SharingState, total

FOLLOWED_AFTER = timedelta(seconds=5)
"""In this time a charger follows a lower limit."""
DOUBTED_AFTER = timedelta(seconds=10)
"""An overload that lasts so long isn't explained by what chargers said before."""
FROZEN_AFTER = timedelta(seconds=60)
"""A meter that says the same for so long, while cars draw something else, is broken."""
FROZEN_BY_A = 3.0
MISSED_A = 1.0
"""Until then nobody gets more, if they draw something else by more than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """What a circuit carries besides the cars, in A per phase, and how it is known."""

    current_a: Phases
    silent: bool = False
    proven: bool = True
    """Whether the reading contains what the cars draw now, so that they may get more.
    Where no meter tells what is so now, nothing has to be proven."""
    seen: Seen | None = None


def rest_of(
    house: House,
    circuit: Circuit,
    claims: Mapping[str, Claim],
    reading: Reading | None,
    state: SharingState,
    now: datetime,
) -> Rest:
    """Return what a circuit carries besides the cars that charge below it."""
    typed = house.other_a.get(circuit.key, NOTHING)
    if reading is None:
        return Rest(current_a=typed)
    before = state.seen.get(circuit.key)
    if not _is_silent(house, reading, now):
        seen = _see(house, circuit, claims, reading, state, now)
        if not _is_frozen(seen, now):
            return Rest(
                current_a=_spread(circuit, seen.rest_a),
                proven=_is_proven(claims, reading, seen, state),
                seen=seen,
            )
    known = _spread(circuit, before.rest_a) if before else NOTHING
    worst = [max(*pair) for pair in zip(typed, known, strict=True)]
    return Rest(current_a=(worst[0], worst[1], worst[2]), silent=True, seen=before)


def _is_silent(house: House, reading: Reading, now: datetime) -> bool:
    """Say whether a meter tells nothing that is so now."""
    if reading.at is None or now - reading.at > house.silent_after:
        return True
    return reading.currents_a is None and reading.power_w is None


def _is_frozen(seen: Seen, now: datetime) -> bool:
    """Say whether a meter has missed that the cars draw something else."""
    return all(now - one.since >= FROZEN_AFTER for one in seen.said) and any(
        one.missed_a > FROZEN_BY_A for one in seen.said
    )


def _is_proven(
    claims: Mapping[str, Claim], reading: Reading, seen: Seen, state: SharingState
) -> bool:
    """Say whether a reading contains what the cars draw now.

    It does when it was told after all had followed, and changed when they did.
    """
    changes = [state.given[key].since for key in claims if key in state.given]
    latest = max((each for each in changes if each is not None), default=None)
    is_late = latest is None or (
        reading.at is not None and reading.at >= latest + FOLLOWED_AFTER
    )
    return is_late and all(one.missed_a <= MISSED_A for one in seen.said)


def _say(
    before: Said | None,
    value_a: float,
    group: tuple[int, ...],
    claims: Mapping[str, Claim],
    now: datetime,
) -> Said:
    """Return what a meter says of some phases, and whether it has missed a change."""
    each = total(claim.drawn_a or NOTHING for claim in claims.values())
    drawn = sum(each[phase - 1] for phase in group)
    if before is None or before.value_a != value_a:
        return Said(value_a=value_a, since=now, drawn_a=drawn)
    if before.settled:
        return replace(before, missed_a=abs(drawn - before.drawn_a))
    # What a charger tells later than the meter may have been so before.
    settled = all(
        claim.drawn_at is None or claim.drawn_at > before.since + FOLLOWED_AFTER
        for claim in claims.values()
    )
    return replace(before, drawn_a=drawn, settled=settled)


def _spread(circuit: Circuit, rest_a: tuple[float, ...]) -> Phases:
    """Return the rest per phase, not below 0: sunshine may end at any moment.

    What is only known in all may be on any of the phases, so it counts on each.
    """
    each = rest_a if len(rest_a) == 3 else rest_a * 3
    phases = [
        max(0.0, one) if limit else 0.0
        for one, limit in zip(each, circuit.limit_a, strict=True)
    ]
    return (phases[0], phases[1], phases[2])


def _see(
    house: House,
    circuit: Circuit,
    claims: Mapping[str, Claim],
    reading: Reading,
    state: SharingState,
    now: datetime,
) -> Seen:
    """Return what a reading tells, with what was known before."""
    before = state.seen.get(circuit.key)
    measured, groups = _measured(house, circuit, reading)
    limits = [sum(circuit.limit_a[phase - 1] for phase in group) for group in groups]
    since = before.over_since if before else None
    doubted = since is not None and now - since >= DOUBTED_AFTER
    known = before if before and len(before.said) == len(groups) else None
    rest: list[float] = []
    said: list[Said] = []
    over = False
    for index, (value, group, limit) in enumerate(
        zip(measured, groups, limits, strict=True)
    ):
        draws = [
            _draw(key, claim, phase, reading, state, now, doubted=doubted)
            for key, claim in claims.items()
            for phase in group
        ]
        too_much = value > limit + 0.05
        over = over or too_much
        least = value - sum(draw.high for draw in draws)
        most = value - sum(
            draw.low + (draw.falling if too_much else 0.0) for draw in draws
        )
        told = _say(known.said[index] if known else None, value, group, claims, now)
        said.append(told)
        if known is None:
            rest.append(most)
            continue
        had = known.rest_a[index]
        now_a = most if too_much else min(max(had, least), most)
        says_else = told.value_a != known.said[index].value_a
        rest.append(now_a if says_else else max(had, now_a))
    return Seen(
        rest_a=tuple(rest),
        over_since=(since or now) if over else None,
        said=tuple(said),
    )


def _measured(
    house: House, circuit: Circuit, reading: Reading
) -> tuple[tuple[float, ...], tuple[tuple[int, ...], ...]]:
    """Return the currents of a reading, and on which phases each flows."""
    if reading.currents_a is not None:
        return reading.currents_a, ((1,), (2,), (3,))
    phases = tuple(phase for phase in (1, 2, 3) if circuit.limit_a[phase - 1])
    return ((reading.power_w or 0.0) / house.voltage_v,), (phases,)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draw:
    """What a car may have drawn on a phase at the time of a reading, in A."""

    low: float
    high: float
    falling: float = 0.0
    """How much of `high` will be gone in a moment, as it was told to."""


def _draw(
    key: str,
    claim: Claim,
    phase: int,
    reading: Reading,
    state: SharingState,
    now: datetime,
    *,
    doubted: bool,
) -> _Draw:
    """Return what a car may have drawn on a phase at the time of a reading."""
    told = [claim.allowed_a]
    given = state.given.get(key)
    if given is not None:
        told.append(given.current_a)
    if phase not in claim.lines:
        told = [0.0]
    if claim.drawn_a is None or claim.drawn_at is None or reading.at is None:
        return _Draw(low=0.0, high=max(told))
    drawn = claim.drawn_a[phase - 1]
    if reading.at <= claim.drawn_at:
        earlier = state.before.get(key, claim.drawn_a)[phase - 1]
        low, high = min(drawn, earlier), max(drawn, earlier)
    else:
        low, high = min(drawn, *told), max(drawn, *told)
        if doubted and reading.at - claim.drawn_at > DOUBTED_AFTER:
            low = 0.0
    if given is None or not _is_fresh(given, now):
        return _Draw(low=low, high=high)
    if given.drew_a is not None:
        # A meter tells late, too: it may not have seen yet what the charger tells.
        high = max(high, given.drew_a[phase - 1])
    return _Draw(
        low=low, high=high, falling=high - min(high, max(low, given.current_a))
    )


def _is_fresh(given: Given, now: datetime) -> bool:
    """Say whether a charger may not have followed yet, nor the meter seen it."""
    return given.since is not None and now - given.since < FOLLOWED_AFTER


def drew_until(claim: Claim, had: Given, now: datetime) -> Phases | None:
    """Return what a meter may still see of a car whose share changes now, in A."""
    drawn, before = claim.drawn_a, had.drew_a if _is_fresh(had, now) else None
    if drawn is None or before is None:
        return drawn or before
    one, two, three = (max(pair) for pair in zip(drawn, before, strict=True))
    return one, two, three
