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
    assert told == {"limit_w": 0, "until": "2026-11-21T02:30:00+01:00"}
    await made.pass_time(seconds=11)
    assert one.plan is not None
    end = datetime(2026, 11, 21, 2, 30, tzinfo=BERLIN)
    assert all(period.start >= end for period in one.plan.periods)
    made.freezer.move_to(end)
    await made.pass_time(seconds=1)
    assert limit_w(made) is None


async def test_a_limit_in_amperes_is_per_phase(home: Make, hass: HomeAssistant) -> None:
    made = await home()
    told = await set_limit(hass, limit=10, unit="A", duration="01:00:00")
    assert told["limit_w"] == 6900
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
    assert await set_limit(hass) == {"limit_w": None, "until": None}
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
    with pytest.raises(ServiceValidationError, match="31 days at most"):
        await set_limit(hass, limit=1000, duration={"days": 32})
    await hass.config_entries.async_unload(made.entry.entry_id)
    with pytest.raises(ServiceValidationError, match="nothing to limit"):
        await set_limit(hass)
