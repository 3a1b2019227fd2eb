"""From local times of the day and the week to moments."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from custom_components.ocpp_charging.charging.timetable import (
    clock,
    next_ready,
    window,
)

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = "2026-06-10"  # a Wednesday
TOMORROW = "2026-06-11"


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("opens", "ready", "now", "expected"),
    [
        # Within a day.
        ("01:00", "06:00", "00:30", (f"{TODAY}T01:00", f"{TODAY}T06:00")),
        ("01:00", "06:00", "03:30", (f"{TODAY}T01:00", f"{TODAY}T06:00")),
        ("01:00", "06:00", "06:00", (f"{TOMORROW}T01:00", f"{TOMORROW}T06:00")),
        # Over midnight.
        ("22:00", "06:00", "12:00", (f"{TODAY}T22:00", f"{TOMORROW}T06:00")),
        ("22:00", "06:00", "23:00", (f"{TODAY}T22:00", f"{TOMORROW}T06:00")),
        ("22:00", "06:00", "05:59", ("2026-06-09T22:00", f"{TODAY}T06:00")),
        # The whole day.
        ("07:00", "07:00", "06:00", ("2026-06-09T07:00", f"{TODAY}T07:00")),
        ("07:00", "07:00", "07:00", (f"{TODAY}T07:00", f"{TOMORROW}T07:00")),
        # One of the two.
        (None, "06:00", "05:00", (None, f"{TODAY}T06:00")),
        (None, "06:00", "07:00", (None, f"{TOMORROW}T06:00")),
        (None, "24:00", "07:00", (None, f"{TOMORROW}T00:00")),
        ("22:00", None, "07:00", (f"{TODAY}T22:00", None)),
        ("22:00", None, "22:00", (f"{TODAY}T22:00", None)),
        (None, None, "07:00", (None, None)),
    ],
)
def test_a_window_by_times_of_the_day(
    opens: str | None, ready: str | None, now: str, expected: tuple
) -> None:
    found = window(
        local(f"{TODAY}T{now}"),
        clock(opens) if opens else None,
        clock(ready) if ready else None,
        BERLIN,
    )
    assert found == tuple(one and local(one).astimezone(UTC) for one in expected)


def test_a_window_that_only_opens_stays_open_while_the_car_is_there() -> None:
    plugged = local(f"{TODAY}T18:00")
    for now in (f"{TODAY}T18:30", f"{TODAY}T23:00", f"{TOMORROW}T03:00"):
        found = window(local(now), time(22), None, BERLIN, plugged)
        assert found == (local(f"{TODAY}T22:00"), None)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-06-10T06:00", "2026-06-10T07:00"),
        ("2026-06-10T07:00", "2026-06-13T10:00"),
        ("2026-06-13T10:00", "2026-06-17T07:00"),
    ],
)
def test_the_car_leaves_at_its_time_of_the_weekday(now: str, expected: str) -> None:
    week = {2: time(7), 5: time(10)}
    assert next_ready(local(now), week, BERLIN) == local(expected)
    assert next_ready(local(now), {}, BERLIN) is None


@pytest.mark.parametrize(
    ("now", "clock_time", "expected"),
    [
        ("2026-03-28T12:00", "02:30", "2026-03-29T01:30+00:00"),
        ("2026-10-24T12:00", "02:30", "2026-10-25T00:30+00:00"),
        ("2026-03-28T17:00", "06:00", "2026-03-29T04:00+00:00"),
    ],
)
def test_a_day_on_which_the_clocks_change(
    now: str, clock_time: str, expected: str
) -> None:
    _, ready = window(local(now), None, clock(clock_time), BERLIN)
    assert ready == datetime.fromisoformat(expected)


def test_what_is_no_time_of_the_day_is_refused() -> None:
    assert clock("24:00") == clock("00:00")
    assert clock("07:30") == time(7, 30)
    for text in ("25:00", "7", "now"):
        with pytest.raises(ValueError, match=r"\w"):
            clock(text)
