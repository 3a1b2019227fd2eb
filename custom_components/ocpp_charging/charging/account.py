"""What charging comes to: energy as the battery takes it, money, CO2 and sun."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from .battery import Battery
from .draft import Piece
from .plan import Period, Totals
from .slots import Slot, slot_at

SMALL = 1e-6
"""Energies in kWh and times in hours below this are none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A piece as it comes out."""

    piece: Piece
    energy: float
    """In kWh."""


def draw(pieces: Iterable[Piece], battery: Battery, most: float) -> list[Drawn]:
    """Return what the pieces give in their order, ended when `most` kWh are drawn."""
    drawn: list[Drawn] = []
    total = 0.0
    for piece in pieces:
        hours = (piece.end - piece.start) / 3600
        energy = battery.energy(total, hours, piece.power)
        left = most - total
        if energy > left + SMALL * 1e-3:
            if left <= SMALL:
                break
            hours = battery.hours(total, most, piece.power)
            energy = left
            piece = Piece(
                start=piece.start,
                end=min(piece.end, piece.start + hours * 3600),
                power=piece.power,
                why=piece.why,
            )
        total += energy
        drawn.append(Drawn(piece=piece, energy=energy))
    return drawn


def periods(drawn: list[Drawn], now: datetime) -> tuple[Period, ...]:
    """Return the times of charging; neighbours at one power are one."""
    found: list[Period] = []
    for one in drawn:
        piece = one.piece
        start = now + timedelta(seconds=piece.start)
        end = now + timedelta(seconds=piece.end)
        energy = one.energy
        power = round(piece.power * 1000, 3)
        if found and found[-1].end == start and found[-1].power_w == power:
            start = found[-1].start
            energy += found.pop().energy_kwh
        if end > start:
            found.append(Period(start=start, end=end, power_w=power, energy_kwh=energy))
    return tuple(found)


def totals(
    drawn: list[Drawn], line: list[Slot], now: datetime, *, running: bool, co2: float
) -> Totals:
    """Return what charging comes to; `co2` is what counts where it is unknown."""
    energy = cost = grams = sun = unpriced = 0.0
    for one in drawn:
        piece = one.piece
        slot = slot_at(line, piece.start)
        own = min(one.energy, slot.sun * (piece.end - piece.start) / 3600)
        grid = one.energy - own
        energy += one.energy
        sun += own
        cost += own * slot.feed_in
        if slot.price is None:
            unpriced += grid
        else:
            cost += grid * slot.price
        grams += grid * (co2 if slot.co2 is None else slot.co2)
    starts = 1 if drawn else 0
    starts += sum(
        later.piece.start > earlier.piece.end + 1e-3
        for earlier, later in pairwise(drawn)
    )
    if drawn and running and drawn[0].piece.start <= 1e-3:
        starts -= 1
    return Totals(
        energy_kwh=energy,
        cost=cost,
        co2_kg=grams / 1000,
        solar_share=sun / energy if energy else 0.0,
        unpriced_kwh=unpriced,
        starts=starts,
        finish=now + timedelta(seconds=drawn[-1].piece.end) if drawn else None,
    )
