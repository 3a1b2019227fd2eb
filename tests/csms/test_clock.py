"""What a charger's times tell of its clock, and of the order of its messages."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.clock import ChargerClock
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.model import ChargerMemory
from tests.csms.conftest import Dial
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
