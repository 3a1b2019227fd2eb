"""Transactions: from start to stop, offline, repeated, refused, adopted."""

import asyncio
from collections.abc import Sequence
import copy
from datetime import UTC, datetime, timedelta
from typing import Any, override

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.model import (
    Change,
    ChargerMemory,
    RegisterValue,
    Transaction,
)
from custom_components.ocpp_charging.csms.server import CentralSystem
from custom_components.ocpp_charging.csms.tags import TagRules, UnknownTags
from custom_components.ocpp_charging.csms.transactions import MAX_KEPT
from tests.csms.conftest import Dial, StartCentral
from tests.csms.raw import RawCharger, Refused, settings, stamp


def ago(minutes: float) -> datetime:
    """Return the time so many minutes ago."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


async def test_a_start_begins_a_session(
    raw: RawCharger, connector: Connector, journal: MemoryJournal
) -> None:
    answer = await raw.start(idTag="04A2B3", meterStart=1000, timestamp=stamp(ago(1)))
    transaction_id = answer["transactionId"]
    assert transaction_id > 0
    assert answer["idTagInfo"] == {"status": "Accepted"}
    assert connector.transaction is not None
    assert connector.id_tag == "04A2B3"
    assert connector.session_energy == 0
    assert connector.session_start is not None
    assert connector.session_start < ago(0.5)
    identity, kept = journal.transactions[transaction_id]
    assert identity == "CP1"
    assert kept is connector.transaction
    assert (kept.transaction_id, kept.meter_start_wh) == (transaction_id, 1000)


async def test_a_stop_ends_it_and_leaves_what_it_took(
    raw: RawCharger, connector: Connector, journal: MemoryJournal
) -> None:
    started = await raw.start(meterStart=1000)
    await raw.status("Charging")
    await raw.meter(
        {"value": "7400", "measurand": "Power.Active.Import"},
        {"value": "1500"},
        transactionId=started["transactionId"],
    )
    assert connector.session_energy == 500
    at = stamp()
    assert await raw.stop(started["transactionId"], 1800, timestamp=at) == {}
    assert connector.transaction is None
    assert connector.id_tag is None
    assert connector.session_energy == 800
    assert connector.reading("energy") == 1800
    assert connector.reading("power") == 0
    _, kept = journal.transactions[started["transactionId"]]
    assert kept.ended_at == datetime.fromisoformat(at)
    assert kept.meter_stop_wh == 1800
    assert kept.stop_reason == "Local"


async def test_what_a_start_and_a_stop_change_is_told_once(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    told: list[Any] = []

    def note(changes: frozenset[Change]) -> None:
        if any(connector_id == 1 for connector_id, _ in changes):
            told.append(changes)

    charger.listen_all(note)
    started = await raw.start()
    assert told == [
        frozenset(
            (1, key)
            for key in ("transaction", "id_tag", "session_energy", "session_start")
        ),
        # From now on the charger knows its number.
        frozenset({(1, "transaction_named")}),
    ]
    told.clear()
    await raw.stop(started["transactionId"], 1800)
    assert told == [
        frozenset(
            (1, key) for key in ("transaction", "id_tag", "session_energy", "energy")
        )
    ]


async def test_ids_are_unique_over_connectors_and_chargers(
    raw: RawCharger, dial: Dial, central: CentralSystem
) -> None:
    central.add(settings("CP2"))
    other = await dial("CP2")
    answers = [
        await raw.start(connectorId=1),
        await raw.start(connectorId=2),
        await other.start(connectorId=1),
    ]
    assert len({answer["transactionId"] for answer in answers}) == 3
    charger = central.chargers["CP1"]
    running = {
        connector.transaction.transaction_id: connector_id
        for connector_id, connector in charger.connectors.items()
        if connector.transaction is not None
    }
    assert running == {
        answers[0]["transactionId"]: 1,
        answers[1]["transactionId"]: 2,
    }


async def test_sessions_of_two_connectors_do_not_touch(
    raw: RawCharger, charger: Charger
) -> None:
    first = await raw.start(connectorId=1, meterStart=0)
    second = await raw.start(connectorId=2, meterStart=5000)
    await raw.register(100, transactionId=first["transactionId"])
    await raw.register(5300, connector_id=2, transactionId=second["transactionId"])
    assert await raw.stop(first["transactionId"], 200) == {}
    assert charger.connectors[1].session_energy == 200
    assert charger.connectors[2].session_energy == 300
    assert charger.connectors[2].transaction is not None


# Id tags


async def test_a_refused_tag_gets_an_id_all_the_same(
    start_central: StartCentral, dial: Dial, journal: MemoryJournal
) -> None:
    central = await start_central()
    central.authorizer.rules = TagRules(unknown=UnknownTags.REFUSE)
    connector = central.add(settings()).connector(1)
    raw = await dial(to=central)
    answer = await raw.call("Authorize", {"idTag": "TAG"})
    assert answer["idTagInfo"]["status"] == "Invalid"
    started = await raw.start()
    assert started["idTagInfo"]["status"] == "Invalid"
    assert started["transactionId"] in journal.transactions
    assert connector.transaction is None
    stopped = await raw.stop(
        started["transactionId"], 1000, idTag="TAG", reason="DeAuthorized"
    )
    assert stopped["idTagInfo"]["status"] == "Invalid"
    kept = journal.transactions[started["transactionId"]][1]
    assert (kept.stop_reason, kept.accepted) == ("DeAuthorized", False)


async def test_a_tag_with_garbage_behind_it_is_cut(
    raw: RawCharger, connector: Connector
) -> None:
    started = await raw.start(idTag="A" * 20)
    answer = await raw.stop(started["transactionId"], 1000, idTag="A" * 20 + "\x00\x07")
    assert answer == {"idTagInfo": {"status": "Accepted"}}
    assert connector.transaction is None


@pytest.mark.parametrize("tag", ["", "\x00", 12345678])
async def test_a_start_with_an_odd_tag_is_answered(
    raw: RawCharger, connector: Connector, tag: Any
) -> None:
    assert (await raw.start(idTag=tag))["transactionId"] > 0
    assert connector.transaction is not None


# Stops that fit nothing


@pytest.mark.parametrize("transaction_id", [-1, 0, 999_999, -5])
async def test_a_stop_of_nothing_is_answered_and_ends_nobodys_session(
    raw: RawCharger, connector: Connector, transaction_id: int
) -> None:
    await raw.start()
    assert await raw.stop(transaction_id, 5000) == {}
    assert connector.transaction is not None
    assert await raw.stop(
        transaction_id, 5000, idTag="TAG", reason="EVDisconnected"
    ) == {"idTagInfo": {"status": "Accepted"}}
    assert connector.transaction is not None


async def test_a_stop_that_is_sent_again_changes_nothing(
    raw: RawCharger, connector: Connector, journal: MemoryJournal
) -> None:
    first = await raw.start(meterStart=1000)
    await raw.stop(first["transactionId"], 1500)
    second = await raw.start(meterStart=1500)
    assert await raw.stop(first["transactionId"], 9999) == {}
    assert connector.transaction is not None
    assert connector.transaction.transaction_id == second["transactionId"]
    assert journal.transactions[first["transactionId"]][1].meter_stop_wh == 1500


@pytest.mark.parametrize("meter_stop", [None, "x", 10**400])
async def test_a_stop_without_a_register_ends_the_session_all_the_same(
    raw: RawCharger, connector: Connector, meter_stop: Any
) -> None:
    started = await raw.start(meterStart=1000)
    await raw.register(1400)
    await raw.stop(started["transactionId"], meter_stop)
    assert connector.transaction is None
    assert connector.session_energy == 400


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("StartTransaction", {"idTag": "T", "meterStart": 1}, "ProtocolError"),
        (
            "StartTransaction",
            {"connectorId": 0, "idTag": "T", "meterStart": 1},
            "PropertyConstraintViolation",
        ),
        ("StartTransaction", {"connectorId": 1, "meterStart": 1}, "ProtocolError"),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": [], "meterStart": 1},
            "TypeConstraintViolation",
        ),
        ("StartTransaction", {"connectorId": 1, "idTag": "T"}, "ProtocolError"),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "T", "meterStart": 10**400},
            "TypeConstraintViolation",
        ),
        ("StopTransaction", {"meterStop": 1}, "ProtocolError"),
        ("StopTransaction", {"transactionId": {}}, "TypeConstraintViolation"),
        ("Authorize", {}, "ProtocolError"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    raw: RawCharger, action: str, payload: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as caught:
        await raw.call(action, payload)
    assert caught.value.code == code


@pytest.mark.parametrize("meter_start", [1000.7, "1000", "1000.7", " 1e3 "])
async def test_a_register_may_be_a_fraction_or_a_text(
    raw: RawCharger, connector: Connector, meter_start: Any
) -> None:
    await raw.start(meterStart=meter_start)
    assert connector.transaction is not None
    assert connector.transaction.meter_start_wh == 1000


# Energy


async def test_a_stop_1_wh_below_the_start_is_an_empty_session(
    raw: RawCharger, connector: Connector
) -> None:
    started = await raw.start(meterStart=1000)
    await raw.stop(started["transactionId"], 999)
    assert connector.session_energy == 0


async def test_samples_that_count_from_the_session_while_start_and_stop_do_not(
    raw: RawCharger, connector: Connector
) -> None:
    started = await raw.start(meterStart=50_000)
    for value in (0, 1000, 2000):
        await raw.register(value, transactionId=started["transactionId"])
    assert connector.session_energy == 2000
    assert connector.reading("energy") == 52_000
    await raw.stop(started["transactionId"], 52_500)
    assert connector.session_energy == 2500
    assert connector.reading("energy") == 52_500
    # The closing values come late, and count from a session that is over.
    for value in (2500, 2501):
        await raw.register(value, transactionId=started["transactionId"])
    assert connector.reading("energy") == 52_500


async def test_the_data_of_a_stop_counts(raw: RawCharger, connector: Connector) -> None:
    started = await raw.start(meterStart=1000)
    samples = [
        {"value": "1000", "context": "Transaction.Begin"},
        {"value": "1600", "context": "Transaction.End"},
        {"value": "OCMF|{}|{}", "format": "SignedData"},
        {"value": "66", "measurand": "SoC", "unit": "Percent"},
    ]
    await raw.stop(
        started["transactionId"],
        None,  # type: ignore[arg-type]
        transactionData=[
            {"timestamp": stamp(), "sampledValue": [sample]} for sample in samples
        ],
    )
    assert connector.session_energy == 600
    assert connector.reading("soc") == 66


async def test_values_without_an_id_count_for_the_running_session(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.start(meterStart=1000)
    await raw.register(1100)
    await raw.register(1200, transactionId=0)
    await raw.register(1300, transactionId=-1)
    assert connector.session_energy == 300


async def test_values_of_another_session_do_not_count_for_the_running_one(
    raw: RawCharger, connector: Connector
) -> None:
    old = await raw.start(meterStart=1000)
    await raw.stop(old["transactionId"], 1500)
    await raw.start(meterStart=1500)
    await raw.register(1700, transactionId=old["transactionId"])
    assert connector.session_energy == 0
    assert connector.reading("energy") == 1700


async def test_queued_values_from_before_the_session_do_not_count_for_it(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.start(meterStart=5000)
    await raw.register(5100)
    await raw.register(4000, at=ago(2))
    await raw.register(5200)
    assert connector.session_energy == 200
    assert connector.transaction is not None
    assert not connector.transaction.session_relative


async def test_queued_values_of_the_session_count_for_it(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.status("Charging")
    started = await raw.start(meterStart=5000, timestamp=stamp(ago(60)))
    named = {"transactionId": started["transactionId"]}
    await raw.register(5300, at=ago(30), **named)
    assert connector.session_energy == 300
    await raw.register(5600, **named)
    await raw.register(5400, at=ago(20), **named)
    assert connector.session_energy == 600
    assert connector.reading("energy") == 5600


# Offline


async def test_a_session_of_the_past_is_kept_and_not_shown(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    await raw.status("Available")
    started = await raw.start(meterStart=1000, timestamp=stamp(ago(120)))
    assert connector.transaction is None
    await raw.stop(started["transactionId"], 4000, timestamp=stamp(ago(60)))
    kept = charger.transaction(started["transactionId"])
    assert kept is not None
    assert kept.energy_wh == 3000
    assert connector.transaction is None


async def test_old_sessions_out_of_the_queue_do_not_lower_the_lifetime(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.status("Preparing")
    await raw.register(10_000)
    for begin, start, stop in ((300, 8000, 8500), (200, 8500, 9000)):
        started = await raw.start(meterStart=start, timestamp=stamp(ago(begin)))
        await raw.stop(started["transactionId"], stop, timestamp=stamp(ago(begin - 50)))
    assert connector.reading("energy") == 10_000


async def test_an_old_start_does_not_replace_a_session_that_runs(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.status("Charging")
    running = await raw.start(meterStart=9000)
    old = await raw.start(meterStart=1000, timestamp=stamp(ago(60)))
    assert connector.transaction is not None
    assert connector.transaction.transaction_id == running["transactionId"]
    await raw.stop(old["transactionId"], 1500, timestamp=stamp(ago(30)))
    assert connector.transaction is not None


async def test_a_long_running_session_that_is_reported_late_is_shown(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.status("Charging")
    started = await raw.start(meterStart=1000, timestamp=stamp(ago(120)))
    assert connector.transaction is not None
    assert connector.transaction.transaction_id == started["transactionId"]


@pytest.mark.parametrize("status", ["Available", "Finishing"])
async def test_its_status_ends_a_session_whose_stop_comes_later(
    raw: RawCharger, connector: Connector, status: str
) -> None:
    started = await raw.start(meterStart=1000)
    await raw.register(1400)
    await raw.status(status)
    assert connector.transaction is None
    assert connector.session_energy == 400
    await raw.stop(started["transactionId"], 1500)
    assert connector.session_energy == 500


async def test_what_a_late_stop_adds_to_the_last_session_is_told(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    started = await raw.start(meterStart=1000)
    await raw.status("Available")
    told: list[str] = []
    charger.listen(1, "session_energy", lambda: told.append("session_energy"))
    await raw.stop(started["transactionId"], 1500)
    assert told == ["session_energy"]


async def test_a_charger_that_restarts_and_prepares_has_forgotten_its_session(
    raw: RawCharger, connector: Connector, dial: Dial
) -> None:
    await raw.boot()
    started = await raw.start()
    await raw.status("Charging")
    await raw.close()
    raw = await dial()
    await raw.boot()
    assert connector.transaction is not None
    await raw.status("Preparing")
    assert connector.transaction is None
    await raw.status("Charging")  # it had not, after all
    assert connector.transaction is not None
    assert connector.transaction.transaction_id == started["transactionId"]


@pytest.mark.parametrize("boot", [False, True])
async def test_preparing_is_part_of_a_session_that_has_just_begun(
    raw: RawCharger, connector: Connector, boot: bool
) -> None:
    if boot:
        await raw.boot()
    await raw.start()
    await raw.status("Preparing")
    assert connector.transaction is not None


async def test_the_next_car_does_not_take_up_a_session_that_was_never_stopped(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.status("Charging")
    await raw.start()
    await raw.status("Available")
    await raw.status("Preparing")
    assert connector.transaction is None


async def test_a_charger_that_says_available_and_goes_on_charging_is_believed(
    raw: RawCharger, connector: Connector
) -> None:
    started = await raw.start(meterStart=1000)
    await raw.status("Available")
    await raw.status("Charging")
    assert connector.transaction is not None
    assert connector.transaction.transaction_id == started["transactionId"]
    await raw.register(1500, transactionId=started["transactionId"])
    assert connector.session_energy == 500


async def test_only_the_latest_session_is_taken_up(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.start(meterStart=1000)
    second = await raw.start(meterStart=2000)
    await raw.stop(second["transactionId"], 3000)
    await raw.status("Charging")
    assert connector.transaction is None


# Sessions that nobody here has seen begin


async def test_a_running_session_that_nobody_knows_is_adopted(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    await raw.status("Charging")
    await raw.register(5000, transactionId=4711)
    assert connector.transaction is not None
    assert connector.transaction.transaction_id == 4711
    assert connector.id_tag is None
    await raw.register(5600, transactionId=4711)
    assert connector.session_energy == 600
    assert await raw.stop(4711, 5700) == {}
    assert connector.transaction is None
    assert connector.session_energy == 700
    await raw.register(5700, transactionId=4711)
    assert connector.transaction is None
    transaction = charger.transaction(4711)
    assert transaction is not None
    assert transaction.ended_at is not None


@pytest.mark.parametrize(
    ("status", "transaction_id", "minutes", "connector_id"),
    [
        ("Available", 4711, 0, 1),
        ("Preparing", 4711, 0, 1),
        ("Finishing", 4711, 0, 1),
        ("Charging", 0, 0, 1),
        ("Charging", -1, 0, 1),
        ("Charging", 2**63 - 1, 0, 1),
        ("Charging", 4711, 30, 1),
        ("Charging", 4711, 0, 0),
        ("Charging", None, 0, 1),
    ],
)
async def test_nothing_is_adopted_that_does_not_run(
    raw: RawCharger,
    charger: Charger,
    connector: Connector,
    status: str,
    transaction_id: int | None,
    minutes: float,
    connector_id: int,
) -> None:
    await raw.status(status)
    await raw.register(
        5000,
        transactionId=transaction_id,
        at=ago(minutes),
        connector_id=connector_id,
    )
    assert connector.transaction is None
    assert charger.main.transaction is None
    assert charger.memory.transactions == {}


async def test_a_session_of_another_connector_is_not_taken_over(
    raw: RawCharger, charger: Charger
) -> None:
    started = await raw.start(connectorId=2)
    await raw.status("Charging", 1)
    await raw.register(5000, transactionId=started["transactionId"])
    assert charger.connectors[1].transaction is None


async def test_a_session_goes_on_after_a_restart_of_ours(
    start_central: StartCentral, dial: Dial, journal: MemoryJournal
) -> None:
    first = await start_central()
    charger = first.add(settings())
    raw = await dial(to=first)
    started = await raw.start(meterStart=1000)
    await first.stop()
    second = await start_central()
    memory = charger.memory
    connector = second.add(settings(), memory).connector(1)
    assert connector.transaction is not None
    raw = await dial(to=second)
    await raw.register(1700, transactionId=started["transactionId"])
    assert connector.session_energy == 700
    await raw.stop(started["transactionId"], 1800)
    assert connector.session_energy == 800


def _kept(transaction_id: int, minutes: float, **changes: Any) -> Transaction:
    return Transaction(
        **{
            "transaction_id": transaction_id,
            "connector_id": 1,
            "id_tag": "TAG",
            "started_at": ago(minutes),
            "meter_start_wh": 0,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("kept", "running", "last"),
    [
        ([_kept(1, 10)], 1, None),
        ([_kept(1, 20), _kept(2, 10, ended_at=ago(5))], None, 2),
        ([_kept(1, 20, ended_at=ago(15)), _kept(2, 10)], 2, None),
        ([_kept(1, 10, accepted=False)], None, None),
        ([_kept(1, 20, ended_at=ago(15)), _kept(2, 10, accepted=False)], None, 1),
    ],
)
def test_the_latest_session_is_shown_after_a_restart_of_ours(
    journal: MemoryJournal,
    kept: list[Transaction],
    running: int | None,
    last: int | None,
) -> None:
    memory = ChargerMemory(transactions={each.transaction_id: each for each in kept})
    connector = Charger(settings(), memory, journal).connector(1)
    shown = [connector.transaction, connector.last_transaction]
    assert [each and each.transaction_id for each in shown] == [running, last]


async def test_a_stray_0_after_a_restart_of_ours_is_no_new_register(
    journal: MemoryJournal, start_central: StartCentral, dial: Dial
) -> None:
    ended = _kept(1, 20, ended_at=ago(15), meter_start_wh=5000, meter_stop_wh=6000)
    central = await start_central()
    connector = central.add(
        settings(), ChargerMemory(transactions={1: ended})
    ).connector(1)
    raw = await dial(to=central)
    await raw.register(0)
    assert connector.reading("energy") == 6000
    await raw.register(6000)
    assert connector.reading("energy") == 6000


# Keeping


class SickJournal(MemoryJournal):
    """A journal that fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.sick = True

    def _check(self) -> None:
        if self.sick:
            raise OSError("the disk is full")

    @override
    async def open_transaction(self, identity: str, transaction: Transaction) -> int:
        self._check()
        return await super().open_transaction(identity, transaction)

    @override
    async def close_transaction(
        self,
        identity: str,
        transaction: Transaction,
        registers: Sequence[RegisterValue] = (),
    ) -> None:
        self._check()
        await super().close_transaction(identity, transaction, registers)


