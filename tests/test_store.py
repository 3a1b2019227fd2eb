"""What is kept of chargers and transactions, and when it is on the disk."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers.json import json_bytes
from homeassistant.util.file import WriteError
from homeassistant.util.json import json_loads
from hypothesis import given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    async_test_home_assistant,
)

from custom_components.ocpp_charging.csms.model import (
    ChargerInfo,
    ChargerMemory,
    Features,
    InstalledProfile,
    ProfilePurpose,
    RateUnit,
    Transaction,
)
from custom_components.ocpp_charging.storage_codec import decode, encode
from custom_components.ocpp_charging.store import KEPT_CLOSED, SAVE_DELAY, StoreJournal

KEY = "ocpp_charging.entry"
START = datetime(2026, 5, 1, 18, 0, tzinfo=UTC)


def transaction(number: int = 1, **changes: Any) -> Transaction:
    return replace(
        Transaction(
            transaction_id=0,
            connector_id=1,
            id_tag="TAG",
            started_at=START + timedelta(hours=number),
            meter_start_wh=1000 * number,
        ),
        **changes,
    )


async def loaded(hass: HomeAssistant) -> StoreJournal:
    journal = StoreJournal(hass, "entry")
    await journal.async_load()
    return journal


# Round trip

_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_maybe_text = st.none() | _texts
_moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_integers = st.integers(-(2**31), 2**31)
_json = st.recursive(
    st.none() | st.booleans() | _integers | _numbers | _texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3)
    ),
    max_leaves=6,
)
_transactions = st.builds(
    Transaction,
    transaction_id=_integers,
    connector_id=_integers,
    id_tag=_maybe_text,
    started_at=_moments,
    meter_start_wh=st.none() | _integers,
    energy_wh=_numbers,
    session_relative=st.booleans(),
    accepted=st.booleans(),
    ended_at=st.none() | _moments,
    meter_stop_wh=st.none() | _integers,
    stop_reason=_maybe_text,
)
_memories = st.builds(
    ChargerMemory,
    info=st.builds(
        ChargerInfo, **dict.fromkeys(("vendor", "model", "iccid"), _maybe_text)
    ),
    accepted=st.booleans(),
    features=st.builds(
        Features,
        profiles=st.none() | st.frozensets(_texts, max_size=4),
        connectors=st.none() | _integers,
        rate_units=st.none() | st.frozensets(st.sampled_from(RateUnit)),
        measurands=st.none() | st.lists(_texts, max_size=3).map(tuple),
        limit_purpose=st.none() | st.sampled_from(ProfilePurpose),
        limit_unit=st.none() | st.sampled_from(RateUnit),
    ),
    limits_a=st.dictionaries(_integers, _numbers, max_size=3),
    profiles=st.dictionaries(
        _integers,
        st.builds(
            InstalledProfile,
            connector_id=_integers,
            payload=st.dictionaries(_texts, _json, max_size=3),
        ),
        max_size=2,
    ),
    fatal_steps=st.dictionaries(_texts, _integers, max_size=3),
    answers_pings=st.booleans(),
    transactions=st.dictionaries(_integers, _transactions, max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(memory=_memories)
def test_a_memory_survives_the_way_through_json(memory: ChargerMemory) -> None:
    assert decode(ChargerMemory, json_loads(json_bytes(encode(memory)))) == memory


@settings(max_examples=150, deadline=None)
@given(
    data=_json
    | st.dictionaries(
        st.sampled_from(["info", "features", "profiles", "limits_a", "transactions"]),
        _json,
    )
)
def test_damaged_data_is_a_value_error_or_a_memory(data: Any) -> None:
    try:
        memory = decode(ChargerMemory, data)
    except ValueError:
        return
    assert decode(ChargerMemory, encode(memory)) == memory


def test_missing_fields_get_their_defaults_and_unknown_ones_are_passed_over() -> None:
    assert decode(ChargerMemory, {"accepted": True, "later": 1}) == ChargerMemory(
        accepted=True
    )


@pytest.mark.parametrize(
    "damage",
    [
        {"started_at": "2026-05-01T18:00:00"},
        {"started_at": None},
        {"connector_id": True},
        {"energy_wh": "much"},
    ],
)
def test_a_value_of_another_kind_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(Transaction, encode(transaction()) | damage)


@pytest.mark.parametrize("missing", ["transaction_id", "started_at"])
def test_what_has_no_default_must_be_there(missing: str) -> None:
    data = encode(transaction())
    del data[missing]
    with pytest.raises(ValueError, match=missing):
        decode(Transaction, data)


def test_a_whole_number_is_good_where_a_fraction_may_be() -> None:
    kept = decode(ChargerMemory, {"limits_a": {"1": 16}}).limits_a
    assert kept == {1: 16.0}
    assert isinstance(kept[1], float)


def test_text_is_not_taken_for_a_list() -> None:
    with pytest.raises(ValueError, match="in place of a list"):
        decode(ChargerMemory, {"features": {"profiles": "Core"}})


# Transactions


async def test_ids_are_positive_and_fit_an_int32_and_are_unique(
    hass: HomeAssistant,
) -> None:
    journal = await loaded(hass)
    ids = [
        await journal.open_transaction(identity, transaction(number))
        for number, identity in enumerate(["A", "B", "A"])
    ]
    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
    assert 0 < ids[0] < 2**30


async def test_a_transaction_is_on_the_disk_when_it_has_its_id(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    journal = await loaded(hass)
    transaction_id = await journal.open_transaction("A", transaction())
    (kept,) = hass_storage[KEY]["data"]["transactions"]
    assert kept["transaction"]["transaction_id"] == transaction_id
    await journal.close_transaction(
        "A",
        transaction(transaction_id=transaction_id, ended_at=START, meter_stop_wh=5000),
    )
    (kept,) = hass_storage[KEY]["data"]["transactions"]
    assert kept["transaction"]["meter_stop_wh"] == 5000


async def test_an_open_transaction_is_there_after_a_crash(hass: HomeAssistant) -> None:
    first = await loaded(hass)
    transaction_id = await first.open_transaction("A", transaction())
    after = await loaded(hass)
    kept = after.memory("A").transactions[transaction_id]
    assert kept == transaction(transaction_id=transaction_id)


async def test_a_closed_transaction_is_closed_after_a_crash(
    hass: HomeAssistant,
) -> None:
    first = await loaded(hass)
    transaction_id = await first.open_transaction("A", transaction())
    running = transaction(transaction_id=transaction_id)
    first.remember("A", ChargerMemory(transactions={transaction_id: running}))
    await first.async_flush()
    # The memory in the file still says that it runs.
    closed = replace(running, ended_at=START, stop_reason="Local")
    await first.close_transaction("A", closed)
    after = await loaded(hass)
    assert after.memory("A").transactions[transaction_id] == closed


async def test_the_progress_in_the_memory_counts_for_an_open_transaction(
    hass: HomeAssistant,
) -> None:
    first = await loaded(hass)
    transaction_id = await first.open_transaction("A", transaction())
    running = transaction(transaction_id=transaction_id, energy_wh=4200.0)
    first.remember("A", ChargerMemory(transactions={transaction_id: running}))
    await first.async_flush()
    after = await loaded(hass)
    assert after.memory("A").transactions[transaction_id].energy_wh == 4200.0


async def test_the_same_start_again_has_the_same_id(hass: HomeAssistant) -> None:
    journal = await loaded(hass)
    first = await journal.open_transaction("A", transaction())
    assert await journal.open_transaction("A", transaction()) == first
    await journal.close_transaction(
        "A", transaction(transaction_id=first, ended_at=START)
    )
    assert await journal.open_transaction("A", transaction()) == first
    journal = await loaded(hass)
    assert await journal.open_transaction("A", transaction()) == first


@pytest.mark.parametrize(
    "difference",
    [
        {"connector_id": 2},
        {"id_tag": None},
        {"started_at": START},
        {"meter_start_wh": 7},
    ],
)
async def test_another_start_has_another_id(
    hass: HomeAssistant, difference: Any
) -> None:
    journal = await loaded(hass)
    first = await journal.open_transaction("A", transaction())
    assert await journal.open_transaction("A", transaction(**difference)) != first
    assert await journal.open_transaction("B", transaction()) != first


async def test_ids_are_not_used_again_after_a_charger_was_forgotten(
    hass: HomeAssistant,
) -> None:
    journal = await loaded(hass)
    first = await journal.open_transaction("A", transaction())
    journal.forget("A")
    await journal.async_flush()
    journal = await loaded(hass)
    assert journal.identities == frozenset()
    assert await journal.open_transaction("A", transaction()) == first + 1


async def test_ids_of_sessions_brought_along_are_passed_over(
    hass: HomeAssistant,
) -> None:
    journal = await loaded(hass)
    first = await journal.open_transaction("A", transaction())
    brought = transaction(5, transaction_id=first + 1, meter_start_wh=None)
    journal.remember("B", ChargerMemory(transactions={first + 1: brought}))
    assert await journal.open_transaction("A", transaction(2)) == first + 2


async def test_ids_of_a_new_store_lie_beyond_those_of_an_old_one(
    hass: HomeAssistant,
) -> None:
    old, new = StoreJournal(hass, "old"), StoreJournal(hass, "new")
    await old.async_load(now=START)
    await new.async_load(now=START + timedelta(days=1))
    last = [
        await old.open_transaction("A", transaction(number)) for number in range(100)
    ][-1]
    assert await new.open_transaction("A", transaction()) > last


async def test_only_the_last_closed_transactions_are_kept(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    journal = await loaded(hass)
    for number in range(KEPT_CLOSED + 3):
        transaction_id = await journal.open_transaction("A", transaction(number))
        await journal.close_transaction(
            "A", transaction(number, transaction_id=transaction_id, ended_at=START)
        )
    assert len(hass_storage[KEY]["data"]["transactions"]) == KEPT_CLOSED


async def test_saves_at_the_same_time_share_a_write(hass: HomeAssistant) -> None:
    journal = await loaded(hass)
    writes = 0
    original = journal._store.async_save

    async def count(data: dict[str, Any]) -> None:
        nonlocal writes
        writes += 1
        # A real disk takes a while, too.
        await asyncio.sleep(0)
        await original(data)

    with patch.object(journal._store, "async_save", count):
        ids = await asyncio.gather(
            *(journal.open_transaction("A", transaction(n)) for n in range(20))
        )
    assert len(set(ids)) == 20
    assert writes <= 2


# Errors


async def test_a_write_that_fails_is_an_error_and_is_made_good(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    journal = await loaded(hass)
    with (
        patch(
            "homeassistant.helpers.storage.Store._async_write_data",
            side_effect=WriteError("disk full"),
        ),
        pytest.raises(OSError, match="could not be written"),
    ):
        await journal.open_transaction("A", transaction())
    assert KEY not in hass_storage
    # The charger says it again, as it got no answer.
    again = await journal.open_transaction("A", transaction())
    (kept,) = hass_storage[KEY]["data"]["transactions"]
    assert kept["transaction"]["transaction_id"] == again


async def test_real_files_are_private_and_tell_when_they_cannot_be_written(
    tmp_path: Path,
) -> None:
    async with async_test_home_assistant(config_dir=str(tmp_path)) as hass:
        journal = await loaded(hass)
        kept = await journal.open_transaction("A", transaction())
        path = tmp_path / ".storage" / KEY
        assert path.stat().st_mode & 0o777 == 0o600
        data = json.loads(path.read_text())["data"]
        assert data["transactions"][0]["transaction"]["transaction_id"] == kept

        (tmp_path / ".storage").rename(tmp_path / "away")
        (tmp_path / ".storage").touch()
        with pytest.raises(OSError, match="could not be written"):
            await journal.open_transaction("A", transaction(2))
        (tmp_path / ".storage").unlink()
        (tmp_path / "away").rename(tmp_path / ".storage")
        assert await journal.open_transaction("A", transaction(2)) == kept + 1
        assert len(json.loads(path.read_text())["data"]["transactions"]) == 2
        await hass.async_stop(force=True)


async def test_nothing_counts_as_kept_while_home_assistant_stops(
    hass: HomeAssistant,
) -> None:
    journal = await loaded(hass)
    hass.set_state(CoreState.stopping)
    with pytest.raises(OSError, match="could not be written"):
        await journal.open_transaction("A", transaction())
    hass.set_state(CoreState.running)
    await journal.async_flush()


async def test_damaged_records_are_left_out_and_the_rest_is_read(
    hass: HomeAssistant, hass_storage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    hass_storage[KEY] = {
        "version": 1,
        "minor_version": 1,
        "key": KEY,
        "data": {
            "revision": 3,
            "next_transaction_id": 40,
            "chargers": {"A": {"info": 7}, "B": {"accepted": True}},
            "transactions": [{"identity": "A", "transaction": None}],
        },
    }
    journal = await loaded(hass)
    assert journal.identities == {"B"}
    assert journal.memory("B").accepted
    assert not journal.memory("A").accepted
    assert caplog.text.count("is damaged and left out") == 2
    assert await journal.open_transaction("A", transaction()) == 40


async def test_a_newer_minor_version_is_read(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    journal = await loaded(hass)
    journal.remember("A", ChargerMemory(accepted=True))
    await journal.async_flush()
    hass_storage[KEY]["minor_version"] = 9
    assert (await loaded(hass)).memory("A").accepted


async def test_an_unknown_major_version_is_not_touched(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    hass_storage[KEY] = {"version": 0, "minor_version": 1, "key": KEY, "data": {}}
    with pytest.raises(NotImplementedError):
        await loaded(hass)


# Memories


async def test_a_memory_is_written_soon_however_often_it_changes(
    hass: HomeAssistant, hass_storage: dict[str, Any], freezer: FrozenDateTimeFactory
) -> None:
    journal = await loaded(hass)
    memory = ChargerMemory()
    for _ in range(3):
        memory.limits_a[1] = memory.limits_a.get(1, 5.0) + 1
        journal.remember("A", memory)
        freezer.tick(SAVE_DELAY / 2)
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
    assert hass_storage[KEY]["data"]["chargers"]["A"]["limits_a"] == {"1": 7.0}
    await journal.async_flush()
    assert hass_storage[KEY]["data"]["chargers"]["A"]["limits_a"] == {"1": 8.0}


async def test_flushing_writes_nothing_when_all_is_written(hass: HomeAssistant) -> None:
    journal = await loaded(hass)
    with patch.object(journal._store, "async_save") as save:
        await journal.async_flush()
    save.assert_not_called()


async def test_removing_deletes_the_file(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    journal = await loaded(hass)
    journal.remember("A", ChargerMemory())
    await journal.async_flush()
    await journal.async_remove()
    assert KEY not in hass_storage
