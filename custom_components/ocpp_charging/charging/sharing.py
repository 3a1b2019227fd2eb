"""Shares what a house's fuses leave among its chargers, at every moment.

Never more than any phase of any circuit bears, with what else it carries. Less at once;
more slowly, and only when those who had it before have let go and a meter has told
that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import floor

from .circuits import Circuit
from .claims import Claim, Given, House, Reading, Share, Shares, SharingState, Why
from .fill import TINY, Bound, Seeker, fill, on_step
from .rest import Rest, drew_until, rest_of
from .share_reasons import GRID, Story
from .turns import take_turns, weight

TREMOR_A = 1.0
"""What goes to another is more than this."""
IGNORED_AFTER_S = 15.0
"""A charger that still draws more then doesn't follow, and is reckoned as the house."""


def share(
    house: House,
    claims: Mapping[str, Claim],
    meters: Mapping[str, Reading],
    state: SharingState,
    now: datetime,
    *,
    grid_limit_w: float | None = None,
) -> Shares:
    """Return what each connector may draw now.

    `meters` are by circuit; a circuit that has none is taken to carry what the owner
    has said. `grid_limit_w` is for all that is charged together. Call it at every
    reading and every claim that changes, and each second while one waits for more.
    Raises `ValueError` for a claim or a meter on a circuit that there is not.
    """
    if unknown := set(meters) - set(house.circuits.by_key):
        raise ValueError(f"no such circuit: {sorted(unknown)}")
    claims = dict(sorted(claims.items()))
    paths = {key: house.circuits.path(one.circuit) for key, one in claims.items()}
    state = take_turns(house, claims, _measure(claims, state), now)
    rests = {
        circuit.key: rest_of(
            house,
            circuit,
            {key: one for key, one in claims.items() if circuit in paths[key]},
            meters.get(circuit.key),
            state,
            now,
        )
        for circuit in house.circuits.circuits
    }
    silent = frozenset(key for key, rest in rests.items() if rest.silent)
    had = {key: _had(one, state.given.get(key)) for key, one in claims.items()}
    bounds = _bounds(house, claims, paths, rests, had, now, grid_limit_w)
    seekers = [
        _seeker(key, claims[key], silent=any(one.key in silent for one in paths[key]))
        for key in _order(claims, state)
    ]
    targets, careful = _targets(house, seekers, bounds, had, now)
    targets = _steady(seekers, bounds, had, targets)
    given = {
        key: _paced(
            house,
            had[key],
            targets[key],
            careful[key] if all(rests[one.key].proven for one in paths[key]) else 0.0,
            now,
        )
        for key in claims
    }
    given = _hold_back(claims, seekers, bounds, had, given)
    story = Story(
        main=house.circuits.main.key,
        claims=claims,
        seekers=seekers,
        bounds=bounds,
        possible=fill(seekers, bounds),
        hysteresis_a=house.hysteresis_a,
        silent={
            key: next((one.key for one in path if one.key in silent), None)
            for key, path in paths.items()
        },
    )
    allowed = {seeker.key: story.of(seeker, given[seeker.key]) for seeker in seekers}
    return Shares(
        allowed=allowed,
        state=replace(
            state,
            at=now,
            given={
                key: _remember(claims[key], had[key], one, now)
                for key, one in allowed.items()
            },
            seen={key: rest.seen for key, rest in rests.items() if rest.seen},
        ),
        rest_a={key: rest.current_a for key, rest in rests.items()},
        silent=silent,
    )


def _measure(claims: Mapping[str, Claim], state: SharingState) -> SharingState:
    """Remember what was measured, and what was measured before that."""
    drawn, before = dict(state.drawn), dict(state.before)
    for key, claim in claims.items():
        if claim.drawn_a is None or claim.drawn_at is None:
            drawn.pop(key, None)
            before.pop(key, None)
        elif key not in drawn or drawn[key][1] != claim.drawn_at:
            before[key] = drawn[key][0] if key in drawn else claim.drawn_a
            drawn[key] = (claim.drawn_a, claim.drawn_at)
    return replace(
        state,
        drawn={key: one for key, one in drawn.items() if key in claims},
        before={key: one for key, one in before.items() if key in claims},
    )


def _had(claim: Claim, given: Given | None) -> Given:
    """Return what a connector had so far, as what it can be given."""
    given = given or Given(current_a=claim.allowed_a)
    whole = on_step(floor(given.current_a / claim.step_a + TINY), claim.step_a)
    return replace(given, current_a=whole if whole >= claim.min_a else 0.0)


def _remember(claim: Claim, had: Given, share: Share, now: datetime) -> Given:
    """Return what to remember of a share."""
    same = abs(share.current_a - had.current_a) < TINY
    # One that asks for more stays so until the others have made room for it.
    asks = same and had.asked and share.why is Why.SLOW_RISE
    asked = asks or share.why in (Why.WANTED, Why.UNUSED)
    if same:
        return replace(had, current_a=share.current_a, asked=asked)
    return Given(
        current_a=share.current_a,
        since=now,
        asked=asked,
        drew_a=drew_until(claim, had, now),
    )


def _order(claims: Mapping[str, Claim], state: SharingState) -> list[str]:
    """Return who comes first: by priority, then by turn."""
    place = {key: index for index, key in enumerate(state.order)}
    return sorted(
        claims, key=lambda key: (-claims[key].priority, place.get(key, len(place)), key)
    )


