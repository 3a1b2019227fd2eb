"""The sensors, with a simulated charger at the other end."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
import json
from pathlib import Path
from unittest.mock import PropertyMock, patch

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.ocpp_charging.binary_sensor import (
    CHARGER_BINARY_SENSORS,
    CONNECTOR_BINARY_SENSORS,
)
from custom_components.ocpp_charging.button import CHARGER_BUTTONS, CONNECTOR_BUTTONS
from custom_components.ocpp_charging.cost_sensor import COST_SENSORS
from custom_components.ocpp_charging.csms.metering import QUANTITIES
from custom_components.ocpp_charging.event import CHARGER_EVENTS
from custom_components.ocpp_charging.fuse_sensor import AVAILABLE_CURRENT
from custom_components.ocpp_charging.number import CONNECTOR_NUMBERS
from custom_components.ocpp_charging.plan_calendar import PLAN_CALENDARS
from custom_components.ocpp_charging.plan_controls import (
    PLAN_BUTTONS,
    PLAN_DATES,
    PLAN_NUMBERS,
    PLAN_SELECTS,
    PLAN_SWITCHES,
    PLAN_TIMES,
)
from custom_components.ocpp_charging.plan_event import PLAN_EVENTS
from custom_components.ocpp_charging.plan_sensor import (
    PLAN_BINARY_SENSORS,
    PLAN_SENSORS,
)
from custom_components.ocpp_charging.price_sensor import PRICE_SENSORS
from custom_components.ocpp_charging.sensor_table import (
    CHARGER_SENSORS,
    CONNECTOR_SENSORS,
    READINGS,
)
from custom_components.ocpp_charging.switch import AVAILABILITY, CHARGING
from custom_components.ocpp_charging.tag_energy import TAG_ENERGY
from custom_components.ocpp_charging.update import CHARGER_UPDATES
from custom_components.ocpp_charging.vehicle_entities import (
    CAR,
    NOWHERE,
    USUAL_ENERGY,
    VEHICLE_SENSORS,
)
from custom_components.ocpp_charging.vehicles import CarReason
from custom_components.ocpp_charging.vehicles.choices import RESERVED_NAMES
from simulator import Car, ChargePoint

from .conftest import Simulated, charger_of, wait_for_charger, wait_for_state
from .entities import (
    assert_platform,
    meter,
    state_of,
    states_of,
    status,
    unavailable,
    value,
    writes,
)

CP1_1 = "sensor.cp1_connector_1_"
STAYING = {"binary_sensor.cp1_connection", "sensor.cp1_reconnects"}
VOLATILE = frozenset({"last_seen", "latency", "session_start", "session_duration"})


@pytest.fixture
def everything_enabled() -> Generator[None]:
    """Enable the entities that are disabled by default."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        new_callable=PropertyMock(return_value=True),
    ):
        yield


async def charge(hass: HomeAssistant, charge_point: ChargePoint) -> None:
    """Plug a car in and start a session from Home Assistant."""
    await charge_point.plug(1, Car(soc_percent=40))
    await wait_for_state(hass, f"{CP1_1}status", "preparing")
    await hass.services.async_call(
        "switch",
        "turn_on",
        {"entity_id": "switch.cp1_connector_1_charging"},
        blocking=True,
    )
    await wait_for_state(hass, f"{CP1_1}status", "charging")


@pytest.mark.usefixtures("everything_enabled")
async def test_all_sensors_of_a_three_phase_charger(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    snapshot: SnapshotAssertion,
) -> None:
    charge_point = await simulated(charger_entry)
    await charge(hass, charge_point)
    charger = charger_of(charger_entry)
    charger.update(latency_ms=3.0)
    await meter(
        charge_point,
        Energy_Active_Import_Register=12345,
        Energy_Active_Export_Register=10,
        Power_Active_Import=11040,
        Power_Active_Import__L1=3680,
        Power_Active_Import__L2=3680,
        Power_Active_Import__L3=3680,
        Power_Active_Export=0,
        Power_Offered=22080,
        Power_Reactive_Import=120,
        Power_Factor=0.99,
        Current_Import__L1=16,
        Current_Import__L2=16,
        Current_Import__L3=16,
        Current_Export=0,
        Current_Offered=32,
        Voltage__L1=230,
        Voltage__L2=231,
        Voltage__L3=229,
        Frequency=50.02,
        Temperature=31.5,
        SoC=41,
        RPM=1200,
    )
    await status(
        charge_point,
        "Charging",
        errorCode="OtherError",
        info="Fan is slow",
        vendorErrorCode="E17",
    )
    await charge_point.call("FirmwareStatusNotification", {"status": "Idle"})
    await charge_point.call("DiagnosticsStatusNotification", {"status": "Uploaded"})
    await hass.async_block_till_done()
    assert_platform(hass, charger_entry, "sensor", snapshot, volatile=VOLATILE)


