"""The action `get_sessions`: which sessions it tells, and what they come to."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator import ChargePoint

from .actions import Caller
from .conftest import (
    DOMAIN,
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    wait_for_charger,
)
from .test_past_sessions import YESTERDAY, begin, session

HOUR = timedelta(hours=1)


@pytest.fixture
async def charge_point(
    charger_entry: MockConfigEntry, simulated: Simulated
) -> ChargePoint:
    """Return a charger with two connectors that has told of four sessions.

    Of A: 1 and 2 kWh at the first connector; of B: 4 kWh at the second, and one that
    runs there and has taken 0.5 kWh.
    """
    cp = await simulated(charger_entry, connectors=2)
    await session(cp, YESTERDAY, wh=1000, tag="CARD-A")
    await session(cp, YESTERDAY + 2 * HOUR, wh=2000, tag="card-a")
    await session(cp, YESTERDAY + 3 * HOUR, wh=4000, tag="CARD-B", connector_id=2)
    at = dt_util.utcnow() - timedelta(minutes=20)
    number = await begin(cp, at, "CARD-B", connector_id=2)
    await cp.call(
        "MeterValues",
        {
            "connectorId": 2,
            "transactionId": number,
            "meterValue": [
                {
                    "timestamp": dt_util.utcnow().isoformat(),
                    "sampledValue": [{"value": "1500"}],
                }
            ],
        },
    )
    await charger_entry.runtime_data.journal.ledger.flush()
    return cp


@pytest.fixture
def ask(
    hass: HomeAssistant, charger_entry: MockConfigEntry, charge_point: ChargePoint
) -> Caller:
    return Caller(hass, charger_entry)


def energies(told: dict[str, Any]) -> list[float]:
    return [one["energy_kwh"] for one in told["sessions"]]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, [0.5, 4, 2, 1]),
        ({"of": 1}, [2, 1]),
        ({"connector": 2}, [0.5, 4]),
        ({"connector": 0}, [0.5, 4, 2, 1]),
        ({"connector": 9}, []),
        ({"id_tag": "CARD-A"}, [2, 1]),
        ({"id_tag": "card-b"}, [0.5, 4]),
        ({"state": "running"}, [0.5]),
        ({"state": "ended"}, [4, 2, 1]),
        ({"state": "orphan"}, []),
        ({"start": (YESTERDAY + HOUR).isoformat(), "state": "ended"}, [4, 2]),
        ({"end": (YESTERDAY + HOUR).isoformat()}, [1]),
        (
            {
                "start": (YESTERDAY + HOUR).isoformat(),
                "end": (YESTERDAY + 3 * HOUR).isoformat(),
                "id_tag": "CARD-A",
                "of": 1,
            },
            [2],
        ),
    ],
)
async def test_only_the_sessions_that_are_asked_for_are_told_newest_first(
    ask: Caller, asked: dict[str, Any], told: list[float]
) -> None:
    answer = await ask("get_sessions", **asked)
    assert energies(answer) == told
    assert answer["count"] == len(told)
    assert answer["energy_kwh"] == sum(told)
    assert sum(one["energy_kwh"] for one in answer["tags"]) == sum(told)


async def test_the_sums_are_of_all_sessions_also_of_those_beyond_the_limit(
    ask: Caller,
) -> None:
    answer = await ask("get_sessions", limit=1)
    assert energies(answer) == [0.5]
    assert answer["count"] == 4
    assert answer["energy_kwh"] == 7.5
    assert {one["id_tag"]: one["energy_kwh"] for one in answer["tags"]} == {
        "CARD-B": 4.5,
        "CARD-A": 3,
    }


async def test_a_session_is_told_with_all_that_is_known_of_it(ask: Caller) -> None:
    answer = await ask("get_sessions", of=2, state="ended")
    (one,) = answer["sessions"]
    began = dt_util.as_local(YESTERDAY + 3 * HOUR)
    number = one.pop("id")
    assert number > 0
    assert one == {
        "charger": "CP1",
        "connector": 2,
        "id_tag": "CARD-B",
        "tag_name": None,
        "state": "ended",
        "start": began.isoformat(),
        "end": (began + HOUR).isoformat(),
        "duration_s": 3600,
        "energy_kwh": 4.0,
        # No source of prices, CO2 or sun was chosen.
        "cost": None,
        "currency": None,
        "co2_kg": None,
        "solar_kwh": None,
        "unpriced_kwh": 4.0,
        "reason": "Local",
        "gap_s": 0,
        "notes": [],
    }


async def test_the_central_system_tells_the_sessions_of_all_its_chargers(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(
        hass, central_system(charger_subentry(), charger_subentry("CP2"))
    )
    for identity in ("CP1", "CP2"):
        cp = await simulated(entry, identity)
        await session(cp, YESTERDAY, tag="HomeAssistant")
        await cp.stop()
        await wait_for_charger(
            charger_of(entry, identity), lambda one: not one.connected
        )
    for subentry_id in tuple(entry.subentries)[1:]:
        hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    central = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, entry.entry_id), entry.entry_id
    )
    assert central is not None
    answer = await Caller(hass, entry)("get_sessions", device_id=central.id)
    assert sorted(one["charger"] for one in answer["sessions"]) == ["CP1", "CP2"]
    assert answer["tags"] == [
        {
            "id_tag": "HomeAssistant",
            "tag_name": "HomeAssistant",
            "energy_kwh": 10.0,
        }
    ]


async def test_other_actions_are_not_for_the_central_system(
    hass: HomeAssistant, charger_entry: MockConfigEntry
) -> None:
    central = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, charger_entry.entry_id), charger_entry.entry_id
    )
    assert central is not None
    with pytest.raises(ServiceValidationError) as raised:
        await Caller(hass, charger_entry)("reset", device_id=central.id)
    assert raised.value.translation_key == "device_no_charger"
