"""Fees and taxes: (price + fixed + by time of day) * (1 + percentage)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final, Self

from ...charging.series import Interval, Series
from ..timetable import Timetable
from ..told import number

CONF_FEE: Final = "fee"
CONF_FEE_PERIODS: Final = "fee_periods"
CONF_PERCENT: Final = "percent"


@dataclass(frozen=True, kw_only=True)
class Fees:
    """What comes on top of a price; what is taken off is negative.

    `fixed` and the amounts of `by_time`, which add up, are in the main unit of the
    currency per kWh; `percent` is on all of it.
    """

    fixed: float = 0.0
    by_time: Timetable = field(default_factory=Timetable)
    percent: float = 0.0

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return the fees that were typed. Raises `ValueError` when they are none."""
        return cls(
            fixed=number(data.get(CONF_FEE)) or 0.0,
            by_time=Timetable.from_data(0.0, data.get(CONF_FEE_PERIODS) or ()),
            percent=number(data.get(CONF_PERCENT)) or 0.0,
        )

    def applied(self, series: Series, zone: tzinfo) -> Series:
        """Return the prices with the fees; cut where a fee by time changes."""
        factor = 1 + self.percent / 100
        if not self.by_time.periods:
            return series.map(lambda value: (value + self.fixed) * factor)
        if series.start is None or series.end is None:
            return series
        fees = self.by_time.series(series.start, series.end, zone)
        return Series(
            Interval(
                start=part.start,
                end=part.end,
                value=(item.value + self.fixed + part.value) * factor,
            )
            for item in series
            for part in fees.between(item.start, item.end)
        )
