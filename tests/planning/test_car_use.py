"""What a car takes of what it may, learned from what is measured."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.ocpp_charging.planning.car_use import LESS_FOR, CarUse

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def taught(
    *drawn: float | None, allowed_a: float = 16.0, step: timedelta = LESS_FOR / 6
) -> CarUse:
    """Return what is known after so many measurements, ten seconds apart."""
    use = CarUse()
    for index, current in enumerate(drawn):
        now = START + index * step
        use.look_at_current(current, allowed_a=allowed_a, least_a=6.0, now=now)
    return use


@pytest.mark.parametrize(
    ("drawn", "content"),
    [
        ([8.0] * 7, 10.0),
        ([8.0] * 6, None),
        ([8.0, 7.4, 8.3, 8.0, 8.0, 7.0, 7.0], 11.0),
        ([0.0] * 7, 6.0),
        ([14.0] * 20, None),
        ([8.0] * 6 + [15.5] + [8.0] * 6, None),
        ([8.0] * 7 + [9.5], None),
        ([8.0] * 7 + [6.0] * 6, 10.0),
        ([8.0] * 7 + [5.0] * 12, 7.0),
        ([8.0] * 7 + [None], None),
    ],
    ids=[
        "takes 8",
        "not for long enough",
        "the most counts",
        "pauses",
        "only a little less",
        "took all in between",
        "takes of what it was left",
        "falls only after a while",
        "tapers",
        "unknown",
    ],
)
def test_a_car_is_content_with_what_it_takes_and_a_little_more(
    drawn: list[float | None], content: float | None
) -> None:
    assert taught(*drawn).content_a(6.0) == content


def test_a_car_that_is_left_less_and_takes_no_more_stays_content() -> None:
    use = taught(*[8.0] * 7)
    for minute in range(1, 30):
        now = START + timedelta(minutes=minute + 1)
        use.look_at_current(8.0, allowed_a=10.0, least_a=6.0, now=now)
        assert use.content_a(6.0) == 10.0
