"""What the tests of the entities share."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import attr
from homeassistant.const import (
    EVENT_STATE_CHANGED,
    EVENT_STATE_REPORTED,
    STATE_UNAVAILABLE,
)
from homeassistant.core import Event, HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util.dt import utcnow
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from simulator import ChargePoint


@contextmanager
def writes(hass: HomeAssistant) -> Generator[list[str]]:
    """Collect the entity ids of all states that are written, changed or not."""
    written: list[str] = []

    @callback
    def note(event: Event[Any]) -> None:
        written.append(event.data["entity_id"])

    @callback
    def all_of_them(_data: Mapping[str, Any]) -> bool:
        return True

    stops = [
        hass.bus.async_listen(str(kind), note, event_filter=all_of_them)
        for kind in (EVENT_STATE_CHANGED, EVENT_STATE_REPORTED)
    ]
    try:
        yield written
    finally:
        for stop in stops:
            stop()


async def meter(
    charge_point: ChargePoint,
    connector_id: int = 1,
    *,
    at: str | None = None,
    transaction_id: int | None = None,
    **values: object,
) -> None:
    """Send one MeterValues: measurands with `_` for `.`, a phase after `__`.

    They are of this moment unless `at` says another.
    """
    samples = []
    for name, value in values.items():
        measurand, _, phase = name.partition("__")
        sample = {"measurand": measurand.replace("_", "."), "value": str(value)}
        if phase:
            sample["phase"] = phase
        samples.append(sample)
    payload: dict[str, Any] = {
        "connectorId": connector_id,
        "meterValue": [
            {"timestamp": at or utcnow().isoformat(), "sampledValue": samples}
        ],
    }
    if transaction_id is not None:
        payload["transactionId"] = transaction_id
    await charge_point.call("MeterValues", payload)


async def status(
    charge_point: ChargePoint, word: str, connector_id: int = 1, **more: str
) -> None:
    """Send one StatusNotification."""
    payload = {"connectorId": connector_id, "errorCode": "NoError", "status": word}
    await charge_point.call("StatusNotification", payload | more)


def state_of(hass: HomeAssistant, entity_id: str) -> State:
    """Return the state of an entity that has one."""
    state = hass.states.get(entity_id)
    assert state is not None, f"{entity_id} has no state"
    return state


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return what the state of an entity says."""
    return state_of(hass, entity_id).state


def states_of(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, State]:
    """Return the states of an entry's entities by entity id; enabled ones have one."""
    registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    found = {one.entity_id: hass.states.get(one.entity_id) for one in registered}
    return {entity_id: state for entity_id, state in found.items() if state}


def unavailable(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    """Return the entity ids of those that are unavailable."""
    return {
        entity_id
        for entity_id, state in states_of(hass, entry).items()
        if state.state == STATE_UNAVAILABLE
    }


def assert_platform(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    platform: str,
    snapshot: SnapshotAssertion,
    *,
    volatile: frozenset[str] = frozenset(),
) -> None:
    """Compare a platform's registry entries and states with the snapshot.

    Those whose unique id ends in a word of `volatile` have another value each time.
    """
    registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    found = sorted(
        (one for one in registered if one.domain == platform),
        key=lambda one: one.entity_id,
    )
    assert found
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    for one in found:
        key = one.unique_id.removeprefix(f"{entry.entry_id}_")
        assert attr.evolve(one, unique_id=key) == snapshot(
            name=f"{one.entity_id}-entry"
        )
        state = hass.states.get(one.entity_id)
        assert state is not None, f"{one.entity_id} is disabled"
        if key.split("_", 2)[2] in volatile:
            state = State(state.entity_id, "volatile", state.attributes)
        assert state == snapshot(
            name=f"{one.entity_id}-state", exclude=props("last_reset")
        )
