"""Values by weekday and hour, as an owner types them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any, Final, Self

from ..charging.series import Interval, Series
from .told import number

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

CONF_DAYS: Final = "days"
CONF_START: Final = "start"
CONF_END: Final = "end"
CONF_AMOUNT: Final = "amount"


@dataclass(frozen=True, kw_only=True)
class Period:
    """A value from `start` until just before `end`, local time, on some weekdays.

    With an end that is not after its start it lasts into the next day, and belongs to
    the weekday on which it begins. No weekdays are all of them.
    """

    days: frozenset[int]
    start: time
    end: time
    amount: float

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the period that was typed. Raises `ValueError` when it is none."""
        amount = number(data.get(CONF_AMOUNT))
        if amount is None:
            raise ValueError("a period needs an amount")
        days = data.get(CONF_DAYS) or WEEKDAYS
        return cls(
            days=frozenset(WEEKDAYS.index(day) for day in days),
            start=time.fromisoformat(str(data.get(CONF_START) or "00:00")),
            end=time.fromisoformat(str(data.get(CONF_END) or "00:00")),
            amount=amount,
        )

    def spans(
        self, start: datetime, end: datetime, zone: tzinfo
    ) -> Iterable[tuple[datetime, datetime]]:
        """Yield when it is so, as far as that touches [start, end), in UTC."""
        day = start.astimezone(zone).date() - timedelta(days=1)
        last = end.astimezone(zone).date()
        while day <= last:
            if day.weekday() in self.days:
                until = day if self.end > self.start else day + timedelta(days=1)
                yield (
                    datetime.combine(day, self.start, zone).astimezone(UTC),
                    datetime.combine(until, self.end, zone).astimezone(UTC),
                )
            day += timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """Periods, of which the first that fits counts, and a value for all other time."""

    otherwise: float = 0.0
    periods: tuple[Period, ...] = ()

    @classmethod
    def from_data(cls, otherwise: float, periods: Iterable[Mapping[str, Any]]) -> Self:
        """Return the timetable that was typed. Raises `ValueError` when it is none."""
        return cls(
            otherwise=otherwise,
            periods=tuple(Period.from_data(item) for item in periods),
        )

    def series(self, start: datetime, end: datetime, zone: tzinfo) -> Series:
        """Return the values over [start, end), in UTC."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        spans = [
            (begins, until, period.amount)
            for period in self.periods
            for begins, until in period.spans(start, end, zone)
        ]
        edges = {start, end}
        for begins, until, _ in spans:
            edges |= {edge for edge in (begins, until) if start < edge < end}
        ordered = sorted(edges)
        return Series(
            Interval(
                start=begins,
                end=until,
                value=next(
                    (amount for one, two, amount in spans if one <= begins < two),
                    self.otherwise,
                ),
            )
            for begins, until in pairwise(ordered)
        )
