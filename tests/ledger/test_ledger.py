"""What the ledger keeps and tells, in SQLite and on a PostgreSQL server."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from custom_components.ocpp_charging.ledger import (
    ChargerRecord,
    ChargerTime,
    Ledger,
    LedgerUnavailable,
    RegisterKind,
    Session,
    SessionFilter,
    SessionState,
)

from .books import BEGIN, at, opened, register, start, stop, url


async def only_session(ledger: Ledger) -> Session:
    (session,) = await ledger.sessions(SessionFilter(refused=True))
    return session


async def test_a_session_is_told_as_it_was_filed(any_ledger: Ledger) -> None:
    number = await any_ledger.open_transaction(start())
    closed = await any_ledger.close_transaction(stop(number))

    assert closed == await only_session(any_ledger)
    assert closed == Session(
        id=number,
        charger="CP1",
        connector=1,
        id_tag="TAG",
        charger_transaction_id=None,
        state=SessionState.ENDED,
        accepted=True,
        started_at=BEGIN,
        raw_started_at=BEGIN,
        meter_start_wh=1000,
        ended_at=BEGIN + timedelta(hours=1),
        raw_ended_at=BEGIN + timedelta(hours=1),
        meter_stop_wh=8000,
        reason="Local",
        energy_wh=7000,
        gap_s=0,
        notes=(),
    )


async def test_ids_are_positive_unique_and_rise(any_ledger: Ledger) -> None:
    numbers = await asyncio.gather(
        *(any_ledger.open_transaction(start(minutes)) for minutes in range(30))
    )
    assert len(set(numbers)) == 30
    assert min(numbers) > 0
    assert max(numbers) < 2**31


async def test_a_start_that_is_told_again_gets_the_first_answer(
    any_ledger: Ledger,
) -> None:
    first, again = await asyncio.gather(
        any_ledger.open_transaction(start()), any_ledger.open_transaction(start())
    )
    assert first == again
    await any_ledger.close_transaction(stop(first))
    assert await any_ledger.open_transaction(start()) == first
    assert (await only_session(any_ledger)).state is SessionState.ENDED


@pytest.mark.parametrize(
    "difference",
    [
        {"charger": "CP2"},
        {"connector": 2},
        {"id_tag": "tag"},
        {"id_tag": None},
        {"time": at(0.001)},
        {"meter_start_wh": 1001},
    ],
    ids=lambda difference: next(iter(difference)),
)
async def test_another_start_gets_another_id(
    any_ledger: Ledger, difference: dict[str, Any]
) -> None:
    first = await any_ledger.open_transaction(start())
    other = await any_ledger.open_transaction(replace(start(), **difference))
    assert other != first


async def test_ids_go_on_after_a_restart_and_are_not_used_again(
    tmp_path: Path,
) -> None:
    ledger = await opened(url(tmp_path))
    first = await ledger.open_transaction(start())
    await ledger.forget("CP1", history=True)
    await ledger.close()
    ledger = await opened(url(tmp_path))
    second = await ledger.open_transaction(start())
    await ledger.close()
    assert second > first


async def test_an_id_that_the_charger_uses_itself_is_not_given(
    any_ledger: Ledger,
) -> None:
    first = await any_ledger.open_transaction(start())
    any_ledger.adopt(
        start(1, connector=2, meter_start_wh=None, charger_transaction_id=first + 1)
    )
    await any_ledger.flush()
    avoid = frozenset({first + 3})
    number = await any_ledger.open_transaction(start(5), avoid=avoid)
    assert number not in {first, first + 1, first + 3}


async def test_a_running_session_tells_what_it_took_until_now(
    any_ledger: Ledger,
) -> None:
    number = await any_ledger.open_transaction(start())
    any_ledger.record_registers(
        register(minutes, 1000 + 100 * minutes, number) for minutes in range(1, 31)
    )
    await any_ledger.flush()
    session = await only_session(any_ledger)
    assert session.state is SessionState.RUNNING
    assert session.energy_wh == 3000
    assert session.ended_at is None


async def test_registers_that_come_late_change_what_has_ended(
    any_ledger: Ledger,
) -> None:
    number = await any_ledger.open_transaction(start(meter_start_wh=0))
    ended = await any_ledger.close_transaction(stop(number, meter_stop_wh=500))
    assert ended.energy_wh == 500
    values = [(10, 1000), (20, 3000), (30, 0), (40, 200), (50, 400)]
    any_ledger.record_registers(register(minutes, wh, number) for minutes, wh in values)
    await any_ledger.flush()
    session = await only_session(any_ledger)
    assert session.energy_wh == 3500
    assert session.notes == ("reset",)
    assert session.gap_s == 600


async def test_of_one_minute_the_last_value_stays_in_whatever_order(
    any_ledger: Ledger,
) -> None:
    number = await any_ledger.open_transaction(start())
    for minutes, wh in [(1.5, 1150), (1.1, 1110), (1.9, 1190), (1.2, 1120)]:
        any_ledger.record_registers([register(minutes, wh, number)])
        await any_ledger.flush()
    assert await any_ledger.register_values(number) == [(at(1.9).at, 1190)]


async def test_registers_without_an_id_belong_to_the_session_of_their_time(
    any_ledger: Ledger,
) -> None:
    first = await any_ledger.open_transaction(start(0))
    await any_ledger.close_transaction(stop(first, 60, meter_stop_wh=None))
    second = await any_ledger.open_transaction(start(120, meter_start_wh=5000))
    any_ledger.record_registers(
        register(minutes, wh, named)
        for minutes, wh, named in [(30, 3000, None), (55, 4000, 0), (130, 5500, -1)]
    )
    await any_ledger.flush()
    told = {each.id: each.energy_wh for each in await any_ledger.sessions()}
    assert told == {first: 3000, second: 500}


async def test_a_later_start_ends_a_session_whose_stop_never_came(
    any_ledger: Ledger,
) -> None:
    forgotten = await any_ledger.open_transaction(start(0))
    any_ledger.record_registers([register(30, 4000, forgotten)])
    await any_ledger.flush()
    running = await any_ledger.open_transaction(start(600, meter_start_wh=4000))
    first, second = await any_ledger.sessions()
    assert (first.id, second.id) == (forgotten, running)
    assert first.state is SessionState.ENDED
    assert first.ended_at == at(30).at
    assert first.raw_ended_at is None
    assert first.energy_wh == 3000
    assert first.notes == ("no_stop",)
    assert second.state is SessionState.RUNNING

    late = await any_ledger.close_transaction(stop(forgotten, 45, meter_stop_wh=4100))
    assert (late.energy_wh, late.notes, late.ended_at) == (3100, (), at(45).at)


async def test_yesterdays_session_that_comes_today_is_not_running(
    any_ledger: Ledger,
) -> None:
    today = await any_ledger.open_transaction(start(1440, meter_start_wh=9000))
    yesterday = await any_ledger.open_transaction(start(0))
    states = {each.id: each.state for each in await any_ledger.sessions()}
    assert states == {yesterday: SessionState.ENDED, today: SessionState.RUNNING}


async def test_a_refused_tag_has_an_id_and_counts_only_when_asked_for(
    any_ledger: Ledger,
) -> None:
    number = await any_ledger.open_transaction(start(accepted=False))
    assert await any_ledger.sessions() == []
    assert (await only_session(any_ledger)).id == number


async def test_a_wrong_clock_is_corrected_and_the_raw_time_kept(
    any_ledger: Ledger,
) -> None:
    ahead = 7200
    wrong = ChargerTime(raw=BEGIN + timedelta(seconds=ahead), ahead_s=ahead)
    number = await any_ledger.open_transaction(start(time=wrong))
    # The offset is measured anew: the same start nevertheless.
    again = ChargerTime(raw=wrong.raw, ahead_s=ahead + 3)
    assert await any_ledger.open_transaction(start(time=again)) == number
    ended_raw = wrong.raw + timedelta(hours=1)
    session = await any_ledger.close_transaction(
        stop(number, time=ChargerTime(raw=ended_raw, ahead_s=ahead))
    )
    assert session.started_at == BEGIN
    assert session.raw_started_at == wrong.raw
    assert session.ended_at == BEGIN + timedelta(hours=1)
    assert session.raw_ended_at == ended_raw


async def test_a_time_at_the_end_of_the_calendar_is_kept(any_ledger: Ledger) -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    number = await any_ledger.open_transaction(
        start(time=ChargerTime(raw=first, ahead_s=60))
    )
    any_ledger.record_registers(
        register(0, wh, number, time=ChargerTime(raw=raw))
        for raw, wh in [(first, 5000), (last, 3)]
    )
    session = await any_ledger.close_transaction(
        stop(number, time=ChargerTime(raw=last, ahead_s=-60))
    )
    assert session.gap_s > 10**11
    assert (session.started_at, session.ended_at) == (first, last)


async def test_texts_that_no_database_takes_are_kept_as_far_as_they_go(
    any_ledger: Ledger,
) -> None:
    number = await any_ledger.open_transaction(start(id_tag="a\0b\ud800c" + "x" * 99))
    await any_ledger.close_transaction(stop(number, reason="\0" * 300))
    session = await only_session(any_ledger)
    assert session.id_tag is not None
    assert session.id_tag.startswith("a")
    assert (
        await any_ledger.open_transaction(start(id_tag="a\0b\ud800c" + "x" * 99))
        == number
    )


async def test_sessions_are_filtered(any_ledger: Ledger) -> None:
    numbers = [
        await any_ledger.open_transaction(
            start(
                60 * hour,
                charger=f"CP{hour % 2}",
                connector=1 + hour % 3,
                id_tag="AB"[hour // 3],
            )
        )
        for hour in range(6)
    ]
    await any_ledger.close_transaction(stop(numbers[0], 30, charger="CP0"))

    async def told(**conditions: Any) -> list[int]:
        found = await any_ledger.sessions(SessionFilter(**conditions))
        return [numbers.index(session.id) for session in found]

    assert await told() == [0, 1, 2, 3, 4, 5]
    assert await told(since=at(60).at, until=at(180).at) == [1, 2]
    assert await told(charger="CP1") == [1, 3, 5]
    assert await told(charger="CP0", connector=2) == [4]
    assert await told(id_tag="B") == [3, 4, 5]
    assert await told(newest_first=True, limit=2) == [5, 4]
    assert await told(ids=frozenset({numbers[2], numbers[4]})) == [2, 4]
    assert 0 not in await told(state=SessionState.RUNNING)
    assert await told(charger="nobody") == []


async def test_energy_per_tag_counts_what_runs_too(any_ledger: Ledger) -> None:
    for minutes, tag, wh in [(0, "A", 2000), (100, "B", 500), (200, "A", 300)]:
        number = await any_ledger.open_transaction(start(minutes, id_tag=tag))
        await any_ledger.close_transaction(
            stop(number, minutes + 50, meter_stop_wh=1000 + wh)
        )
    running = await any_ledger.open_transaction(start(300, id_tag="B"))
    any_ledger.record_registers([register(310, 1070, running)])
    refused = start(320, id_tag="C", accepted=False, connector=2)
    await any_ledger.open_transaction(refused)
    await any_ledger.flush()
    assert await any_ledger.energy_per_tag() == {"A": 2300, "B": 570}
    later = SessionFilter(since=at(150).at, id_tag="A")
    assert await any_ledger.energy_per_tag(later) == {"A": 300}


async def test_what_is_known_of_a_charger_is_kept_until_it_is_forgotten(
    any_ledger: Ledger,
) -> None:
    record = ChargerRecord(
        identity="CP1",
        accepted=True,
        info={"vendor": "Ä\0\ud800"},
        features={"profiles": ["Core"]},
        memory={"limits_a": {"1": 16.0}},
    )
    any_ledger.save_charger(replace(record, accepted=False))
    any_ledger.save_charger(record)
    await any_ledger.flush()
    assert await any_ledger.chargers() == [record]

    number = await any_ledger.open_transaction(start())
    await any_ledger.forget("CP1")
    assert await any_ledger.chargers() == []
    session = await only_session(any_ledger)
    assert (session.id, session.state) == (number, SessionState.ENDED)
    await any_ledger.forget("CP1", history=True)
    assert await any_ledger.sessions() == []
    await any_ledger.forget("never known")


async def test_two_central_systems_do_not_see_each_others_books(
    postgresql: Any,
) -> None:
    address = postgresql.new_database()
    mine = await opened(address, central="mine")
    yours = await opened(address, central="yours")
    first = await mine.open_transaction(start())
    second = await yours.open_transaction(start())
    assert first != second
    assert [each.id for each in await mine.sessions()] == [first]
    await mine.forget_all()
    assert [each.id for each in await yours.sessions()] == [second]
    await mine.close()
    await yours.close()


async def test_pruning_leaves_every_energy_as_it_is(any_ledger: Ledger) -> None:
    values = [100, 200, 3000, 0, 100, 250, 0, 400, 500, 520, 540, 600]
    number = await any_ledger.open_transaction(start(meter_start_wh=0))
    any_ledger.record_registers(
        register(minutes, wh, number) for minutes, wh in enumerate(values, 1)
    )
    any_ledger.record_registers(register(5 + each, 10, None) for each in range(50))
    await any_ledger.close_transaction(stop(number, meter_stop_wh=600))
    running = await any_ledger.open_transaction(start(120, meter_start_wh=0))
    any_ledger.record_registers(
        register(120 + minutes, minutes * 10, running) for minutes in range(40)
    )
    await any_ledger.flush()
    before = await any_ledger.sessions()

    assert await any_ledger.prune(at(300).at) > 50
    assert await any_ledger.sessions() == before
    assert len(await any_ledger.register_values(running)) == 40
    assert len(await any_ledger.register_values(number)) <= len(values)
    # Nothing is left to prune, and a late value still counts with the others.
    assert await any_ledger.prune(at(300).at) == 0
    any_ledger.record_registers([register(12.5, 600, number)])
    await any_ledger.flush()
    assert await any_ledger.sessions() == before


async def test_many_transactions_share_a_commit(ledger: Ledger) -> None:
    before = ledger.commits
    await asyncio.gather(
        *(ledger.open_transaction(start(minutes)) for minutes in range(100))
    )
    assert ledger.commits - before < 20


async def test_a_caller_that_goes_away_leaves_its_session_behind(
    ledger: Ledger,
) -> None:
    task = asyncio.create_task(ledger.open_transaction(start()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await ledger.flush()
    assert (await only_session(ledger)).meter_start_wh == 1000


async def test_what_waits_is_written_by_closing(tmp_path: Path) -> None:
    ledger = await opened(url(tmp_path))
    number = await ledger.open_transaction(start())
    ledger.record_registers(
        register(minutes, 1000 + minutes, number) for minutes in range(1, 1500)
    )
    await ledger.close()
    with pytest.raises(LedgerUnavailable):
        await ledger.open_transaction(start(9))
    ledger = await opened(url(tmp_path))
    assert len(await ledger.register_values(number)) == 1499
    await ledger.close()


async def test_begin_and_end_readings_of_one_minute_do_not_displace_samples(
    any_ledger: Ledger,
) -> None:
    number = await any_ledger.open_transaction(start())
    session = await any_ledger.close_transaction(
        stop(
            number,
            meter_stop_wh=None,
            registers=(
                register(0, 1000, None, kind=RegisterKind.BEGIN),
                register(59, 7900, None),
                register(59.1, 1000, None, kind=RegisterKind.BEGIN),
                register(59.5, 7950, None, kind=RegisterKind.END),
            ),
        )
    )
    assert session.energy_wh == 6950


@pytest.mark.parametrize("address", ["nonsense", "nosql://x/y", "sqlite://:x@y:z/"])
def test_what_is_no_database_url_is_refused_without_repeating_it(
    address: str,
) -> None:
    with pytest.raises(ValueError, match="not a database URL"):
        Ledger(address)
