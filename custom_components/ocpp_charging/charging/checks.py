"""Refuses numbers and times that nothing can be planned with."""

from datetime import datetime, timedelta
from math import isfinite


def finite(**values: float | None) -> None:
    """Raise `ValueError` for a value that is not a number, or has no end."""
    for name, value in values.items():
        if value is not None and not isfinite(value):
            raise ValueError(f"{name} is {value}, which is no number to plan with")


def at_least_0(**values: float | timedelta | None) -> None:
    """Raise `ValueError` for a value below 0, or one that is no number."""
    for name, value in values.items():
        if value is None:
            continue
        number = value.total_seconds() if isinstance(value, timedelta) else value
        finite(**{name: number})
        if number < 0:
            raise ValueError(f"{name} is {value}, but can't be below 0")


def percent(**values: float | None) -> None:
    """Raise `ValueError` for a value outside 0 to 100 %, or one that is no number."""
    at_least_0(**values)
    for name, value in values.items():
        if value is not None and value > 100:
            raise ValueError(f"{name} is {value}, but can't be above 100 %")


def aware(**moments: datetime | None) -> None:
    """Raise `ValueError` for a time without zone."""
    for name, moment in moments.items():
        if moment is not None and moment.utcoffset() is None:
            raise ValueError(f"{name} needs a time zone")
