"""Fuses, cars and meters for the tests of sharing, in few words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.ocpp_charging.charging.circuits import Circuit, Circuits, Phases
from custom_components.ocpp_charging.charging.claims import (
    Claim,
    House,
    Reading,
    Shares,
    SharingState,
)
from custom_components.ocpp_charging.charging.sharing import share

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Return a time in seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def fuse(*limits: float) -> Phases:
    """Return three phases: one number is for all of them."""
    one, two, three = limits * 3 if len(limits) == 1 else limits
    return (one, two, three)


def house(main: float | Phases = 25.0, **others: Any) -> House:
    """Return a house with a main fuse; `garage=` is a board below it."""
    garage = others.pop("garage", None)
    circuits = [
        Circuit(
            key="main", limit_a=fuse(main) if isinstance(main, int | float) else main
        )
    ]
    if garage is not None:
        limit = fuse(garage) if isinstance(garage, int | float) else garage
        circuits.append(Circuit(key="garage", limit_a=limit, parent="main"))
    return House(circuits=Circuits(circuits), **{"hysteresis_a": 0.0, **others})


def car(wanted: float = 16.0, **others: Any) -> Claim:
    """Return the claim of a car on three phases, that bears 6 to 32 A."""
    return Claim(**{"circuit": "main", "wanted_a": wanted, "max_a": 32.0, **others})


def drawing(current: float, at: datetime, **others: Any) -> Claim:
    """Return the claim of a car that draws what it is allowed."""
    phases = others.get("phases", (1, 2, 3))
    drawn = tuple(current if phase in phases else 0.0 for phase in (1, 2, 3))
    return car(
        **{
            "wanted": 32.0,
            "allowed_a": current,
            "drawn_a": drawn,
            "drawn_at": at,
            **others,
        }
    )


def reading(*currents: float, at: datetime = NOON) -> Reading:
    """Return what a meter says per phase."""
    return Reading(currents_a=fuse(*currents), at=at)


def shared(
    home: House,
    claims: Mapping[str, Claim],
    meter: Reading | None = None,
    state: SharingState | None = None,
    now: datetime = NOON,
    **others: Any,
) -> Shares:
    """Share with a meter at the main fuse."""
    meters = {} if meter is None else {"main": meter}
    return share(home, claims, meters, state or SharingState(), now, **others)


def currents(shares: Shares) -> dict[str, float]:
    """Return what each gets, in A."""
    return {key: one.current_a for key, one in shares.allowed.items()}


def reasons(shares: Shares) -> dict[str, str]:
    """Return why each gets it."""
    return {key: str(one.why) for key, one in shares.allowed.items()}
