"""What of the sun to come is left for cars, with numbers worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.charging.series import Interval, Series
from custom_components.ocpp_charging.charging.surplus import SolarRules
from custom_components.ocpp_charging.signals.after_battery import after_battery

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("rules", "battery_kwh", "soc", "left", "found"),
    [
        pytest.param({}, 10, 0, [3000, -500], [3000, 0], id="the-car-comes-first"),
        pytest.param(
            {"battery_first_soc": 50},
            10,
            10,
            [3000, 3000, 3000],
            [0, 2000, 3000],
            id="the-battery-comes-first-until-it-has-5-kwh",
        ),
        pytest.param(
            {"battery_first_soc": 50},
            10,
            None,
            [4000, 4000],
            [0, 3000],
            id="of-an-unknown-charge-it-is-empty",
        ),
        pytest.param(
            {"battery_first_soc": 50},
            10,
            50,
            [2000, -3000, -9000, 6000],
            [2000, 0, 0, 1000],
            id="what-the-house-takes-in-the-night-it-has-first-again",
        ),
        pytest.param(
            {"battery_reserve_w": 1000, "battery_full_soc": 100},
            10,
            85,
            [3000, 3000, 3000],
            [2000, 2500, 3000],
            id="a-reserve-until-it-is-full",
        ),
        pytest.param(
            {"battery_reserve_w": 1000, "battery_first_soc": 90},
            None,
            85,
            [3000, 500],
            [2000, 0],
            id="of-unknown-size-only-the-reserve",
        ),
    ],
)
def test_the_battery_has_its_part_of_the_sun_to_come(
    rules: dict[str, Any],
    battery_kwh: float | None,
    soc: float | None,
    left: list[float],
    found: list[float],
) -> None:
    series = Series(
        Interval(start=NOON + index * HOUR, end=NOON + (index + 1) * HOUR, value=watts)
        for index, watts in enumerate(left)
    )
    after = after_battery(series, SolarRules(**rules), battery_kwh=battery_kwh, soc=soc)
    assert [item.value for item in after] == pytest.approx(found)
