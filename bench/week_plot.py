"""The simulated week as a picture: SVG, written by hand."""

from dataclasses import dataclass, field
from pathlib import Path

from .week_house import DAYS, FUSE_A, MONDAY, QUARTER, House, second

WIDTH, LEFT, RIGHT = 1000, 54, 12
COLOURS = {"family": "#1f77b4", "city": "#e07b00"}
NAMES = {"family": "family car, three phases", "city": "city car, one phase"}
STEP = 300


@dataclass
class Trace:
    """What is drawn, one row for each five minutes."""

    seconds: list[int] = field(default_factory=list)
    lines: list[list[float]] = field(default_factory=list)
    cars: dict[str, list[tuple[float, float | None]]] = field(default_factory=dict)
    """By car: power in W, state of charge in % (None while it is away)."""

    def add(
        self,
        now: int,
        lines: list[float],
        cars: dict[str, tuple[float, float | None]],
    ) -> None:
        """Add a row."""
        self.seconds.append(now)
        self.lines.append(list(lines))
        for key, one in cars.items():
            self.cars.setdefault(key, []).append(one)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A strip of the picture with its own scale."""

    top: float
    height: float
    low: float
    high: float
    title: str

    def y(self, value: float) -> float:
        """Return where a value is."""
        part = (value - self.low) / (self.high - self.low)
        return round(self.top + self.height * (1 - part), 1)

    def frame(self, *marks: float) -> list[str]:
        """Return its axes, days and title."""
        bottom = self.top + self.height
        found = [
            f'<text x="{LEFT}" y="{self.top - 6}" class="title">{self.title}</text>'
        ]
        for day in range(DAYS + 1):
            x = _x(day * 86400)
            found.append(
                f'<line x1="{x}" y1="{self.top}" x2="{x}" y2="{bottom}" class="grid"/>'
            )
        for mark in marks:
            y = self.y(mark)
            found.append(
                f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" '
                f'class="grid"/><text x="{LEFT - 6}" y="{y + 4}" class="mark">'
                f"{mark:g}</text>"
            )
        return found


def _x(now: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * now / (DAYS * 86400), 1)


def _path(points: list[tuple[float, float]], style: str) -> str:
    text = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{text}" {style}/>'


def draw(file: Path, house: House, trace: Trace) -> None:
    """Write the picture of a week."""
    parts = [
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 700" '
            'font-family="sans-serif" font-size="12">'
        ),
        (
            "<style>.grid{stroke:#ccc;stroke-width:.6}.title{font-weight:bold}"
            ".mark{text-anchor:end;fill:#555}.day{text-anchor:middle;fill:#555}</style>"
        ),
        '<rect width="1000" height="700" fill="#fff"/>',
        *_prices(house),
        *_powers(house, trace),
        *_currents(trace),
        *_batteries(house, trace),
    ]
    for day in range(DAYS):
        name = f"{MONDAY + day * 96 * QUARTER:%A}"
        parts.append(
            f'<text x="{_x((day + 0.5) * 86400)}" y="690" class="day">{name}</text>'
        )
    parts.append("</svg>\n")
    file.write_text("\n".join(parts))


def _prices(house: House) -> list[str]:
    values = [item.value for item in house.prices][: DAYS * 96]
    low, high = min(0.0, *values), max(values)
    panel = Panel(
        top=24, height=110, low=low, high=high, title="Price, EUR/kWh, and sun"
    )
    suns = [house.sun_w(MONDAY + index * QUARTER) for index in range(DAYS * 96)]
    scale = (high - low) / 6000
    sun = [
        (_x(index * 900), panel.y(low + watts * scale))
        for index, watts in enumerate(suns)
    ]
    sun = [(_x(0), panel.y(low)), *sun, (_x(DAYS * 86400), panel.y(low))]
    steps = []
    for index, value in enumerate(values):
        steps += [(_x(index * 900), panel.y(value))]
        steps += [(_x(index * 900 + 900), panel.y(value))]
    return [
        _path(sun, 'fill="#ffe9a8" stroke="none"'),
        *panel.frame(*(mark / 10 for mark in range(int(high * 10) + 1))),
        _path(steps, 'fill="none" stroke="#333"'),
    ]


def _powers(house: House, trace: Trace) -> list[str]:
    panel = Panel(top=172, height=140, low=0, high=12, title="Charging, kW")
    start, end = second(house.demand.start), second(house.demand.end)
    found = [
        (
            f'<rect x="{_x(start)}" y="{panel.top}" width="{_x(end) - _x(start):.1f}" '
            f'height="{panel.height}" fill="#f7d4d4"/>'
        ),
        *panel.frame(0, 4, 8, 12),
    ]
    for place, (key, rows) in enumerate(trace.cars.items()):
        points = [(_x(0), panel.y(0))]
        for now, (watts, _) in zip(trace.seconds, rows, strict=True):
            points += [(_x(now), panel.y(watts / 1000))]
        points.append((_x(DAYS * 86400), panel.y(0)))
        colour = COLOURS[key]
        found.append(
            _path(points, f'fill="{colour}" fill-opacity=".35" stroke="{colour}"')
        )
        found.append(
            f'<text x="{260 + 220 * place}" y="{panel.top - 6}" fill="{colour}">'
            f"{NAMES[key]}</text>"
        )
    found.append(
        f'<text x="720" y="{panel.top - 6}" fill="#b33">red: limit of the grid</text>'
    )
    return found


def _currents(trace: Trace) -> list[str]:
    panel = Panel(
        top=350, height=120, low=0, high=30, title="Highest of the three phases, A"
    )
    points = [
        (_x(now), panel.y(max(lines)))
        for now, lines in zip(trace.seconds, trace.lines, strict=True)
    ]
    y = panel.y(FUSE_A)
    return [
        *panel.frame(0, 10, 20),
        _path(points, 'fill="none" stroke="#2a7d2a" stroke-width=".8"'),
        (
            f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#c00"/>'
            f'<text x="{LEFT - 6}" y="{y + 4}" class="mark" fill="#c00">25</text>'
        ),
    ]


def _batteries(house: House, trace: Trace) -> list[str]:
    panel = Panel(
        top=508,
        height=160,
        low=20,
        high=100,
        title="Battery, %; a dot is what was to be there at departure",
    )
    found = panel.frame(20, 40, 60, 80, 100)
    for key, rows in trace.cars.items():
        piece: list[tuple[float, float]] = []
        style = f'fill="none" stroke="{COLOURS[key]}" stroke-width="1.6"'
        for now, (_, soc) in zip(trace.seconds, rows, strict=True):
            if soc is not None:
                piece.append((_x(now), panel.y(soc)))
            elif piece:
                found.append(_path(piece, style))
                piece = []
        if piece:
            found.append(_path(piece, style))
        for stay in house.stays[key]:
            found.append(
                f'<circle cx="{_x(second(stay.leaves))}" cy="{panel.y(stay.target)}" '
                f'r="4" fill="none" stroke="{COLOURS[key]}"/>'
            )
    return found
