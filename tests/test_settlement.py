"""What sessions cost: settled while they run, at their end, and when more is known."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ocpp_charging import settlement, sun_used
from custom_components.ocpp_charging.hub import database_of
from custom_components.ocpp_charging.ledger import (
    ChargerTime,
    Ledger,
    LedgerUnavailable,
    Start,
    Stop,
)
from custom_components.ocpp_charging.ledger.errors import Cause
from custom_components.ocpp_charging.signals.prices.kept import async_remove_prices

from .actions import Caller
from .conftest import (
    DOMAIN,
    IDENTITY,
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    wait_for_charger,
    wait_for_state,
)
from .entities import meter, value
from .test_past_sessions import YESTERDAY, begin, end, session

CP1 = "sensor.cp1_connector_1_"
KEYS = ("session_cost", "session_co2", "session_solar_share", "last_session_cost")
HOUR = timedelta(hours=1)
GRID = "sensor.grid"
OPTIONS = {
    "price": {"reader": "list_attribute", "target": "sensor.prices"},
    "feed_in_price": {"reader": "typed", "amount": 0.1},
    "co2": {"reader": "list_attribute", "target": "sensor.co2", "title": "CO2"},
    "house": {"grid_power": GRID},
}


def tell_prices(
    hass: HomeAssistant, since: datetime, price: float = 0.2, hours: int = 60
) -> None:
    """Have a price told for each hour from a moment on, the next hour's twice that."""
    hass.states.async_set(
        "sensor.prices",
        str(price),
        {
            "unit_of_measurement": "EUR/kWh",
            "prices": [
                {
                    "start": (since + place * HOUR).isoformat(),
                    "end": (since + (place + 1) * HOUR).isoformat(),
                    "price": price * (1 + place % 2),
                }
                for place in range(hours)
            ],
        },
    )


@pytest.fixture
async def entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a central system with prices, 0.20 and 0.40 from yesterday's noon on."""
    await hass.config.async_update(currency="EUR")
    tell_prices(hass, YESTERDAY)
    return await set_up(
        hass,
        central_system(charger_subentry(), options={"price": OPTIONS["price"]}),
    )


