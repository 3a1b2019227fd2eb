"""A session that ran while we were away, and its start that is told later, are one.

The charger names it by a number of its own until it is told ours, or for ever.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.ledger import Session, SessionState
from tests.csms.house import House
from tests.csms.raw import stamp

OWN = 17
"""What the charger calls its session."""


def ago(minutes: float) -> datetime:
    """Return the time so many minutes ago."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


def told(minutes: float, meter_start: int, tag: str = "TAG") -> dict[str, Any]:
    """Return what tells a start of so many minutes ago from others."""
    return {
        "timestamp": stamp(ago(minutes)),
        "meterStart": meter_start,
        "idTag": tag,
    }


async def only(home: House) -> Session:
    """Return the one session that there is."""
    (session,) = await home.sessions()
    return session


@pytest.fixture(params=["at once", "after a restart"])
async def found(home: House, request: pytest.FixtureRequest) -> House:
    """Return a central system that found a session running."""
    await home.raw.status("Charging")
    await home.raw.register(5000, transactionId=OWN)
    if request.param == "after a restart":
        await home.restart()
        await home.raw.status("Charging")
    return home


@pytest.mark.parametrize("goes_on_with", ["its own number", "ours"])
async def test_the_start_of_what_was_found_running_makes_it_whole(
    found: House, goes_on_with: str
) -> None:
    start = told(60, 2000)
    begun = await found.raw.start(**start)
    number = begun["transactionId"]
    assert number != OWN
    running = found.connector.transaction
    assert running is not None
    assert (running.transaction_id, running.id_tag) == (number, "TAG")
    assert found.connector.session_energy == 3000
    assert list(found.charger.memory.transactions) == [number]
    named = OWN if goes_on_with == "its own number" else number
    await found.raw.register(5300, transactionId=named)
    assert found.connector.session_energy == 3300
    await found.restart()
    assert await found.raw.start(**start) == begun
    await found.raw.register(5600, transactionId=named)
    assert found.connector.session_energy == 3600
    await found.raw.stop(named, 5900)
    assert found.connector.transaction is None
    session = await only(found)
    assert (session.id, session.state) == (number, SessionState.ENDED)
    assert (session.id_tag, session.meter_start_wh) == ("TAG", 2000)
    assert session.energy_wh == 3900
    assert session.notes == ()


async def test_a_start_that_is_told_before_its_number_is_the_same_session(
    home: House,
) -> None:
    await home.raw.status("Charging")
    begun = await home.raw.start(**told(60, 2000))
    await home.raw.register(5000, transactionId=OWN)
    assert home.connector.session_energy == 3000
    await home.restart()
    await home.raw.register(5300, transactionId=OWN)
    assert home.connector.session_energy == 3300
    await home.raw.stop(OWN, 5900)
    assert home.connector.transaction is None
    session = await only(home)
    assert (session.id, session.energy_wh) == (begun["transactionId"], 3900)
    assert session.charger_transaction_id == OWN


async def test_the_start_of_what_was_found_and_has_ended_makes_it_whole(
    found: House,
) -> None:
    await found.raw.stop(OWN, 5900)
    begun = await found.raw.start(**told(60, 2000))
    await found.raw.status("Available")
    session = await only(found)
    assert (session.id, session.state) == (begun["transactionId"], SessionState.ENDED)
    assert (session.id_tag, session.energy_wh) == ("TAG", 3900)
    assert found.connector.transaction is None


async def test_a_later_start_is_another_session(found: House) -> None:
    await found.raw.start(**told(-1, 5500))
    first, second = await found.sessions()
    assert (first.charger_transaction_id, first.state) == (OWN, SessionState.ENDED)
    assert second.state is SessionState.RUNNING
    assert second.charger_transaction_id is None


async def test_a_start_of_a_refused_tag_is_not_that_of_what_runs(found: House) -> None:
    rules = found.central.authorizer.rules
    found.central.authorizer.rules = type(rules).of((), unknown="refuse")  # type: ignore[arg-type]
    begun = await found.raw.start(**told(60, 2000))
    assert begun["idTagInfo"]["status"] == "Invalid"
    assert found.connector.transaction is not None
    assert found.connector.transaction.transaction_id == OWN
    assert len(await found.sessions()) == 2


