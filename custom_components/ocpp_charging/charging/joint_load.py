"""What cars draw over time, in seconds since now and kW."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

type Track = list[tuple[float, float, float]]
"""Start, end and kW, in the order of time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What a car draws, and how much of it is from the roof."""

    power: Track = field(default_factory=list)
    sun: Track = field(default_factory=list)

    def starts(self, *, running: bool) -> int:
        """Return how often it begins; going on now is none."""
        ends = [0.0 if running else -1.0, *(end for _, end, _ in self.power)]
        begins = [start for start, _, _ in self.power]
        return sum(
            abs(start - end) > 4e-3 for start, end in zip(begins, ends, strict=False)
        )


def spread(track: Track, points: list[float]) -> list[float]:
    """Return a track's value between each two points, in kW."""
    values = [0.0] * (len(points) - 1)
    for start, end, kw in track:
        first = max(0, bisect_right(points, start + 2e-3) - 1)
        for at in range(first, len(values)):
            if points[at] >= end - 2e-3:
                break
            values[at] = kw
    return values


def energies(track: Track, points: list[float]) -> list[float]:
    """Return a track's energy between each two points, in kWh."""
    values = [0.0] * (len(points) - 1)
    for start, end, kw in track:
        at = max(0, bisect_left(points, start + 1e-6) - 1)
        while at < len(values) and points[at] < end:
            inside = min(end, points[at + 1]) - max(start, points[at])
            values[at] += kw * max(0.0, inside) / 3600
            at += 1
    return values


def within(track: Track, spans: list[tuple[float, float]]) -> Track:
    """Return what of a track lies within some spans."""
    found = []
    for start, end, kw in track:
        for begin, until in spans:
            first, last = max(start, begin), min(end, until)
            if last - first > 2e-3:
                found.append((round(first, 3), round(last, 3), kw))
    return sorted(found)