def _seeker(key: str, claim: Claim, *, silent: bool) -> Seeker:
    """Return what a claim comes to."""
    most = min(claim.wanted_a, claim.max_a)
    if silent:
        most = min(most, claim.min_a if claim.safe_a is None else claim.safe_a)
    return Seeker(
        key=key,
        least=claim.min_a,
        most=most,
        step=claim.step_a,
        priority=claim.priority,
        weight=weight(claim),
        content=claim.content_a,
    )


def _bounds(
    house: House,
    claims: Mapping[str, Claim],
    paths: Mapping[str, tuple[Circuit, ...]],
    rests: Mapping[str, Rest],
    had: Mapping[str, Given],
    now: datetime,
    grid_limit_w: float | None,
) -> list[Bound]:
    """Return what each phase of each circuit leaves, and what the grid allows."""
    bounds = []
    for circuit in house.circuits.circuits:
        below = {key: one for key, one in claims.items() if circuit in paths[key]}
        for phase in (1, 2, 3):
            rest = rests[circuit.key].current_a[phase - 1] + sum(
                _ignored(one, had[key], phase) for key, one in below.items()
            )
            takes = {key: 1.0 for key, one in below.items() if phase in one.lines}
            if takes:
                room = max(0.0, circuit.limit_a[phase - 1] - rest)
                bounds.append(
                    Bound(name=circuit.key, room=room, takes=takes, phase=phase)
                )
    if grid_limit_w is not None:
        bounds.append(
            Bound(
                name=GRID,
                room=max(0.0, grid_limit_w / house.voltage_v),
                takes={key: float(len(one.lines)) for key, one in claims.items()},
            )
        )
    return bounds


def _ignored(claim: Claim, had: Given, phase: int) -> float:
    """Return what a car draws against what it was given a while ago, in A."""
    if claim.drawn_a is None or claim.drawn_at is None or had.since is None:
        return 0.0
    if (claim.drawn_at - had.since).total_seconds() < IGNORED_AFTER_S:
        return 0.0
    above = claim.drawn_a[phase - 1] - had.current_a
    return above if above > 1.0 else 0.0


def _targets(
    house: House,
    seekers: Sequence[Seeker],
    bounds: Sequence[Bound],
    had: Mapping[str, Given],
    now: datetime,
) -> tuple[dict[str, float], dict[str, float]]:
    """Return what each can have, and what it can have with something left free.

    One that has nothing begins only where something is left free and its rest is over;
    until then nobody makes room for it.
    """
    tighter = [
        replace(bound, room=bound.room - house.hysteresis_a * max(bound.takes.values()))
        for bound in bounds
    ]
    rested = [one for one in seekers if _is_rested(house, had[one.key], now)]
    careful = fill(rested, tighter)
    ready = [one for one in rested if had[one.key].current_a or careful[one.key]]
    nothing = dict.fromkeys((one.key for one in seekers), 0.0)
    return nothing | fill(ready, bounds), nothing | careful


def _steady(
    seekers: Sequence[Seeker],
    bounds: Sequence[Bound],
    had: Mapping[str, Given],
    targets: dict[str, float],
) -> dict[str, float]:
    """Return the targets; where what all have fits, nobody loses a step or an ampere.

    With each tremor of a meter it would go to another, and come back. Unless another
    begins: it may be what is lacking for that.
    """
    have = {key: one.current_a for key, one in had.items()}
    begins = any(targets[one.key] > 0 and not have[one.key] for one in seekers)
    if begins or any(bound.left(have) < -TINY for bound in bounds):
        return targets
    return {
        one.key: have[one.key]
        if 0 < targets[one.key] < have[one.key] <= one.greatest
        and have[one.key] - targets[one.key] <= max(one.step, TREMOR_A) + TINY
        else targets[one.key]
        for one in seekers
    }


def _is_rested(house: House, had: Given, now: datetime) -> bool:
    """Say whether a connector charges, or may begin to."""
    return had.current_a > 0 or not had.waits(house.restart_after, now)


def _paced(
    house: House, had: Given, target: float, careful: float, now: datetime
) -> float:
    """Return what one gets: less at once, more slowly."""
    if target <= had.current_a:
        return target
    if had.waits(house.rise_every, now):
        return had.current_a
    return max(had.current_a, min(target, careful))


def _hold_back(
    claims: Mapping[str, Claim],
    seekers: Sequence[Seeker],
    bounds: Sequence[Bound],
    had: Mapping[str, Given],
    given: Mapping[str, float],
) -> dict[str, float]:
    """Return what each gets when nothing rises into room that isn't left yet.

    Those who come first rise first. Until a charger has followed, what it may still
    draw counts.
    """
    final = {key: min(one, had[key].current_a) for key, one in given.items()}
    for seeker in seekers:
        key = seeker.key
        rise = given[key]
        if rise <= final[key]:
            continue
        for bound in bounds:
            if takes := bound.takes.get(key, 0.0):
                others = sum(
                    _reckoned(claims[other], final[other], bound, part)
                    for other, part in bound.takes.items()
                    if other != key
                )
                rise = min(rise, (bound.room - others) / takes)
        rise = on_step(floor(rise / seeker.step + TINY), seeker.step)
        if rise >= seeker.smallest:
            final[key] = max(final[key], rise)
    return final


def _reckoned(claim: Claim, given_a: float, bound: Bound, part: float) -> float:
    """Return how much of a bound one may still take."""
    if bound.phase:
        return claim.reckoned_a(given_a, bound.phase)
    return part * max(claim.reckoned_a(given_a, phase) for phase in claim.lines)
