"""Stops whose transaction id is no help, and whose session they end."""

from typing import Any

import pytest

from custom_components.ocpp_charging.ledger import (
    Ledger,
    SessionFilter,
    SessionState,
)

from .books import at, register, start, stop

HUGE = 9223372036854775807
ODD = [-1, 0, -77, HUGE, 4711]


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_id_ends_the_one_session_that_it_can_belong_to(
    ledger: Ledger, odd: int
) -> None:
    number = await ledger.open_transaction(start())
    for _ in range(2):
        session = await ledger.close_transaction(stop(odd, id_tag="tag"))
        assert (session.id, session.state) == (number, SessionState.ENDED)
        assert session.energy_wh == 7000
    assert len(await ledger.sessions()) == 1


OTHERS: dict[str, dict[str, Any]] = {
    "another tag": {"id_tag": "OTHER"},
    "a meter that is lower than at the start": {"meter_stop_wh": 900},
    "a time before the start": {"minutes": -5},
    "another charger": {"charger": "CP2"},
    "another connector": {"connector": 2},
}


@pytest.mark.parametrize("odd", [-1, 4711])
@pytest.mark.parametrize("other", OTHERS)
async def test_an_odd_id_ends_nobody_elses_session(
    ledger: Ledger, odd: int, other: str
) -> None:
    number = await ledger.open_transaction(start())
    for _ in range(2):
        orphan = await ledger.close_transaction(stop(odd, **OTHERS[other]))
        assert orphan.state is SessionState.ORPHAN
        assert orphan.id != number
    assert len(await ledger.sessions()) == 2
    running = await ledger.session(number)
    assert running is not None
    assert running.state is SessionState.RUNNING


async def test_an_odd_id_that_fits_two_sessions_ends_neither(ledger: Ledger) -> None:
    await ledger.open_transaction(start(connector=1))
    await ledger.open_transaction(start(connector=2))
    orphan = await ledger.close_transaction(stop(-1))
    assert orphan.state is SessionState.ORPHAN
    running = await ledger.sessions(SessionFilter(state=SessionState.RUNNING))
    assert len(running) == 2


async def test_a_stop_that_is_told_properly_later_ends_its_own_session(
    ledger: Ledger,
) -> None:
    """The charger learned the id only after it had told the stop without."""
    number = await ledger.open_transaction(start())
    await ledger.close_transaction(stop(-1))
    session = await ledger.close_transaction(stop(number))
    assert session.id == number
    assert len(await ledger.sessions()) == 1


async def test_a_stop_that_ended_a_wrong_session_goes_back_when_its_own_comes(
    ledger: Ledger,
) -> None:
    first = await ledger.open_transaction(start(0, meter_start_wh=0))
    early = await ledger.close_transaction(stop(-1, 90, meter_stop_wh=900))
    assert early.id == first
    second = await ledger.open_transaction(start(60, meter_start_wh=500))
    states = {each.id: each.energy_wh for each in await ledger.sessions()}
    assert states[second] == 400
    right = await ledger.close_transaction(stop(-1, 30, meter_stop_wh=450))
    assert (right.id, right.energy_wh) == (first, 450)
    assert len(await ledger.sessions()) == 2


async def test_an_own_stop_displaces_one_that_was_matched(ledger: Ledger) -> None:
    number = await ledger.open_transaction(start())
    await ledger.close_transaction(stop(-1, 30, meter_stop_wh=2000))
    session = await ledger.close_transaction(stop(number, 60))
    assert (session.id, session.energy_wh) == (number, 7000)
    others = await ledger.sessions(SessionFilter(state=SessionState.ORPHAN))
    assert [each.meter_stop_wh for each in others] == [2000]


async def test_what_comes_with_an_orphan_tells_its_energy(ledger: Ledger) -> None:
    values = tuple(register(minutes, 100 * minutes, None) for minutes in (5, 20, 40))
    orphan = await ledger.close_transaction(
        stop(4711, 50, meter_stop_wh=5000, registers=values)
    )
    assert orphan.state is SessionState.ORPHAN
    assert orphan.energy_wh == 4500
    assert orphan.meter_start_wh is None


async def test_the_registers_of_an_orphan_go_with_it_to_its_session(
    ledger: Ledger,
) -> None:
    values = tuple(register(minutes, 100 * minutes, None) for minutes in (5, 20, 40))
    await ledger.close_transaction(stop(-1, 50, meter_stop_wh=None, registers=values))
    number = await ledger.open_transaction(start(1, meter_start_wh=100))
    (session,) = await ledger.sessions()
    assert (session.id, session.energy_wh) == (number, 3900)
    assert len(await ledger.register_values(number)) == 3


async def test_a_session_of_the_chargers_own_number_is_ended_by_it(
    ledger: Ledger,
) -> None:
    found = start(0, id_tag=None, meter_start_wh=None, charger_transaction_id=77)
    ledger.adopt(found)
    ledger.adopt(found)
    ledger.record_registers(
        register(minutes, 1000 + 10 * minutes, 77) for minutes in range(30)
    )
    await ledger.flush()
    (running,) = await ledger.sessions()
    assert running.state is SessionState.RUNNING
    assert (running.charger_transaction_id, running.energy_wh) == (77, 290)
    for _ in range(2):
        ended = await ledger.close_transaction(stop(77, 31, meter_stop_wh=1300))
        assert (ended.id, ended.energy_wh) == (running.id, 300)

    # A year later the charger counts from the beginning again.
    year = 60 * 24 * 365
    again = start(year, id_tag=None, meter_start_wh=None, charger_transaction_id=77)
    number = await ledger.open_transaction(again)
    assert number != running.id
    ledger.record_registers([register(year, 5000, 77), register(year + 9, 5700, 77)])
    ended = await ledger.close_transaction(stop(77, year + 10, meter_stop_wh=5800))
    assert (ended.id, ended.energy_wh) == (number, 800)
    first = await ledger.session(running.id)
    assert first is not None
    assert first.energy_wh == 300


async def test_a_charger_that_never_names_an_id_has_its_sessions_told_apart(
    ledger: Ledger,
) -> None:
    for turn in range(30):
        begin = 100 * turn
        await ledger.open_transaction(start(begin, meter_start_wh=1000 * turn))
        session = await ledger.close_transaction(
            stop(-1, begin + 50, meter_stop_wh=1000 * turn + 600, id_tag="TAG")
        )
        assert session.started_at == at(begin).at
    told = await ledger.sessions()
    assert [each.energy_wh for each in told] == [600] * 30
    # Matching them anew uses no ids up.
    assert max(each.id for each in told) - min(each.id for each in told) < 70
