"""Reserving a connector from Home Assistant, and what is shown of it."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator import ChargePoint

from .actions import Caller, last
from .conftest import (
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    wait_for_charger,
    wait_for_state,
)
from .entities import value
from .tags import ANNA, tag_subentry

UNTIL = "sensor.cp1_connector_1_reserved_until"
FOR = "sensor.cp1_connector_1_reserved_for"
HOUR = timedelta(hours=1)


@pytest.fixture
async def entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a loaded central system with a charger and Anna's card."""
    return await set_up(
        hass, central_system(charger_subentry(), tag_subentry(group="FAMILY"))
    )


@pytest.fixture
def use(hass: HomeAssistant, entry: MockConfigEntry) -> Caller:
    return Caller(hass, entry)


@pytest.fixture
async def cp(entry: MockConfigEntry, simulated: Simulated) -> ChargePoint:
    return await simulated(entry)


async def test_a_connector_is_reserved_shown_used_and_free_again(
    hass: HomeAssistant, use: Caller, cp: ChargePoint
) -> None:
    """OCTT TC_046, TC_053."""
    answer = await use("reserve", of=1, id_tag=ANNA.lower(), duration=HOUR)
    sent = last(cp, "ReserveNow")
    assert sent["idTag"] == ANNA.lower()
    assert sent["parentIdTag"] == "FAMILY"
    assert sent["reservationId"] == answer["reservation_id"]
    await hass.async_block_till_done()
    assert value(hass, FOR) == "Anna"
    until = dt_util.parse_datetime(value(hass, UNTIL))
    assert until is not None
    assert abs(until - dt_util.utcnow() - HOUR) < timedelta(minutes=1)
    await wait_for_state(hass, "sensor.cp1_connector_1_status", "reserved")
    await cp.plug()
    assert await cp.present_tag(1, ANNA)
    await wait_for_state(hass, UNTIL, "unknown")
    assert value(hass, FOR) == "unknown"
    assert ANNA not in str(hass.states.get(FOR))


async def test_without_a_tag_it_is_kept_for_home_assistant(
    use: Caller, cp: ChargePoint
) -> None:
    until = dt_util.utcnow().replace(microsecond=0) + HOUR
    await use("reserve", until=until.isoformat())
    sent = last(cp, "ReserveNow")
    assert sent["idTag"] == "HomeAssistant"
    assert dt_util.parse_datetime(sent["expiryDate"]) == until
    assert "parentIdTag" not in sent


async def test_a_reservation_that_is_over_is_shown_no_more(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    use: Caller,
    cp: ChargePoint,
) -> None:
    """OCTT TC_047: the charger need not say so."""
    await use("reserve", of=1, duration={"seconds": 1})
    await hass.async_block_till_done()
    assert value(hass, UNTIL) != "unknown"
    cp.faults.cut()
    await wait_for_charger(charger_of(entry), lambda one: not one.connected)
    await wait_for_state(hass, UNTIL, "unknown")
    cp.faults.mend()


async def test_a_reservation_outlives_a_restart_of_home_assistant(
    hass: HomeAssistant, entry: MockConfigEntry, use: Caller, cp: ChargePoint
) -> None:
    await use("reserve", of=1, id_tag=ANNA, duration=HOUR)
    await hass.async_block_till_done()
    before = value(hass, UNTIL)
    await cp.stop()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert value(hass, UNTIL) == before
    assert value(hass, FOR) == "Anna"


async def test_a_reservation_is_given_back(
    hass: HomeAssistant, use: Caller, cp: ChargePoint
) -> None:
    """OCTT TC_051, TC_052."""
    made = await use("reserve", of=1, duration=HOUR)
    assert await use("cancel_reservation", of=1) == {"known": True}
    assert last(cp, "CancelReservation") == {"reservationId": made["reservation_id"]}
    await wait_for_state(hass, UNTIL, "unknown")
    error = await use.refused("cancel_reservation", of=1)
    assert error.translation_key == "invalid_request"
    await use("reserve", of=1, duration=HOUR)
    cp.connector(1).reservation = None
    assert await use("cancel_reservation", of=1) == {"known": False}


async def test_any_connector_of_the_charger_is_reserved_where_it_can_be(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated, use: Caller
) -> None:
    """OCTT TC_049."""
    cp = await simulated(entry, connectors=2)
    await use("reserve", connector=0, duration=HOUR)
    assert last(cp, "ReserveNow")["connectorId"] == 0
    await wait_for_state(
        hass, "sensor.cp1_reserved_until", lambda state: state.state != "unknown"
    )
    await use("cancel_reservation", connector=0)
    await wait_for_state(hass, "sensor.cp1_reserved_until", "unknown")


async def test_a_charger_that_cannot_reserve_any_connector_is_not_asked(
    entry: MockConfigEntry, simulated: Simulated, use: Caller
) -> None:
    one_only = {"ReserveConnectorZeroSupported": "false"}
    cp = await simulated(entry, configuration=one_only)
    error = await use.refused("reserve", connector=0, duration=HOUR)
    assert error.translation_key == "reserve_whole_unsupported"
    assert not cp.received_calls("ReserveNow")


async def test_a_refusal_is_told_in_the_chargers_word(
    use: Caller, cp: ChargePoint
) -> None:
    """OCTT TC_048_2 (Occupied)."""
    await cp.plug()
    error = await use.refused("reserve", of=1, duration=HOUR)
    assert error.translation_key == "charger_refused"
    assert (error.translation_placeholders or {})["status"] == "Occupied"


@pytest.mark.parametrize(
    "wrong", [{}, {"duration": "01:00:00", "until": "2030-01-01 00:00:00"}]
)
async def test_a_reservation_needs_one_end(
    use: Caller, cp: ChargePoint, wrong: dict[str, Any]
) -> None:
    with pytest.raises(probatio.Invalid):
        await use("reserve", of=1, **wrong)


async def test_nothing_is_started_for_a_tag_that_would_be_refused(
    use: Caller, cp: ChargePoint
) -> None:
    await cp.plug()
    error = await use.refused("start_transaction", of=1, id_tag="STRANGER")
    assert error.translation_key == "tag_refused"
    assert not cp.received_calls("RemoteStartTransaction")
    await use("start_transaction", of=1, id_tag=ANNA.lower())