@pytest.mark.parametrize("names", ["ours", "none"])
async def test_of_two_queued_sessions_the_one_that_runs_gets_what_was_found(
    found: House, names: str
) -> None:
    """One had ended while we were away: what was found running is the next."""
    first = await found.raw.start(**told(120, 1000, "FIRST"))
    assert found.connector.id_tag == "FIRST"
    stopped = {"timestamp": stamp(ago(90)), "idTag": "FIRST"}
    named = first["transactionId"] if names == "ours" else -1
    await found.raw.stop(named, 1800, **stopped)
    if names == "ours":
        # Its end was before: what runs has no start yet.
        running = found.connector.transaction
        assert running is not None
        assert (running.transaction_id, running.id_tag) == (OWN, None)
    second = await found.raw.start(**told(60, 2000, "SECOND"))
    assert found.connector.id_tag == "SECOND"
    await found.raw.register(5300, transactionId=OWN)
    assert found.connector.session_energy == 3300
    await found.raw.stop(OWN, 5900)
    one, two = await found.sessions()
    assert (one.id, one.energy_wh) == (first["transactionId"], 800)
    assert (two.id, two.energy_wh) == (second["transactionId"], 3900)
    assert (one.id_tag, two.id_tag) == ("FIRST", "SECOND")
    assert {one.state, two.state} == {SessionState.ENDED}


async def test_a_stop_that_never_comes_does_not_leave_what_was_found_with_the_wrong(
    found: House,
) -> None:
    await found.raw.start(**told(120, 1000, "FIRST"))
    await found.raw.start(**told(60, 2000, "SECOND"))
    await found.raw.stop(OWN, 5900)
    one, two = await found.sessions()
    assert (one.id_tag, two.id_tag) == ("FIRST", "SECOND")
    assert "no_stop" in one.notes
    assert two.energy_wh == 3900


async def test_a_stop_goes_over_with_the_number_that_it_names(home: House) -> None:
    """What looked like the first session's was the second's, whose start was late."""
    first = await home.raw.start(**told(120, 1000, "FIRST"))
    await home.restart()
    await home.raw.register(2300, transactionId=OWN, at=ago(50))
    await home.raw.stop(OWN, 2900, timestamp=stamp(ago(40)))
    assert (await only(home)).state is SessionState.ENDED
    second = await home.raw.start(**told(60, 2000, "SECOND"))
    stopped = {"timestamp": stamp(ago(90)), "idTag": "FIRST"}
    await home.raw.stop(first["transactionId"], 1800, **stopped)
    one, two = await home.sessions()
    assert (one.id, one.energy_wh) == (first["transactionId"], 800)
    assert (two.id, two.energy_wh) == (second["transactionId"], 900)
    assert home.connector.transaction is None


async def test_a_closing_value_under_its_own_number_begins_no_session(
    home: House,
) -> None:
    await home.raw.status("Charging")
    await home.raw.stop(OWN, 5900, idTag="TAG", timestamp=stamp(ago(1)))
    await home.raw.start(**told(60, 5000))
    assert home.connector.transaction is None
    await home.raw.register(5900, transactionId=OWN)
    assert home.connector.transaction is None
    assert (await only(home)).energy_wh == 900


async def test_a_number_that_is_used_again_is_another_session(found: House) -> None:
    await found.raw.start(**told(60, 2000))
    await found.raw.stop(OWN, 6000, timestamp=stamp(ago(-1)))
    await found.raw.status("Available", timestamp=stamp(ago(-2)))
    # Its next one is told only by its stop.
    await found.raw.stop(OWN, 9000, timestamp=stamp(ago(-30)))
    ended, orphan = sorted(await found.sessions(), key=lambda one: one.state)
    assert (ended.state, ended.energy_wh) == (SessionState.ENDED, 4000)
    assert (orphan.state, orphan.meter_stop_wh) == (SessionState.ORPHAN, 9000)


async def test_a_strange_number_ends_no_session_that_is_named_by_ours(
    home: House,
) -> None:
    await home.raw.status("Charging")
    begun = await home.raw.start(**told(10, 2000))
    await home.raw.register(3000, transactionId=begun["transactionId"])
    await home.raw.register(3100, transactionId=OWN)
    await home.raw.stop(OWN, 500, idTag="OTHER")
    assert home.connector.transaction is not None
    running = await only_running(home)
    assert running.id == begun["transactionId"]


async def only_running(home: House) -> Session:
    """Return the one session that runs."""
    (session,) = await home.sessions(state=SessionState.RUNNING)
    return session
