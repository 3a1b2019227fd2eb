"""From power to energy and back, for a battery that takes less when nearly full."""

from itertools import pairwise
from math import expm1, log
from typing import NamedTuple

from .problem import Car


class _Piece(NamedTuple):
    """A stretch of energy drawn over which the limit is a straight line."""

    begin: float
    end: float
    first: float
    last: float
    """In kWh since now, and in kW at both ends."""


class Battery:
    """How fast a car charges, by what it has drawn since now, in kWh at the meter."""

    def __init__(self, car: Car, soc: float | None) -> None:
        """Take the taper's points as energies; without a charge known there is none."""
        self._limits: list[tuple[float, float]] = []
        if car.taper and soc is not None and car.battery_kwh is not None:
            per_percent = car.battery_kwh / 100 / car.efficiency
            self._limits = [
                ((percent - soc) * per_percent, watts / 1000)
                for percent, watts in car.taper
            ]

    def _pieces(self, begin: float, power: float) -> list[_Piece]:
        """Return the limit from an energy on, at most a power in kW."""
        limits = self._limits
        if not limits:
            return [_Piece(begin, float("inf"), power, power)]
        pieces: list[_Piece] = []

        def add(start: float, end: float, first: float, last: float) -> None:
            if start < begin < end:
                first += (last - first) * (begin - start) / (end - start)
                start = begin
            if end > max(start, begin):
                pieces.append(_Piece(start, end, first, last))

        add(min(begin, limits[0][0]), limits[0][0], power, power)
        for (start, first), (end, last) in pairwise(limits):
            if (first - power) * (last - power) < 0:
                middle = start + (end - start) * (power - first) / (last - first)
                add(start, middle, min(first, power), power)
                add(middle, end, power, min(last, power))
            else:
                add(start, end, min(first, power), min(last, power))
        last = min(power, limits[-1][1])
        add(max(begin, limits[-1][0]), float("inf"), last, last)
        return pieces

    def hours(self, begin: float, end: float, power: float) -> float:
        """Return how long it takes from one energy to another at a power in kW."""
        if not self._limits:
            return max(0.0, end - begin) / power
        hours = 0.0
        for piece in self._pieces(begin, power):
            stop = min(end, piece.end)
            if stop <= piece.begin:
                break
            width = stop - piece.begin
            if piece.first == piece.last:
                hours += width / piece.first
                continue
            rise = (piece.last - piece.first) / (piece.end - piece.begin)
            hours += log((piece.first + rise * width) / piece.first) / rise
        return hours

    def energy(self, begin: float, hours: float, power: float) -> float:
        """Return what is drawn in some hours from an energy on, at a power in kW."""
        if not self._limits:
            return hours * power
        drawn = 0.0
        for piece in self._pieces(begin, power):
            width = piece.end - piece.begin
            if piece.first == piece.last:
                taken = min(width, hours * piece.first)
                needed = taken / piece.first
            else:
                rise = (piece.last - piece.first) / width
                whole = log(piece.last / piece.first) / rise
                needed = min(whole, hours)
                taken = (
                    width
                    if whole <= hours
                    else piece.first * expm1(rise * hours) / rise
                )
            drawn += taken
            hours -= needed
            if hours <= 0:
                break
        return drawn

    def full_power(self, begin: float, end: float, power: float) -> float:
        """Return how much energy a power in kW would give in the time this takes.

        What is planned with: a car that is nearly full needs its time, whatever
        it draws in it.
        """
        return power * self.hours(begin, end, power)