async def forget_prices(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Restart without what was told before."""
    assert await hass.config_entries.async_unload(entry.entry_id)
    await async_remove_prices(hass, entry)
    assert await hass.config_entries.async_setup(entry.entry_id)


async def told(hass: HomeAssistant, key: str, number: float) -> None:
    """Wait until a sensor of the connector shows a number."""

    def fits(state: Any) -> bool:
        try:
            return float(state.state) == pytest.approx(number, abs=1e-6)
        except ValueError:
            return False

    await wait_for_state(hass, f"{CP1}{key}", fits)


async def quarter(hass: HomeAssistant) -> None:
    """Let the next quarter of an hour come."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=15, seconds=5))
    await hass.async_block_till_done()


async def test_a_session_costs_what_its_energy_cost_at_each_time(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    await session(charge_point, YESTERDAY + HOUR / 2, wh=4000)
    await told(hass, "total_cost", 2 * 0.2 + 2 * 0.4)
    await told(hass, "last_session_cost", 1.2)
    await told(hass, "session_cost", 1.2)
    state = hass.states.get(f"{CP1}total_cost")
    assert state is not None
    assert {
        key: state.attributes[key]
        for key in ("unit_of_measurement", "device_class", "state_class")
    } == {
        "unit_of_measurement": "EUR",
        "device_class": "monetary",
        "state_class": "total",
    }
    await session(charge_point, YESTERDAY + 2 * HOUR, wh=1000)
    await told(hass, "total_cost", 1.4)
    await told(hass, "last_session_cost", 0.2)
    answer = await Caller(hass, entry)("get_sessions")
    assert [(one["cost"], one["currency"]) for one in answer["sessions"]] == [
        (pytest.approx(0.2), "EUR"),
        (pytest.approx(1.2), "EUR"),
    ]
    assert answer["cost"] == pytest.approx(1.4)
    assert (answer["unpriced_kwh"], answer["co2_kg"]) == (0, None)


async def test_a_running_session_is_settled_each_quarter_of_an_hour_and_at_its_end(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    began = dt_util.utcnow().replace(minute=0, second=0, microsecond=0) - HOUR
    tell_prices(hass, began, 0.5)
    number = await begin(charge_point, began)
    await meter(
        charge_point,
        at=(began + HOUR).isoformat(),
        transaction_id=number,
        Energy_Active_Import_Register=3000,
    )
    await quarter(hass)
    await told(hass, "session_cost", 1.0)
    assert value(hass, f"{CP1}last_session_cost") == "unknown"
    state = hass.states.get(f"{CP1}session_cost")
    assert state is not None
    assert state.attributes["last_reset"] == began.isoformat()
    await end(charge_point, number, began + HOUR, 3500)
    await told(hass, "session_cost", 1.25)
    await told(hass, "last_session_cost", 1.25)


async def test_prices_that_come_late_settle_what_ended_without_them(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    hass.states.async_remove("sensor.prices")
    charge_point = await simulated(entry)
    await charge_point.stop()
    await forget_prices(hass, entry)
    charge_point = await simulated(entry)
    await session(charge_point, YESTERDAY, wh=4000)
    await wait_for_state(hass, f"{CP1}last_session_energy", "4.0")
    answer = await Caller(hass, entry)("get_sessions")
    assert (answer["cost"], answer["unpriced_kwh"]) == (None, 4)
    tell_prices(hass, YESTERDAY, 0.3)
    await told(hass, "last_session_cost", 1.2)
    answer = await Caller(hass, entry)("get_sessions")
    assert answer["unpriced_kwh"] == 0


async def test_what_was_settled_keeps_its_price_when_a_reading_comes_late(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    number = await session(charge_point, YESTERDAY, minutes=120, wh=4000)
    await told(hass, "last_session_cost", 1.2)
    await charge_point.stop()
    hass.states.async_remove("sensor.prices")
    await forget_prices(hass, entry)
    charge_point = await simulated(entry)
    await told(hass, "last_session_cost", 1.2)
    assert entry.runtime_data.prices.price.series.start is None
    await meter(
        charge_point,
        at=(YESTERDAY + HOUR).isoformat(),
        transaction_id=number,
        Energy_Active_Import_Register=1000,
    )
    await entry.runtime_data.journal.ledger.flush()
    # All of it flowed in the dearer hour.
    await told(hass, "last_session_cost", 1.6)


async def test_a_session_that_was_not_settled_when_it_was_killed_is_settled_then(
    hass: HomeAssistant, unloads: None
) -> None:
    tell_prices(hass, YESTERDAY)
    entry = central_system(charger_subentry(), options={"price": OPTIONS["price"]})
    ledger = Ledger(database_of(hass, entry), central=entry.entry_id)
    await ledger.open()
    number = await ledger.open_transaction(
        Start(
            charger=IDENTITY,
            connector=1,
            id_tag="TAG",
            time=ChargerTime(raw=YESTERDAY),
            meter_start_wh=0,
        )
    )
    await ledger.close_transaction(
        Stop(
            charger=IDENTITY,
            transaction_id=number,
            time=ChargerTime(raw=YESTERDAY + HOUR),
            meter_stop_wh=5000,
        )
    )
    await ledger.close()
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    found = await entry.runtime_data.journal.ledger.session(number)
    assert found.cost.amount == pytest.approx(1.0)


async def test_a_session_that_the_charger_held_back_while_nobody_listened_is_settled(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    charge_point = await simulated(entry)
    await session(charge_point, YESTERDAY + HOUR, wh=2000)
    await told(hass, "last_session_cost", 0.8)


async def test_what_runs_is_settled_once_more_before_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    number = await begin(charge_point, YESTERDAY)
    await meter(
        charge_point,
        at=(YESTERDAY + HOUR).isoformat(),
        transaction_id=number,
        Energy_Active_Import_Register=3000,
    )
    await charge_point.stop()
    assert await hass.config_entries.async_unload(entry.entry_id)
    ledger = Ledger(database_of(hass, entry), central=entry.entry_id)
    await ledger.open()
    found = await ledger.session(number)
    await ledger.close()
    assert found is not None
    assert found.cost.amount == pytest.approx(0.4)


async def test_the_sensors_come_with_their_sources_and_stay(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    entity_registry: er.EntityRegistry,
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY, wh=4000)
    await wait_for_state(hass, f"{CP1}last_session_energy", "4.0")

    def there() -> set[str]:
        return {
            key
            for key in (*KEYS, "total_cost")
            if entity_registry.async_get(f"{CP1}{key}")
        }

    assert there() == set()
    tell_prices(hass, YESTERDAY)
    hass.config_entries.async_update_entry(
        charger_entry, options={"price": OPTIONS["price"]}
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert there() == {"session_cost", "last_session_cost", "total_cost"}
    await told(hass, "total_cost", 0.8)
    hass.config_entries.async_update_entry(
        charger_entry, options={"co2": OPTIONS["co2"], "house": OPTIONS["house"]}
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert there() == {*KEYS, "total_cost"}
    await charge_point.stop()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    await told(hass, "total_cost", 0.8)


async def test_what_the_house_did_not_import_is_the_suns_share_of_a_session(
    hass: HomeAssistant,
    unloads: None,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """2 of 8 kW come from the grid: three quarters of what flows then are sun."""
    # Within one quarter of an hour.
    now = dt_util.utcnow().replace(microsecond=0) - timedelta(minutes=30)
    now = began = now.replace(minute=now.minute // 15 * 15 + 1)
    clock = SimpleNamespace(utcnow=lambda: now)
    monkeypatch.setattr(sun_used, "dt_util", clock)
    tell_prices(hass, now.replace(minute=0, second=0), 0.3)
    co2 = {
        "start": (now - HOUR).isoformat(),
        "end": (now + HOUR).isoformat(),
        "co2": 400,
    }
    later = {**co2, "start": co2["end"], "end": (now + 2 * HOUR).isoformat()}
    hass.states.async_set("sensor.co2", "400", {"forecast": [co2, later]})
    entry = await set_up(hass, central_system(charger_subentry(), options=OPTIONS))
    await hass.async_block_till_done(wait_background_tasks=True)
    charge_point = await simulated(entry)
    number = await begin(charge_point, began)
    await meter(charge_point, transaction_id=number, Power_Active_Import=8000)
    await wait_for_charger(
        charger_of(entry), lambda one: one.connectors[1].reading("power") == 8000
    )
    for second in range(30):
        now = began + timedelta(seconds=10 * second)
        hass.states.async_set(
            GRID,
            "2000",
            {"unit_of_measurement": "W", "told": second},
            timestamp=now.timestamp(),
        )
        await hass.async_block_till_done()
    (share,) = entry.runtime_data.settlement.sun.shares((IDENTITY, 1))
    assert (share.begins, share.ends, share.value) == (began, now, 0.75)
    await end(charge_point, number, now, 1000 + 644)
    await told(hass, "session_solar_share", 75)
    await told(hass, "last_session_cost", 0.161 * 0.3 + 0.483 * 0.1)
    await told(hass, "session_co2", 0.064)


async def test_a_database_that_is_away_is_waited_for_and_nobody_waits_for_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(settlement, "RETRY_S", 0.01)
    charge_point = await simulated(entry)
    ledger = entry.runtime_data.journal.ledger
    settle = ledger.settle
    failures = 0

    async def fail(*args: Any) -> bool:
        nonlocal failures
        failures += 1
        if failures > 3:
            return bool(await settle(*args))
        raise LedgerUnavailable(Cause.UNREACHABLE, "it is away")

    monkeypatch.setattr(ledger, "settle", fail)
    await session(charge_point, YESTERDAY, wh=4000)
    await told(hass, "last_session_cost", 0.8)
    assert caplog.text.count("Sessions are settled later") == 1
    assert DOMAIN in hass.config.components
