"""From times of the day to the moments a goal is made of."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = 9
"""How far to look for a time of the week: a week, and the days cut at its ends."""


def clock(text: str) -> time:
    """Return a time of the day from HH:MM; 24:00 is midnight, as 00:00.

    Raises `ValueError` for anything else.
    """
    return time.min if text in {"24:00", "24:00:00"} else time.fromisoformat(text)


def next_ready(
    now: datetime, week: Mapping[int, time], zone: tzinfo
) -> datetime | None:
    """Return when the car is to be ready next, None when it never is.

    `week` has a local time for each weekday (Monday is 0) on which the car leaves.
    """
    return next(
        (
            moment
            for day in _days(now, zone, -1)
            if day.weekday() in week
            and (moment := _moment(day, week[day.weekday()], zone)) > now
        ),
        None,
    )


def window(
    now: datetime,
    opens: time | None,
    ready: time | None,
    zone: tzinfo,
    plugged: datetime | None = None,
) -> tuple[datetime | None, datetime | None]:
    """Return from when and until when to charge, by two local times of every day.

    With both: the present or next stretch from the one to the other, over midnight if
    need be; a whole day if they are the same. With `opens` alone: from its first time
    at or after the car was plugged in. A local time that a day does not have is an hour
    later; of one that it has twice, the first counts.
    """
    if ready is None:
        if opens is None:
            return None, None
        since = plugged or now
        moments = (_moment(day, opens, zone) for day in _days(since, zone, 0))
        return next(moment for moment in moments if moment >= since), None
    until = next_ready(now, dict.fromkeys(range(7), ready), zone)
    if opens is None or until is None:
        return None, until
    days = [until.astimezone(zone).date() - timedelta(days=back) for back in range(3)]
    moments = (_moment(day, opens, zone) for day in days)
    return next(moment for moment in moments if moment < until), until


def _days(now: datetime, zone: tzinfo, first: int) -> Iterator[date]:
    """Yield the local days from some days after now's on."""
    today = now.astimezone(zone).date()
    for ahead in range(first, first + DAYS + 1):
        yield today + timedelta(days=ahead)


def _moment(day: date, clock_time: time, zone: tzinfo) -> datetime:
    """Return a local time as a moment in UTC."""
    return datetime.combine(day, clock_time, zone).astimezone(UTC)
