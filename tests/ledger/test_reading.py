"""What the ledger tells at a glance: last sessions, totals, and that they changed."""

import asyncio

import pytest

from custom_components.ocpp_charging.ledger import Ledger, SessionFilter, SessionState

from .books import at, register, start, stop


async def test_the_last_session_of_a_connector_is_the_one_that_ended_last(
    any_ledger: Ledger,
) -> None:
    numbers = []
    for minutes in (0, 300, 100):
        number = await any_ledger.open_transaction(start(minutes))
        await any_ledger.close_transaction(stop(number, minutes + 60))
        numbers.append(number)
    other = await any_ledger.open_transaction(start(0, connector=2))
    await any_ledger.close_transaction(stop(other, 10))
    away = await any_ledger.open_transaction(start(0, charger="CP2"))
    await any_ledger.close_transaction(stop(away, 10, charger="CP2"))

    last = await any_ledger.last_sessions()
    assert {one.id for one in last} == {numbers[1], other, away}
    only = await any_ledger.last_sessions(frozenset({"CP2", "GONE"}))
    assert [one.id for one in only] == [away]
    assert await any_ledger.last_sessions(frozenset()) == []


async def test_what_runs_was_refused_or_has_no_beginning_is_no_last_session(
    any_ledger: Ledger,
) -> None:
    number = await any_ledger.open_transaction(start())
    await any_ledger.close_transaction(stop(number))
    refused = await any_ledger.open_transaction(start(100, accepted=False))
    await any_ledger.close_transaction(stop(refused, 101))
    await any_ledger.close_transaction(stop(987654, 102, meter_stop_wh=5))
    await any_ledger.open_transaction(start(200, meter_start_wh=8000))
    (last,) = await any_ledger.last_sessions()
    assert last.id == number


async def test_totals_count_what_runs_and_what_is_beyond_the_limit(
    any_ledger: Ledger,
) -> None:
    assert (await any_ledger.totals()).sessions == 0
    assert (await any_ledger.totals()).began_at is None
    for minutes in (0, 100):
        number = await any_ledger.open_transaction(start(minutes))
        await any_ledger.close_transaction(stop(number, minutes + 60))
    running = await any_ledger.open_transaction(start(200, id_tag="B"))
    any_ledger.record_registers([register(210, 1500, running)])
    await any_ledger.flush()

    totals = await any_ledger.totals(SessionFilter(limit=1))
    assert (totals.sessions, totals.energy_wh) == (3, 14_500)
    assert totals.began_at == at(0).at
    ended = await any_ledger.totals(SessionFilter(state=SessionState.ENDED))
    assert (ended.sessions, ended.energy_wh) == (2, 14_000)
    assert await any_ledger.energy_per_tag(running=False) == {"TAG": 14_000}
    assert (await any_ledger.totals(SessionFilter(id_tag="b"))).energy_wh == 500


async def test_who_listens_is_told_whose_sessions_have_changed(
    any_ledger: Ledger,
) -> None:
    told: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    stop_listening = any_ledger.listen_sessions(told.put_nowait)

    async def next_told() -> frozenset[str]:
        async with asyncio.timeout(20):
            return await told.get()

    number = await any_ledger.open_transaction(start())
    assert await next_told() == {"CP1"}
    any_ledger.record_registers([register(10, 2000, number)])
    await any_ledger.flush()
    # It runs: nothing that is kept of it has changed.
    assert told.empty()
    await any_ledger.close_transaction(stop(number, meter_stop_wh=None))
    assert await next_told() == {"CP1"}
    any_ledger.record_registers([register(60, 9000, number)])
    await any_ledger.flush()
    assert await next_told() == {"CP1"}
    await any_ledger.forget("CP1", history=True)
    assert await next_told() == {"CP1"}
    await any_ledger.forget("CP9")
    stop_listening()
    await any_ledger.open_transaction(start(500))
    assert told.empty()


@pytest.mark.parametrize("spelling", ["Tag", "TAG", "tag"])
async def test_a_tag_is_found_in_every_spelling(
    any_ledger: Ledger, spelling: str
) -> None:
    await any_ledger.open_transaction(start())
    assert len(await any_ledger.sessions(SessionFilter(id_tag=spelling))) == 1
