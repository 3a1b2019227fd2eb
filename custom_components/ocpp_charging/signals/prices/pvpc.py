"""PVPC (Spain): an attribute for each local hour, of today and of the next day."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
import re
from typing import Final

from ..told import Point, Problem, Told, moment, number
from .reader import EUR_PER_KWH, AttributeReader, Layers, Look

_NAME: Final = re.compile(r"price_(next_day_)?(\d\d)h(_d)?")
_HOUR: Final = timedelta(hours=1)


def read(looks: Sequence[Look]) -> Layers:
    """Return the hours; `_d` is the second of an hour that is there twice."""
    look = looks[0]
    found: list[Point] = []
    problems: dict[Problem, int] = {}
    for name, value in look.attributes.items():
        if (match := _NAME.fullmatch(name)) is None:
            continue
        day = look.day + timedelta(days=1) if match[1] else look.day
        hour = time(int(match[2]) % 24, fold=1 if match[3] else 0)
        start = moment(datetime.combine(day, hour, look.zone), look.zone, set())
        price = number(value)
        if start is None or price is None:
            problem = Problem.NO_TIME if start is None else Problem.NO_VALUE
            problems[problem] = problems.get(problem, 0) + 1
        else:
            found.append(Point(start=start, end=start + _HOUR, value=price))
    return [Told(points=tuple(found), problems=problems)]


READER = AttributeReader(
    key="pvpc",
    name="PVPC",
    domain="pvpc_hourly_pricing",
    recognise=lambda look: "price_00h" in look.attributes,
    read=read,
    unit=EUR_PER_KWH,
)
