"""Situations as tables: prices, what is asked for, and what is best."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from custom_components.ocpp_charging.charging import Plan, Series, Tie

from .houses import check_whole, planned, series, spans

EARLY: dict[str, Any] = {"tie": Tie.EARLIER}
BLOCK: dict[str, Any] = {"one_block": True}
EARLY_BLOCK: dict[str, Any] = {**EARLY, **BLOCK}

STEEP = [20, 60, 10, 80, 40, 90]
AUTUMN = [
    *(104.95, 99.74, 93.42, 93.25, 96.9, 137.17, 343.4, 372.56, 388.65, 382.75),
    *(371.33, 347.16, 306.14, 276.73, 219.48, 209.21, 233.7, 322.5, 289.67, 121.58),
    *(89.57, 76.63, 54.27, 49.64),
]
"""A day of hourly prices when gas was dear, 2022-09-30 in the south of Sweden."""
WINDY = [
    *(68.63, 67.75, 54.58, 24.2, 19.05, 18.03, 17.63, 26.67, 49.15, 70.31, 70.12),
    *(68.09, 59.96, 63.87, 66.27, 70.16, 74.4, 81.39, 88.17, 84.94, 73.95, 70.38),
    *(72.88, 72.19),
]
"""The day after."""
TWO_DAYS = [*AUTUMN, *WINDY]
GIFT = [*WINDY[:4], 0.0, -15.0, -10.0, *WINDY[7:]]
"""The same day with hours at which one is paid."""


def quarters(values: Sequence[float | None]) -> Series:
    """Return values of a quarter of an hour each."""
    return series(values, 15)


def halves(values: Sequence[float | None], begin: float = 0) -> Series:
    """Return values of half an hour each."""
    return series(values, 30, begin)


def joined(*parts: Series) -> Series:
    """Return series one after the other."""
    return Series(item for part in parts for item in part)


@dataclass(frozen=True)
class Case:
    """A situation and what is best."""

    prices: Sequence[float | None] | Series
    kwh: float
    expected: list[tuple[float, float]]
    ready: float | None = None
    now: float = 0
    prefer: dict[str, Any] = field(default_factory=dict)
    goal: dict[str, Any] = field(default_factory=dict)
    """With the state, if there is one."""
    met: bool = True

    @property
    def known(self) -> Series:
        """Return the prices."""
        given = self.prices
        return given if isinstance(given, Series) else series(given)


def follow(rows: dict[str, Case]) -> pytest.MarkDecorator:
    """Return a test's parameters from a table."""
    return pytest.mark.parametrize("case", list(rows.values()), ids=list(rows))


def run(case: Case) -> Plan:
    """Return the plan for a situation, after looking whether it is whole."""
    made = planned(
        case.known,
        case.kwh,
        ready=case.ready,
        now=case.now,
        prefer=case.prefer,
        **case.goal,
    )
    check_whole(made)
    found = spans(made)
    assert len(found) == len(case.expected), found
    for one, expected in zip(found, case.expected, strict=True):
        assert one == pytest.approx(expected, abs=1e-4), found
    assert made.met == case.met
    assert made.gap == 0
    return made
