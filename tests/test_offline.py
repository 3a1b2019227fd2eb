"""What happened while the charger could not be reached is told as what it was."""

from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any, override

from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.ledger import Session, SessionFilter
from simulator import Car, ChargePoint, ChargePointOptions
from simulator.clock import ManualClock

from .conftest import (
    IDENTITY,
    PASSWORD,
    charger_of,
    wait_for_charger,
    wait_for_state,
)
from .entities import value
from .test_past_sessions import LAST

CP1_1 = "sensor.cp1_connector_1_"
HOUR = 3600.0
LIVE = (
    f"{CP1_1}power",
    f"{CP1_1}status",
    f"{CP1_1}session_energy",
    f"{CP1_1}energy",
    "switch.cp1_connector_1_charging",
    "binary_sensor.cp1_connector_1_plugged_in",
)


class Site:
    """A charger, and the time, which is moved."""

    def __init__(self, charge_point: ChargePoint, clock: ManualClock) -> None:
        self.charge_point = charge_point
        self.clock = clock
        self.sessions: list[tuple[datetime, datetime | None, int]] = []

    def _now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    @property
    def register_wh(self) -> int:
        return int(self.charge_point.connector(1).register_wh)

    async def begin(self, tag: str, **car: Any) -> None:
        charge_point = self.charge_point
        self._before = self.register_wh, self._now()
        await charge_point.plug(1, Car(soc_percent=10, **car))
        assert await charge_point.present_tag(1, tag)

    async def end(self) -> None:
        await self.charge_point.unplug(1)
        wh, began = self._before
        self.sessions.append((began, self._now(), self.register_wh - wh))

    async def cut(self, entry: MockConfigEntry) -> None:
        await self.charge_point.wait_for(lambda one: one.outbox.empty)
        self.charge_point.faults.cut()
        await wait_for_charger(charger_of(entry), lambda one: not one.connected)

    async def mend(self) -> None:
        self.charge_point.faults.mend()
        await self.clock.advance(1)
        await self.charge_point.wait_for(
            lambda one: one.accepted and one.outbox.empty, timeout=20
        )


@pytest.fixture
async def site(
    charger_entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Site]:
    """Return a charger that is connected; it is the same time for it and for us."""
    started = dt_util.utcnow().replace(microsecond=0) - timedelta(hours=8)
    clock = ManualClock(started)

    class Clocked(datetime):
        @classmethod
        @override
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock.now().astimezone(tz)

    for module in ("server", "v16.session", "v16.desk"):
        name = f"custom_components.ocpp_charging.csms.{module}.datetime"
        monkeypatch.setattr(name, Clocked)
    charge_point = ChargePoint(
        ChargePointOptions(
            identity=IDENTITY,
            url=f"ws://127.0.0.1:{charger_entry.runtime_data.central.port}",
            password=PASSWORD,
            register_wh=100_000.0,
            reconnect_backoff_s=(1.0,),
            configuration={
                "AllowOfflineTxForUnknownId": "true",
                "LocalAuthorizeOffline": "true",
            },
        ),
        clock=clock,
    )
    await charge_point.start()
    await wait_for_charger(charger_of(charger_entry), lambda one: one.ready)
    yield Site(charge_point, clock)
    await charge_point.stop()


@contextmanager
def shown(hass: HomeAssistant) -> Generator[dict[str, list[str]]]:
    """Collect what the live entities show, one after the other.

    `began` is when the session began that is shown.
    """
    seen: dict[str, list[str]] = {key: [] for key in (*LIVE, "began")}

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is not None and state.entity_id in seen:
            said = [(state.entity_id, state.state)]
            if began := state.attributes.get("last_reset"):
                said.append(("began", began))
            for key, one in said:
                if one != "unavailable" and seen[key][-1:] != [one]:
                    seen[key].append(one)

    stop = hass.bus.async_listen("state_changed", note)
    yield seen
    stop()


async def told(entry: MockConfigEntry) -> list[Session]:
    """Return the sessions as they are filed."""
    ledger = entry.runtime_data.journal.ledger
    await ledger.flush()
    sessions: list[Session] = await ledger.sessions(SessionFilter())
    return sessions


def as_happened(sessions: list[Session]) -> list[tuple[datetime, datetime | None, int]]:
    return [(one.started_at, one.ended_at, one.energy_wh or 0) for one in sessions]


