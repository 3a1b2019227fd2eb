"""What a charger's times tell of its clock, and of the order of its messages."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.clock import ChargerClock, ahead_of
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.model import ChargerMemory
from tests.csms.conftest import Dial
from tests.csms.house import House
from tests.csms.raw import RawCharger, settings, stamp

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Return a time so long after now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_the_time_of_the_last_change_tells_nothing_of_the_clock(
    raw: RawCharger, charger: Charger
) -> None:
    changed = stamp(after(-8 * 3600))
    for connector_id in (0, 1):
        await raw.status("Available", connector_id, timestamp=changed)
    assert charger.clock_offset_s is None
    await raw.register(1000)
    assert charger.clock_offset_s == pytest.approx(0, abs=1)
    await raw.status("Available", timestamp=changed)
    assert charger.clock_offset_s == pytest.approx(0, abs=1)


async def test_a_clock_that_is_ahead_shows_at_once(
    raw: RawCharger, charger: Charger
) -> None:
    await raw.register(1000, at=after(7200))
    assert charger.clock_offset_s == pytest.approx(7200, abs=1)


@pytest.fixture
def clock() -> ChargerClock:
    return ChargerClock(Charger(settings(), ChargerMemory(), MemoryJournal()))


def hear(clock: ChargerClock, after_s: float, ahead_s: float) -> None:
    """Let a message come that says it was made so long before or after now."""
    now = NOW + timedelta(seconds=after_s)
    clock.measure(now + timedelta(seconds=ahead_s), now)


def test_a_slow_clock_shows_with_the_second_message(clock: ChargerClock) -> None:
    hear(clock, 0, -3600)
    assert clock.time(NOW) == NOW
    hear(clock, 60, -3600.4)
    assert clock.time(NOW) == NOW - timedelta(hours=1)


def test_a_message_that_is_told_again_is_no_sign_of_a_slow_clock(
    clock: ChargerClock,
) -> None:
    """One is told for the third time, then one that had to wait behind it."""
    for told_s, late_s in ((0, 0), (40, 40), (90, 90), (120, 90)):
        hear(clock, told_s, -late_s)
    assert clock.time(NOW) == NOW


def test_a_clock_that_is_set_back_is_noticed(clock: ChargerClock) -> None:
    hear(clock, 0, 7200)
    hear(clock, 60, 3600)
    assert clock.time(NOW) == NOW + timedelta(hours=2)
    hear(clock, 120, 3600)
    assert clock.time(NOW) == NOW + timedelta(hours=1)
    hear(clock, 180, 0)
    assert clock.time(NOW) == NOW


def test_what_a_queue_held_is_no_slow_clock(clock: ChargerClock) -> None:
    hear(clock, 0, 0)
    for number in range(10):  # one value a minute, sent one after the other
        hear(clock, 1 + number / 10, -3600 + 60 * number)
    assert clock.time(NOW) == NOW


async def test_a_status_that_had_waited_does_not_replace_a_later_one(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.start()
    await raw.status("Charging", timestamp=stamp())
    await raw.status("Available", timestamp=stamp(after(-7200)))
    assert connector.status == "charging"
    assert connector.transaction is not None
    await raw.status("Available", timestamp=stamp())
    assert connector.status == "available"


async def test_the_first_status_of_a_connection_counts_whatever_its_time(
    raw: RawCharger, connector: Connector, dial: Dial
) -> None:
    await raw.status("Charging", timestamp=stamp())
    await raw.close()
    raw = await dial()
    await raw.status("Available", timestamp=stamp(after(-7200)))
    assert connector.status == "available"


@pytest.mark.parametrize("how", ["boot", "set to ours", "long connected"])
async def test_a_clock_that_is_set_back_does_not_silence_a_charger(
    raw: RawCharger, charger: Charger, connector: Connector, how: str
) -> None:
    if how == "long connected":
        charger.connected_at = after(-600)
    await raw.status("Charging", timestamp=stamp(after(7200)))
    if how == "boot":
        await raw.boot()
    at = stamp(after(0 if how == "set to ours" else -3600))
    await raw.status("Available", timestamp=at)
    assert connector.status == "available"


async def test_a_status_of_the_same_time_counts(
    raw: RawCharger, connector: Connector
) -> None:
    changed = stamp(after(-7200))
    await raw.status("Available", timestamp=changed)
    await raw.status("Available", timestamp=changed, errorCode="WeakSignal")
    assert connector.error_code == "weak_signal"


# Clocks that were lost, and restarts of ours


def test_one_message_of_another_age_is_no_clock(clock: ChargerClock) -> None:
    hear(clock, 0, 0)
    for years in (-56, 40):
        hear(clock, 60, years * 365 * 86400)
        assert clock.time(NOW) == NOW
        hear(clock, 61, 0)


def test_a_charger_that_begins_with_1970_is_noticed(
    clock: ChargerClock, caplog: pytest.LogCaptureFixture
) -> None:
    age = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    hear(clock, 0, 7200)
    with caplog.at_level("INFO"):
        hear(clock, 60, -age)
        hear(clock, 75, -age)
    assert clock.time(NOW) == datetime(1970, 1, 1, tzinfo=UTC)
    assert "CP1: its clock is" in caplog.text
    hear(clock, 90, 0.4)
    assert clock.time(NOW) == NOW


@pytest.mark.parametrize(
    ("at", "offset_s", "ahead_s"),
    [
        (NOW, 0, 0),
        (NOW + timedelta(hours=2), 7200, 7200),
        (NOW - timedelta(days=400), 7200, 7200),
        # The clock runs, decades behind.
        (datetime(1970, 3, 1, tzinfo=UTC), -1.7e9, -1.7e9),
        # What was written before it was set is told after it was.
        (datetime(1970, 3, 1, tzinfo=UTC), 0, None),
        (datetime(1970, 3, 1, tzinfo=UTC), 7200, None),
        # And the other way round.
        (NOW - timedelta(days=1), -1.7e9, 0),
        (NOW + timedelta(days=3650), 0, None),
        (datetime.min.replace(tzinfo=UTC), 1e11, None),
    ],
)
def test_a_time_is_corrected_to_one_that_can_be(
    at: datetime, offset_s: float, ahead_s: float | None
) -> None:
    present = (at - NOW).total_seconds()
    assert ahead_of(at, offset_s, NOW) == (present if ahead_s is None else ahead_s)


async def test_the_offset_is_the_same_after_a_restart_of_ours_and_a_reconnect(
    home: House,
) -> None:
    await home.raw.register(1000, at=after(7200))
    await home.reconnect()
    assert home.charger.clock_offset_s == pytest.approx(7200, abs=2)
    await home.restart()
    assert home.charger.clock_offset_s == pytest.approx(7200, abs=2)
    # The first messages of all are what had waited.
    at = after(7200 - 3600)
    begun = await home.raw.start(timestamp=stamp(at))
    await home.raw.stop(begun["transactionId"], 3000, timestamp=stamp(after(7140)))
    (session,) = await home.sessions()
    assert session.raw_started_at == at
    assert abs(session.started_at - after(-3600)) < timedelta(seconds=10)
    assert session.ended_at is not None
    assert abs(session.ended_at - after(-60)) < timedelta(seconds=10)


async def test_an_end_from_before_the_clock_was_set_is_of_the_present(
    home: House,
) -> None:
    """The power failed, and the charger tells so before it knows the time."""
    begun = await home.raw.start(meterStart=1000, timestamp=stamp(after(-3600)))
    number = begun["transactionId"]
    await home.raw.register(1500, transactionId=number, at=after(-1800))
    lost = datetime(1970, 1, 1, 0, 0, 9, tzinfo=UTC)
    told = {"timestamp": stamp(lost), "reason": "PowerLoss"}
    await home.raw.stop(number, 1900, **told)
    (session,) = await home.sessions()
    assert session.raw_ended_at == lost
    assert session.ended_at is not None
    assert abs(session.ended_at - after(0)) < timedelta(seconds=10)
    assert session.energy_wh == 900
    assert home.connector.transaction is None
    # It is told again over a new connection, after a restart of ours.
    await home.restart()
    await home.raw.stop(number, 1900, **told)
    assert await home.sessions() == [session]


async def test_a_beginning_from_before_the_clock_was_set_is_of_the_present(
    home: House,
) -> None:
    """Everything else is told by a clock that was set."""
    earlier = await home.raw.start(meterStart=0, timestamp=stamp(after(-7200)))
    await home.raw.stop(earlier["transactionId"], 500, timestamp=stamp(after(-7000)))
    await home.raw.status("Charging")
    lost = datetime(1970, 1, 1, 0, 10, tzinfo=UTC)
    told = {"meterStart": 1000, "timestamp": stamp(lost)}
    begun = await home.raw.start(**told)
    await home.raw.register(1200, transactionId=begun["transactionId"])
    assert home.connector.session_energy == 200
    assert home.connector.session_start is not None
    assert abs(home.connector.session_start - after(0)) < timedelta(seconds=10)
    await home.restart()
    assert await home.raw.start(**told) == begun
    assert home.connector.transaction is not None
    await home.raw.stop(begun["transactionId"], 1900, timestamp=stamp(after(60)))
    _, session = await home.sessions()
    assert session.raw_started_at == lost
    assert abs(session.started_at - after(0)) < timedelta(seconds=10)
    assert session.energy_wh == 900


async def test_a_beginning_from_before_the_clock_was_set_may_have_no_end(
    home: House,
) -> None:
    lost = datetime(1970, 1, 1, 0, 10, tzinfo=UTC)
    begun = await home.raw.start(meterStart=1000, timestamp=stamp(lost))
    at = after(1)
    await home.raw.register(1200, transactionId=begun["transactionId"], at=at)
    await home.raw.start(meterStart=1300, timestamp=stamp(after(2)))
    session, _ = await home.sessions()
    assert (session.ended_at, session.energy_wh) == (at, 200)
    assert session.notes == ("no_stop",)


async def test_values_from_before_the_clock_was_set_count_in_their_place(
    home: House,
) -> None:
    begun = await home.raw.start(meterStart=0, timestamp=stamp(after(-3600)))
    number = begun["transactionId"]
    await home.raw.register(400, transactionId=number, at=after(-3000))
    lost = datetime(1970, 1, 1, tzinfo=UTC)
    for minute, wh in ((1, 500), (2, 600)):
        at = lost + timedelta(minutes=minute)
        await home.raw.register(wh, transactionId=number, at=at)
    await home.raw.register(700, transactionId=number, at=after(1))
    (running,) = await home.sessions()
    assert (running.energy_wh, running.notes) == (700, ())
    await home.raw.stop(number, 800, timestamp=stamp(after(2)))
    (session,) = await home.sessions()
    assert (session.energy_wh, session.notes) == (800, ())
    values = await home.journal.ledger.register_values(session.id)
    assert min(when for when, _ in values) > after(-3700)
    assert max(when for when, _ in values) < after(10)
    # Old readings go; what they were needed for stays.
    await home.journal.ledger.prune(after(-2000))
    assert await home.sessions() == [session]


async def test_a_clock_that_jumps_in_a_session_does_not_change_what_it_took(
    home: House,
) -> None:
    begun = await home.raw.start(meterStart=1000, timestamp=stamp(after(7200)))
    number = begun["transactionId"]
    await home.raw.register(1100, transactionId=number, at=after(7201))
    assert home.charger.clock_offset_s == pytest.approx(7200, abs=2)
    await home.raw.boot()
    await home.raw.register(1300, transactionId=number, at=after(0))
    assert home.charger.clock_offset_s == pytest.approx(0, abs=2)
    assert home.connector.session_energy == 300
    await home.raw.stop(number, 1500)
    (session,) = await home.sessions()
    assert session.energy_wh == 500
    assert session.ended_at is not None
    assert session.ended_at >= session.started_at