async def test_what_cannot_be_kept_is_not_answered_until_it_can(
    start_central: StartCentral, dial: Dial
) -> None:
    sick = SickJournal()
    central = await start_central(journal=sick)
    connector = central.add(settings()).connector(1)
    raw = await dial(to=central)
    start = {"connectorId": 1, "idTag": "T", "meterStart": 1, "timestamp": stamp()}
    await raw.send_call("StartTransaction", start, "1")
    await raw.alive()  # in order: the start has been worked off
    assert raw.replies.empty()
    assert connector.transaction is None
    sick.sick = False
    started = await raw.call("StartTransaction", start, "1")
    assert connector.transaction is not None

    sick.sick = True
    stop = {"transactionId": started["transactionId"], "meterStop": 501}
    await raw.send_call("StopTransaction", stop, "2")
    await raw.alive()
    assert raw.replies.empty()
    assert connector.transaction is not None
    assert connector.transaction.ended_at is None
    sick.sick = False
    await raw.call("StopTransaction", stop, "2")
    assert connector.transaction is None
    assert connector.session_energy == 500


async def test_a_transaction_is_kept_before_it_is_answered(
    start_central: StartCentral, dial: Dial
) -> None:
    class WatchedJournal(MemoryJournal):
        remembered = 0

        @override
        def remember(self, identity: str, memory: ChargerMemory) -> None:
            self.remembered += 1

    watched = WatchedJournal()
    central = await start_central(journal=watched)
    central.add(settings())
    raw = await dial(to=central)
    before = watched.remembered
    started = await raw.start()
    assert watched.remembered > before
    before = watched.remembered
    await raw.stop(started["transactionId"], 2000)
    assert watched.remembered > before