async def test_two_sessions_end_offline_and_nothing_of_them_is_shown_as_present(
    hass: HomeAssistant, charger_entry: MockConfigEntry, site: Site
) -> None:
    await site.begin("ANNAS-CARD")
    await wait_for_state(hass, "switch.cp1_connector_1_charging", "on")
    await site.clock.advance(HOUR)
    await wait_for_state(hass, f"{CP1_1}session_energy", lambda one: one.state != "0")

    await site.cut(charger_entry)
    await site.clock.advance(HOUR)
    await site.end()
    await site.clock.advance(HOUR / 2)
    await site.begin("BERTS-CARD")
    await site.clock.advance(2 * HOUR)
    await site.end()
    await site.clock.advance(3.5 * HOUR - 1)
    assert len(site.charge_point.outbox.queued) > 100

    with shown(hass) as seen:
        await site.mend()
        await wait_for_state(
            hass,
            f"{LAST}end",
            site.sessions[1][1].isoformat(),  # type: ignore[union-attr]
        )
        await wait_for_charger(charger_of(charger_entry), lambda one: one.ready)
        await hass.async_block_till_done()

    sessions = await told(charger_entry)
    assert as_happened(sessions) == site.sessions
    assert [one.id_tag for one in sessions] == ["ANNAS-CARD", "BERTS-CARD"]
    assert all(one.gap_s == 0 and not one.notes for one in sessions)
    # The car left hours ago: no power, no car, and no session but Anna's, of which it
    # was not known that it has ended.
    assert seen[f"{CP1_1}status"] == ["unknown", "available"]
    assert seen[f"{CP1_1}power"] == ["unknown", "0.0"]
    assert seen["binary_sensor.cp1_connector_1_plugged_in"] == ["unknown", "off"]
    assert seen["switch.cp1_connector_1_charging"] == ["on", "unknown", "off"]
    assert seen["began"] == [site.sessions[0][0].isoformat()]
    energies = [float(one) for one in seen[f"{CP1_1}energy"]]
    assert energies == sorted(energies)
    assert energies[-1] == site.register_wh / 1000

    wh = site.sessions[1][2]
    assert float(value(hass, f"{LAST}energy")) == wh / 1000
    assert value(hass, f"{LAST}duration") == "120"
    assert value(hass, f"{LAST}tag") == "…CARD"
    of_tags = sorted(
        float(one.state)
        for one in hass.states.async_all("sensor")
        if "energy_of" in one.entity_id
    )
    assert of_tags == sorted(one[2] / 1000 for one in site.sessions)


async def test_a_session_that_began_offline_and_still_runs_is_the_one_that_is_shown(
    hass: HomeAssistant, charger_entry: MockConfigEntry, site: Site
) -> None:
    await site.begin("ANNAS-CARD")
    await wait_for_state(hass, "switch.cp1_connector_1_charging", "on")
    await site.clock.advance(HOUR)
    await site.cut(charger_entry)
    await site.end()
    await site.clock.advance(HOUR)
    await site.begin("BERTS-CARD")
    await site.clock.advance(HOUR)
    await site.end()
    await site.clock.advance(HOUR)
    await site.begin("CARLS-CARD", battery_kwh=100)
    wh, began = site._before
    await site.clock.advance(4 * HOUR - 1)

    with shown(hass) as seen:
        await site.mend()
        await wait_for_state(
            hass,
            f"{CP1_1}session_energy",
            lambda one: one.attributes["last_reset"] == began.isoformat(),
        )
        await wait_for_charger(charger_of(charger_entry), lambda one: one.ready)
        await hass.async_block_till_done()

    sessions = await told(charger_entry)
    assert as_happened(sessions[:2]) == site.sessions
    running = sessions[2]
    assert (running.started_at, running.ended_at) == (began, None)
    taken = site.register_wh - wh
    assert float(value(hass, f"{CP1_1}session_energy")) * 1000 == pytest.approx(
        taken, abs=200
    )
    charger = charger_of(charger_entry)
    assert charger.connectors[1].transaction is not None
    assert charger.connectors[1].transaction.transaction_id == running.id
    assert seen[f"{CP1_1}status"] == ["unknown", "charging"]
    # Bert's session is never shown as the one that runs.
    assert seen["began"] == [began.isoformat()]
    ended = site.sessions[1][1]
    assert ended is not None
    await wait_for_state(hass, f"{LAST}end", ended.isoformat())
