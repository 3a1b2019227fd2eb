"""What was found running gets its start, whichever of them is told first."""

from custom_components.ocpp_charging.ledger import Ledger, Session, SessionState, Start

from .books import at, register, start, stop

OWN = 17


def found(minutes: float) -> Start:
    """Return a session that was found running under the charger's own number."""
    return start(minutes, id_tag=None, meter_start_wh=None, charger_transaction_id=OWN)


async def seen(ledger: Ledger, minutes: float, wh: int, number: int = OWN) -> None:
    """File a register that names a number."""
    ledger.record_registers([register(minutes, wh, number)])
    await ledger.flush()


async def told(ledger: Ledger) -> list[Session]:
    await ledger.flush()
    return await ledger.sessions()


async def test_a_start_is_filed_into_what_was_found(any_ledger: Ledger) -> None:
    any_ledger.adopt(found(60))
    await seen(any_ledger, 60, 5000)
    (before,) = await told(any_ledger)
    number = await any_ledger.open_transaction(start(0))
    assert number == before.id
    assert await any_ledger.open_transaction(start(0)) == number
    any_ledger.adopt(found(60))
    (session,) = await told(any_ledger)
    assert (session.id_tag, session.started_at) == ("TAG", at(0).at)
    assert (session.charger_transaction_id, session.energy_wh) == (OWN, 4000)
    ended = await any_ledger.close_transaction(stop(OWN, 90, meter_stop_wh=6000))
    assert (ended.id, ended.state) == (number, SessionState.ENDED)
    assert ended.energy_wh == 5000


async def test_a_number_that_is_known_later_is_told_with_the_start(
    any_ledger: Ledger,
) -> None:
    number = await any_ledger.open_transaction(start(0))
    await seen(any_ledger, 60, 5000)
    any_ledger.adopt(start(0, charger_transaction_id=OWN))
    (session,) = await told(any_ledger)
    assert (session.id, session.energy_wh) == (number, 4000)
    ended = await any_ledger.close_transaction(stop(OWN, 90, meter_stop_wh=6000))
    assert (ended.id, ended.energy_wh) == (number, 5000)


async def test_a_start_that_lies_nearer_takes_the_number_over_and_its_stop(
    any_ledger: Ledger,
) -> None:
    any_ledger.adopt(found(60))
    await seen(any_ledger, 60, 5000)
    first = await any_ledger.open_transaction(start(0, id_tag="FIRST"))
    ended = await any_ledger.close_transaction(stop(OWN, 90, meter_stop_wh=6000))
    assert ended.id == first
    second = await any_ledger.open_transaction(
        start(50, id_tag="SECOND", meter_start_wh=4000)
    )
    one, two = await told(any_ledger)
    assert (one.id, one.id_tag, one.charger_transaction_id) == (first, "FIRST", None)
    assert (one.state, one.raw_ended_at) == (SessionState.ENDED, None)
    assert (two.id, two.raw_ended_at) == (second, at(90).at)
    assert (two.charger_transaction_id, two.energy_wh) == (OWN, 2000)


async def test_an_end_before_the_number_was_named_gives_it_back(
    any_ledger: Ledger,
) -> None:
    any_ledger.adopt(found(60))
    await seen(any_ledger, 60, 5000)
    first = await any_ledger.open_transaction(start(0, id_tag="FIRST"))
    ended = await any_ledger.close_transaction(stop(first, 30, meter_stop_wh=1800))
    assert ended.energy_wh == 800
    one, two = await told(any_ledger)
    assert (one.id, one.energy_wh, one.charger_transaction_id) == (first, 800, None)
    assert (two.started_at, two.charger_transaction_id) == (at(60).at, OWN)
    second = await any_ledger.open_transaction(
        start(50, id_tag="SECOND", meter_start_wh=4000)
    )
    assert second == two.id
    _, last = await told(any_ledger)
    assert (last.id_tag, last.energy_wh) == ("SECOND", 1000)


async def test_what_was_found_is_not_that_of_other_starts(any_ledger: Ledger) -> None:
    any_ledger.adopt(found(60))
    await seen(any_ledger, 60, 5000)
    (before,) = await told(any_ledger)
    numbers = [
        await any_ledger.open_transaction(each)
        for each in (
            start(61),
            start(0, connector=2),
            start(0, charger="CP2"),
            start(0, accepted=False),
        )
    ]
    wanted = await any_ledger.open_transaction(start(5), avoid=frozenset({before.id}))
    assert before.id not in {*numbers, wanted}
    assert len(await told(any_ledger)) == 5


async def test_an_own_number_ends_the_latest_session_that_has_it(
    any_ledger: Ledger,
) -> None:
    other = await any_ledger.open_transaction(start(-5, connector=2, meter_start_wh=0))
    any_ledger.adopt(found(0))
    await seen(any_ledger, 0, 1000)
    first = await any_ledger.close_transaction(stop(OWN, 20, meter_stop_wh=2000))
    any_ledger.adopt(found(60))
    await seen(any_ledger, 60, 5000)
    second = await any_ledger.close_transaction(stop(OWN, 80, meter_stop_wh=7000))
    assert (first.energy_wh, second.energy_wh) == (1000, 2000)
    again = await any_ledger.close_transaction(stop(OWN, 20, meter_stop_wh=2000))
    assert again.id == first.id
    running = await any_ledger.session(other)
    assert running is not None
    assert running.state is SessionState.RUNNING