async def test_what_is_remembered_of_a_charger_that_never_stops_is_bounded(
    raw: RawCharger, charger: Charger
) -> None:
    stopped = await raw.start(connectorId=2, meterStart=7)
    await raw.stop(stopped["transactionId"], 8)
    for number in range(MAX_KEPT + 5):
        await raw.start(meterStart=number, timestamp=stamp(ago(-number)))
    kept = charger.memory.transactions
    assert len(kept) == MAX_KEPT
    assert stopped["transactionId"] not in kept
    assert charger.connectors[1].transaction in kept.values()


async def test_nothing_of_an_end_shows_before_it_is_kept(
    start_central: StartCentral, dial: Dial
) -> None:
    class SlowJournal(MemoryJournal):
        def __init__(self) -> None:
            super().__init__()
            self.asked = asyncio.Event()
            self.kept = asyncio.Event()

        @override
        async def close_transaction(
            self,
            identity: str,
            transaction: Transaction,
            registers: Sequence[RegisterValue] = (),
        ) -> None:
            self.asked.set()
            await self.kept.wait()
            await super().close_transaction(identity, transaction, registers)

    slow = SlowJournal()
    central = await start_central(journal=slow)
    connector = central.add(settings()).connector(1)
    raw = await dial(to=central)
    started = await raw.start(meterStart=1000)
    await raw.register(1100)
    before = copy.copy(connector.transaction)
    bucket = {"timestamp": stamp(), "sampledValue": [{"value": "1300"}]}
    stop = {
        "transactionId": started["transactionId"],
        "meterStop": 1400,
        "timestamp": stamp(),
        "transactionData": [bucket],
    }
    await raw.send_call("StopTransaction", stop, "2")
    async with asyncio.timeout(5):
        await slow.asked.wait()
    assert connector.transaction == before
    assert connector.reading("energy") == 1100
    assert raw.replies.empty()
    slow.kept.set()
    assert (await raw.reply())[:2] == [3, "2"]
    assert connector.transaction is None
    assert connector.session_energy == 400
