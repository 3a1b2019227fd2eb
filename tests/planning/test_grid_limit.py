"""The limit for all chargers that an action sets for a while."""

from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import probatio
import pytest

from .conftest import BERLIN, NOW, Home, Make, car
from .test_together import circuit


async def set_limit(hass: HomeAssistant, **data: Any) -> dict[str, Any]:
    told = await hass.services.async_call(
        "ocpp_charging", "set_grid_limit", data, blocking=True, return_response=True
    )
    return dict(told or {})


def limit_w(made: Home, moment: datetime | None = None) -> float | None:
    signals = made.entry.runtime_data.board.signals
    found: float | None = signals.limit.at(moment or dt_util.utcnow())
    return found


async def test_a_limit_is_in_the_plan_until_it_ends(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    told = await set_limit(hass, limit=0, until="2026-11-21 02:30:00")
    (limit,) = told["limits"]
    assert limit["limit_w"] == 0
    assert limit["until"] == "2026-11-21T02:30:00+01:00"
    await made.pass_time(seconds=11)
    assert one.plan is not None
    end = datetime(2026, 11, 21, 2, 30, tzinfo=BERLIN)
    assert all(period.start >= end for period in one.plan.periods)
    made.freezer.move_to(end)
    await made.pass_time(seconds=1)
    assert limit_w(made) is None


async def test_a_limit_is_in_the_plan_before_it_begins(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    assert one.plan is not None
    first = one.plan.periods[0].start
    told = await set_limit(
        hass,
        limit=0,
        start=dt_util.as_local(first - timedelta(hours=1)).replace(tzinfo=None),
        duration={"hours": 3},
    )
    assert [each["limit_w"] for each in told["limits"]] == [0]
    assert limit_w(made) is None
    await made.pass_time(seconds=11)
    end = first + timedelta(hours=2)
    assert one.plan.periods
    assert not any(
        period.start < end and period.end > first - timedelta(hours=1)
        for period in one.plan.periods
    )


async def test_of_one_time_what_was_said_last_counts(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()

    async def hours(start: int, end: int, limit: float | None) -> list[float | None]:
        """Set a limit, none to lift it; return those of the next six hours."""
        data = {} if limit is None else {"limit": limit}
        span = {
            "start": (NOW + timedelta(hours=start)).isoformat(),
            "until": (NOW + timedelta(hours=end)).isoformat(),
        }
        await set_limit(hass, **data, **span)
        return [
            limit_w(made, NOW + timedelta(hours=hour, minutes=30)) for hour in range(6)
        ]

    assert await hours(1, 4, 4200) == [None, 4200, 4200, 4200, None, None]
    assert await hours(2, 3, 9000) == [None, 4200, 9000, 4200, None, None]
    assert await hours(3, 6, 0) == [None, 4200, 9000, 0, 0, 0]
    assert await hours(2, 4, None) == [None, 4200, None, None, 0, 0]
    assert await set_limit(hass) == {"limits": []}
    assert limit_w(made, NOW + timedelta(hours=1, minutes=30)) is None


async def test_what_began_in_the_past_begins_now(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    before = dt_util.now() - timedelta(hours=1)
    told = await set_limit(
        hass, limit=1000, start=before.isoformat(), duration={"hours": 2}
    )
    assert told["limits"][0]["start"] == dt_util.now().isoformat()
    assert limit_w(made) == 1000
    assert limit_w(made, NOW + timedelta(minutes=59)) == 1000
    assert limit_w(made, NOW + timedelta(minutes=61)) is None


async def test_a_limit_that_was_announced_is_told_when_it_begins_and_ends(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    board = made.entry.runtime_data.board
    start = dt_util.utcnow() + timedelta(seconds=30)
    await set_limit(hass, limit=1000, start=start.isoformat(), duration=30)
    told: list[float | None] = []
    unlisten = board.set_limit.listen(lambda: told.append(limit_w(made)))
    for _ in range(4):
        await made.pass_time(seconds=20)
    unlisten()
    assert told == [1000, None]


async def test_a_limit_above_the_fuse_changes_nothing(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0), circuit(10.0), soc=50)
    one = await made.plug()
    await set_limit(hass, limit=1_000_000, duration={"hours": 12})
    await made.pass_time(seconds=11)
    assert one.plan is not None
    assert 0 < max(period.power_w for period in one.plan.periods) <= 6901


async def test_a_limit_in_amperes_is_per_phase(home: Make, hass: HomeAssistant) -> None:
    made = await home()
    told = await set_limit(hass, limit=10, unit="A", duration="01:00:00")
    assert told["limits"][0]["limit_w"] == 6900
    assert limit_w(made) == 6900
    await set_limit(hass, limit=10, unit="A", phases=1, duration={"hours": 1})
    assert limit_w(made) == 2300
    assert limit_w(made, NOW + timedelta(minutes=59)) == 2300
    assert limit_w(made, NOW + timedelta(minutes=61)) is None


async def test_a_limit_is_lifted_by_saying_none(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    await set_limit(hass, limit=4200, duration={"hours": 2})
    assert limit_w(made) == 4200
    assert await set_limit(hass) == {"limits": []}
    assert limit_w(made) is None


async def test_a_limit_outlives_a_restart_and_goes_with_the_entry(
    home: Make, hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    made = await home()
    await set_limit(hass, limit=4200, duration={"hours": 2})
    assert await hass.config_entries.async_reload(made.entry.entry_id)
    assert limit_w(made) == 4200
    await hass.config_entries.async_unload(made.entry.entry_id)
    made.freezer.tick(timedelta(hours=3))
    assert await hass.config_entries.async_setup(made.entry.entry_id)
    assert limit_w(made) is None
    key = f"ocpp_charging.{made.entry.entry_id}.grid_limit"
    assert key in hass_storage
    hass_storage[key]["data"] = {"limit_w": "much"}
    await hass.config_entries.async_remove(made.entry.entry_id)
    assert key not in hass_storage


async def test_a_limit_that_was_kept_when_there_was_only_one_still_holds(
    home: Make, hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    made = await home()
    key = f"ocpp_charging.{made.entry.entry_id}.grid_limit"
    hass_storage[key] = {
        "version": 1,
        "minor_version": 1,
        "key": key,
        "data": {
            "limit_w": 4200.0,
            "start": (NOW - timedelta(hours=1)).isoformat(),
            "end": (NOW + timedelta(hours=1)).isoformat(),
        },
    }
    assert await hass.config_entries.async_reload(made.entry.entry_id)
    assert limit_w(made) == 4200
    assert limit_w(made, NOW + timedelta(minutes=61)) is None


async def test_a_kept_limit_that_cannot_be_read_is_no_reason_to_fail(
    home: Make,
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = await home()
    key = f"ocpp_charging.{made.entry.entry_id}.grid_limit"
    hass_storage[key] = {
        "version": 1,
        "minor_version": 1,
        "key": key,
        "data": {"limit_w": "much"},
    }
    assert await hass.config_entries.async_reload(made.entry.entry_id)
    assert limit_w(made) is None
    assert "The limit that was set cannot be read" in caplog.text


async def test_one_central_system_can_be_meant(home: Make, hass: HomeAssistant) -> None:
    made = await home()
    entry_id = made.entry.entry_id
    registry = dr.async_get(hass)
    for each in dr.async_entries_for_config_entry(registry, entry_id):
        await set_limit(hass)
        await set_limit(hass, limit=1000, duration=60, device_id=each.id)
        assert limit_w(made) == 1000


async def test_a_limit_must_end_and_not_be_past(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    with pytest.raises(probatio.Invalid, match="give a duration or until when"):
        await set_limit(hass, limit=1000)
    with pytest.raises(ServiceValidationError, match="is past"):
        await set_limit(hass, limit=1000, until="2026-11-20 12:00:00")
    with pytest.raises(ServiceValidationError, match="next 31 days and no longer"):
        await set_limit(hass, limit=1000, duration={"days": 32})
    with pytest.raises(ServiceValidationError, match="Let it end later"):
        await set_limit(
            hass,
            limit=1000,
            start="2026-11-21 19:00:00",
            until="2026-11-21 17:00:00",
        )
    with pytest.raises(probatio.Invalid, match="give a duration or until when"):
        await set_limit(hass, start="2026-11-21 19:00:00")
    await hass.config_entries.async_unload(made.entry.entry_id)
    with pytest.raises(ServiceValidationError, match="nothing to limit"):
        await set_limit(hass)
