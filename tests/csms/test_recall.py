"""What is remembered of a charger comes late, when the charger is long connected."""

from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.model import (
    ChargerInfo,
    ChargerMemory,
    ChargerSettings,
    ConnectorStatus,
    ErrorCode,
    Features,
    Reading,
    Transaction,
)

BEGIN = datetime(2026, 5, 1, 18, 0, tzinfo=UTC)


def transaction(number: int = 7, **changes: Any) -> Transaction:
    values: dict[str, Any] = {
        "transaction_id": number,
        "connector_id": 1,
        "id_tag": "CARD",
        "started_at": BEGIN,
        "meter_start_wh": 1000,
    }
    return Transaction(**{**values, **changes})


@pytest.fixture
def charger() -> Charger:
    made = Charger(ChargerSettings(identity="CP1"), ChargerMemory(), MemoryJournal())
    made.connector(1)
    return made


def show(charger: Charger, status: ConnectorStatus) -> None:
    changed = charger.connectors[1].set_status(
        status, BEGIN, ErrorCode.NO_ERROR, None, None
    )
    charger.publish(1, changed)


def remembered(*kept: Transaction, **changes: Any) -> ChargerMemory:
    numbers = {each.transaction_id: each for each in kept}
    return ChargerMemory(transactions=numbers, **changes)


@pytest.mark.parametrize(
    "status", [ConnectorStatus.CHARGING, ConnectorStatus.SUSPENDED_EV, None]
)
def test_a_session_that_nothing_speaks_against_runs(
    charger: Charger, status: ConnectorStatus | None
) -> None:
    if status is not None:
        show(charger, status)
    kept = transaction(energy_wh=500.0)
    charger.recall(remembered(kept))
    connector = charger.connectors[1]
    assert connector.transaction is kept
    assert connector.reading("energy") == 1500.0


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize(
    "status", [ConnectorStatus.AVAILABLE, ConnectorStatus.FINISHING]
)
def test_a_session_that_the_status_shows_is_over_does_not_run(
    charger: Charger, status: ConnectorStatus, measured: bool
) -> None:
    show(charger, status)
    connector = charger.connectors[1]
    if measured:
        connector.set_readings([("energy", Reading(value=9000.0, at=BEGIN))])
    kept = transaction()
    charger.recall(remembered(kept))
    assert connector.transaction is None
    assert connector.last_transaction is kept
    assert connector.reading("energy") == (9000.0 if measured else 1000.0)


def test_a_session_that_has_ended_is_the_last_one(charger: Charger) -> None:
    show(charger, ConnectorStatus.CHARGING)
    kept = transaction(ended_at=BEGIN, meter_stop_wh=3000)
    charger.recall(remembered(kept))
    connector = charger.connectors[1]
    assert (connector.transaction, connector.last_transaction) == (None, kept)


@pytest.mark.parametrize("ended_at", [None, BEGIN])
def test_what_was_found_running_becomes_what_it_is(
    charger: Charger, ended_at: datetime | None
) -> None:
    show(charger, ConnectorStatus.CHARGING)
    connector = charger.connectors[1]
    connector.begin(transaction(id_tag=None, meter_start_wh=4000, own_number=7))
    told: list[str] = []
    charger.listen(1, "id_tag", lambda: told.append("id_tag"))
    kept = transaction(ended_at=ended_at)
    charger.recall(remembered(kept))
    if ended_at is None:
        assert connector.transaction is kept
        assert told == ["id_tag"]
    else:
        assert (connector.transaction, connector.last_transaction) == (None, kept)


def test_what_nobody_remembers_goes_on(charger: Charger) -> None:
    show(charger, ConnectorStatus.CHARGING)
    found = transaction(9, id_tag=None, own_number=9)
    charger.connectors[1].begin(found)
    charger.recall(remembered(found))
    assert charger.connectors[1].transaction is found


def test_all_else_that_is_remembered_is_told(charger: Charger) -> None:
    told: set[object] = set()
    charger.listen_all(told.update)
    memory = remembered(
        info=ChargerInfo(vendor="V"), features=Features(connectors=2), limits_a={2: 10}
    )
    charger.recall(memory)
    assert charger.memory is memory
    assert list(charger.connectors) == [1, 2]
    assert charger.connectors[2].limit_a == 10
    assert {(0, "info"), (0, "connectors")} <= told
