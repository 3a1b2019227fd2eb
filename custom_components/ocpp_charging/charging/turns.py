"""Who comes first when there is not enough for all, so that it is fair in time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from .claims import Claim, House, SharingState

LEAST_WEIGHT, USUAL_WEIGHT, GREATEST_WEIGHT = 0.5, 3.0, 22.0


def weight(claim: Claim) -> float:
    """Return how much one counts among its equals: the kW that it needs."""
    if claim.need_kw is None:
        return USUAL_WEIGHT
    return min(max(claim.need_kw, LEAST_WEIGHT), GREATEST_WEIGHT)


def take_turns(
    house: House, claims: Mapping[str, Claim], state: SharingState, now: datetime
) -> SharingState:
    """Return a state whose order is that of now. Only the order and its account change.

    Everyone keeps their place for a turn. Then those who have charged least come first,
    by what they need. One who comes later doesn't have to catch up with the others.
    """
    seeking = {key for key, one in claims.items() if one.wanted_a >= one.min_a}
    order = [key for key in state.order if key in seeking]
    order += sorted(seeking - set(order))
    running = {
        key for key in order if key in state.given and state.given[key].current_a > 0
    }
    served = {key: state.served[key] for key in order if key in state.served}
    first = min(served.values(), default=0.0)
    served = {key: served.get(key, first) - first for key in order}
    since = state.turn_since
    if len(running) == len(order) or since is None:
        # Nobody waits: whoever comes next finds a turn that has just begun.
        return replace(state, order=tuple(order), turn_since=now, served=served)
    passed = now - (state.at or now)
    for key in running:
        served[key] += min(passed, house.turn).total_seconds() / weight(claims[key])
    if now - since >= house.turn:
        order.sort(key=lambda key: served[key])
        since = now
    return replace(state, order=tuple(order), turn_since=since, served=served)