async def test_three_changed_values_write_three_states(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await meter(
        charge_point, Power_Active_Import=1000, Energy_Active_Import_Register=5, SoC=50
    )
    await hass.async_block_till_done()

    with writes(hass) as written:
        await meter(
            charge_point,
            Power_Active_Import=2000,
            Energy_Active_Import_Register=9,
            SoC=51,
        )
        await hass.async_block_till_done()
    assert sorted(written) == [
        f"{CP1_1}{key}" for key in ("energy", "power", "state_of_charge")
    ]

    with writes(hass) as written:
        await meter(
            charge_point,
            Power_Active_Import=2000,
            Energy_Active_Import_Register=9,
            SoC=51,
        )
        await charge_point.call("Heartbeat", {})
        await hass.async_block_till_done()
    assert written == []


async def test_few_entities_are_enabled_and_each_has_a_value(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await charge(hass, charge_point)
    await charge_point.call(
        "MeterValues", {"connectorId": 1, "meterValue": [_everything()]}
    )
    await hass.async_block_till_done()

    enabled = states_of(hass, charger_entry)
    of_connector = {key: one for key, one in enabled.items() if "connector_1" in key}
    # Among them the switch and the mode of smart charging, which is off.
    assert len(of_connector) == 17
    without_value = {key for key, one in enabled.items() if one.state == "unknown"}
    # Until it is pressed, a button has no value.
    assert all(key.startswith("button.") for key in without_value)


def _everything() -> dict[str, object]:
    """Return a value of every measurand there is, overall and per phase."""
    samples = [
        {"measurand": measurand, "value": "10", **phase}
        for measurand in QUANTITIES
        for phase in ({}, {"phase": "L1"}, {"phase": "L2"}, {"phase": "L3"})
    ]
    return {"timestamp": dt_util.utcnow().isoformat(), "sampledValue": samples}


@pytest.mark.usefixtures("everything_enabled")
async def test_a_measurand_appears_when_it_is_first_sent(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(
        charger_entry, configuration={"MeterValuesSampledDataMaxLength": "1"}
    )
    await hass.async_block_till_done()
    assert hass.states.get(f"{CP1_1}fan_speed") is None

    await meter(charge_point, RPM=900)
    await hass.async_block_till_done()

    assert value(hass, f"{CP1_1}fan_speed") == "900.0"
    registered = er.async_get(hass).async_get(f"{CP1_1}fan_speed")
    assert registered is not None
    (subentry_id,) = charger_entry.subentries
    assert registered.config_subentry_id == subentry_id


@pytest.mark.usefixtures("everything_enabled")
async def test_nothing_exists_that_the_charger_never_reported(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await hass.async_block_till_done()
    assert set(states_of(hass, charger_entry)) == STAYING

    await simulated(charger_entry)
    await hass.async_block_till_done()
    unknown = {
        key
        for key, one in states_of(hass, charger_entry).items()
        if one.state == "unknown" and not key.startswith("button.")
    }
    assert not unknown


async def test_entities_are_unavailable_while_the_charger_is_away(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await hass.async_block_till_done()
    assert unavailable(hass, charger_entry) == set()

    await charge_point.stop()
    await wait_for_state(hass, "binary_sensor.cp1_connection", "off")
    away = unavailable(hass, charger_entry)
    assert away == set(states_of(hass, charger_entry)) - STAYING
    assert f"{CP1_1}status" in away

    await charge_point.start()
    await wait_for_state(hass, f"{CP1_1}status", "available")
    assert value(hass, "binary_sensor.cp1_connection") == "on"
    await wait_for_state(hass, "sensor.cp1_reconnects", "1")
    assert unavailable(hass, charger_entry) == set()
    await wait_for_charger(charger_of(charger_entry), lambda one: one.ready)


async def test_after_a_restart_the_entities_wait_for_their_charger(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await hass.async_block_till_done()
    before = set(states_of(hass, charger_entry))
    await charge_point.stop()

    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    await hass.async_block_till_done()

    after = states_of(hass, charger_entry)
    assert set(after) == before
    assert not [key for key, one in after.items() if one.attributes.get("restored")]
    assert unavailable(hass, charger_entry) == before - STAYING

    await simulated(charger_entry)
    await hass.async_block_till_done()
    assert set(states_of(hass, charger_entry)) == before
    assert unavailable(hass, charger_entry) == set()


async def test_the_last_session_is_still_known_after_a_restart(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry, register_wh=1000)
    started = dt_util.utcnow().replace(microsecond=0) - timedelta(minutes=90)
    answer = await charge_point.call(
        "StartTransaction",
        {
            "connectorId": 1,
            "idTag": "TAG",
            "meterStart": 1000,
            "timestamp": (started - timedelta(minutes=1)).isoformat(),
        },
    )
    await charge_point.call(
        "StopTransaction",
        {
            "transactionId": answer["transactionId"],
            "meterStop": 3500,
            "timestamp": (started + timedelta(minutes=30)).isoformat(),
        },
    )
    await charge_point.stop()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    await simulated(charger_entry)
    await hass.async_block_till_done()

    assert value(hass, f"{CP1_1}session_energy") == "2.5"
    assert value(hass, f"{CP1_1}session_duration") == "31"


async def test_session_energy_begins_anew_with_each_session(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await status(charge_point, "Preparing")
    now = dt_util.utcnow().replace(microsecond=0)
    seen = []
    for number, meter_start in enumerate((0, 5000)):
        started = now + timedelta(seconds=number)
        answer = await charge_point.call(
            "StartTransaction",
            {
                "connectorId": 1,
                "idTag": "TAG",
                "meterStart": meter_start,
                "timestamp": started.isoformat(),
            },
        )
        await meter(
            charge_point,
            transaction_id=answer["transactionId"],
            Energy_Active_Import_Register=meter_start + 3000,
        )
        await hass.async_block_till_done()
        state = state_of(hass, f"{CP1_1}session_energy")
        assert state.attributes["last_reset"] == started.isoformat()
        seen.append(state.state)
        await charge_point.call(
            "StopTransaction",
            {
                "transactionId": answer["transactionId"],
                "meterStop": meter_start + 5000,
                "timestamp": (started + timedelta(seconds=1)).isoformat(),
            },
        )
        await hass.async_block_till_done()
        seen.append(value(hass, f"{CP1_1}session_energy"))
    assert seen == ["3.0", "5.0", "3.0", "5.0"]


async def start_session(charge_point: ChargePoint, started: datetime) -> int:
    """Have the charger report a session that began before; return its id."""
    await status(charge_point, "Preparing", timestamp=dt_util.utcnow().isoformat())
    answer = await charge_point.call(
        "StartTransaction",
        {
            "connectorId": 1,
            "idTag": "TAG",
            "meterStart": 0,
            "timestamp": started.isoformat(),
        },
    )
    return answer["transactionId"]


@contextmanager
def later(seconds: float) -> Generator[None]:
    """Let it be later for Home Assistant; the loop's clock, and so the line, stays."""
    moment = dt_util.utcnow() + timedelta(seconds=seconds)
    with patch("homeassistant.util.dt.utcnow", return_value=moment):
        yield


async def at(hass: HomeAssistant, seconds: float) -> str:
    """Return the state of the duration after so many seconds from now."""
    with later(seconds):
        async_fire_time_changed(hass, dt_util.utcnow())
        await hass.async_block_till_done()
    return value(hass, f"{CP1_1}session_duration")


async def test_the_duration_is_written_once_a_minute(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    started = dt_util.utcnow() - timedelta(minutes=5, seconds=30)
    transaction_id = await start_session(charge_point, started)
    await hass.async_block_till_done()
    assert value(hass, f"{CP1_1}session_duration") == "5"

    with writes(hass) as written:
        for power in (1000, 2000, 3000):
            await meter(charge_point, Power_Active_Import=power)
        await hass.async_block_till_done()
        assert f"{CP1_1}session_duration" not in written
        lasted = [await at(hass, seconds) for seconds in (10, 20, 32, 50)]
    assert lasted == ["5", "5", "6", "6"]
    assert written.count(f"{CP1_1}session_duration") == 1

    await charge_point.call(
        "StopTransaction",
        {
            "transactionId": transaction_id,
            "meterStop": 100,
            "timestamp": (started + timedelta(minutes=8)).isoformat(),
        },
    )
    assert await at(hass, 600) == "8"


async def test_the_duration_is_by_the_chargers_clock(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    two_hours_ahead = dt_util.utcnow() + timedelta(hours=2)
    await status(charge_point, "Preparing", timestamp=two_hours_ahead.isoformat())
    await charge_point.call(
        "StartTransaction",
        {
            "connectorId": 1,
            "idTag": "TAG",
            "meterStart": 0,
            "timestamp": (two_hours_ahead - timedelta(minutes=3)).isoformat(),
        },
    )
    await hass.async_block_till_done()
    assert value(hass, "sensor.cp1_clock_offset") == "7200.0"
    assert value(hass, f"{CP1_1}session_duration") in {"2", "3"}


async def test_a_session_whose_end_is_never_told_keeps_its_duration(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    started = dt_util.utcnow() - timedelta(minutes=5, seconds=30)
    await start_session(charge_point, started)
    await hass.async_block_till_done()
    await status(charge_point, "Available")
    assert await at(hass, 600) == "5"


@pytest.mark.usefixtures("everything_enabled")
async def test_an_error_comes_with_the_chargers_own_words(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    charge_point.fault(1, "GroundFailure", info="RCD tripped", vendor_error_code="0x2A")
    await wait_for_state(hass, f"{CP1_1}error_code", "ground_failure")
    await wait_for_state(hass, f"{CP1_1}error_information", "RCD tripped")
    await wait_for_state(hass, f"{CP1_1}vendor_error_code", "0x2A")
    assert value(hass, f"{CP1_1}status") == "faulted"
    assert value(hass, f"{CP1_1}charging_state") == "fault"

    charge_point.clear_fault(1)
    await wait_for_state(hass, f"{CP1_1}error_code", "no_error")
    assert value(hass, f"{CP1_1}error_information") == "unknown"


async def test_a_main_meter_belongs_to_the_charger(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await meter(charge_point, 0, Energy_Active_Import_Register=123456)
    await hass.async_block_till_done()
    state = state_of(hass, "sensor.cp1_energy")
    assert state.state == "123.456"
    assert state.attributes["state_class"] == "total_increasing"


async def test_personal_and_busy_entities_are_disabled(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await charge(hass, charge_point)
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    for key in ("id_tag", "session_start", "current_l1", "voltage"):
        registered = registry.async_get(f"{CP1_1}{key}")
        assert registered is not None
        assert registered.disabled_by is er.RegistryEntryDisabler.INTEGRATION, key
    assert "HomeAssistant" not in str(hass.states.async_all())


CHOSEN: dict[str, Collection[str]] = {
    "car": RESERVED_NAMES,
    "connected_to": {NOWHERE},
    "known_by": set(CarReason) - {CarReason.GUEST},
}
"""The words of ours where others are names that the owner gave."""


def test_every_entity_has_a_name_and_every_word_a_translation() -> None:
    root = Path(__file__).parents[1] / "custom_components" / "ocpp_charging"
    names = json.loads((root / "translations" / "en.json").read_text())["entity"]
    icons = json.loads((root / "icons.json").read_text())["entity"]
    tables = {
        "binary_sensor": (
            *(*CHARGER_BINARY_SENSORS, *CONNECTOR_BINARY_SENSORS),
            *PLAN_BINARY_SENSORS,
        ),
        "button": (*CHARGER_BUTTONS, *CONNECTOR_BUTTONS, *PLAN_BUTTONS),
        "calendar": PLAN_CALENDARS,
        "date": PLAN_DATES,
        "event": (*CHARGER_EVENTS, *PLAN_EVENTS),
        "number": (*CONNECTOR_NUMBERS, *PLAN_NUMBERS),
        "select": (CAR, *PLAN_SELECTS),
        "sensor": (
            *(*CHARGER_SENSORS, *CONNECTOR_SENSORS),
            *(TAG_ENERGY, *PRICE_SENSORS.values(), *PLAN_SENSORS),
            *(AVAILABLE_CURRENT, *COST_SENSORS, *VEHICLE_SENSORS, USUAL_ENERGY),
        ),
        "switch": (AVAILABILITY, CHARGING, *PLAN_SWITCHES),
        "time": PLAN_TIMES,
        "update": CHARGER_UPDATES,
    }
    assert names.keys() == tables.keys()
    for platform, descriptions in tables.items():
        by_key = {description.key: description for description in descriptions}
        assert names[platform].keys() == by_key.keys()
        for key, description in by_key.items():
            own: Collection[str] = getattr(description, "options", None) or ()
            words = own or CHOSEN.get(key, ())
            if platform == "binary_sensor" and description.device_class is None:
                words = ("off", "on")
            assert set(names[platform][key].get("state", ())) == set(words), key
            # A device class brings an icon along, but for words.
            own_icon = key in icons.get(platform, {})
            assert own_icon or description.device_class not in {
                None,
                SensorDeviceClass.ENUM,
            }, key
        assert icons.get(platform, {}).keys() <= by_key.keys()


def test_every_reading_has_a_sensor() -> None:
    keys = {description.key for description in READINGS}
    assert {quantity.key for quantity in QUANTITIES.values()} <= keys
