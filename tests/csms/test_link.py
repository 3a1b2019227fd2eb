"""The conversation over one connection: turns, timeouts, duplicates and floods."""

import asyncio
from contextlib import suppress
from dataclasses import replace
import json
import socket
from typing import Any, override

import pytest

from custom_components.ocpp_charging.csms.bounds import (
    MAX_KEPT_ANSWERS,
    MAX_WAITING_CALLS,
    Bounds,
)
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.errors import (
    ChargerOffline,
    CommandFailed,
    CommandTimeout,
    InvalidAnswer,
)
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.link import (
    Answer,
    AnswerBook,
    Link,
)
from custom_components.ocpp_charging.csms.model import Transaction
from custom_components.ocpp_charging.csms.rpc import Call
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from custom_components.ocpp_charging.csms.tags import TagRules, UnknownTags
from tests.csms.conftest import Dial, StartCentral
from tests.csms.raw import RawCharger, bare, call_frame, settings, stamp, until

IMPATIENT = Timing(call_timeout=0.4, boot_grace=60, boot_settle=60, close_timeout=0.5)


def link_of(central: CentralSystem, identity: str = "CP1") -> Link:
    """Return the link of a connected charger."""
    return central._sessions[identity].link


async def test_the_second_command_goes_out_when_the_first_is_answered(
    raw: RawCharger, charger: Charger
) -> None:
    commands = charger.commands("test")
    both = asyncio.gather(commands.clear_cache(), commands.reset(hard=False))
    first = await raw.next_call("ClearCache")
    await raw.alive()  # a round trip: a second command would have come by now
    assert raw.asked.empty()
    await raw.answer(first, {"status": "Accepted"})
    await raw.answer(await raw.next_call("Reset"), {"status": "Accepted"})
    await both


async def test_calls_of_both_sides_may_cross(raw: RawCharger, charger: Charger) -> None:
    command = asyncio.create_task(charger.commands("test").clear_cache())
    asked = await raw.next_call("ClearCache")
    await raw.alive()
    await raw.answer(asked, {"status": "Accepted"})
    await command


async def test_a_command_that_is_not_answered_times_out_and_the_next_one_goes(
    start_central: StartCentral, dial: Dial
) -> None:
    # The second one is answered within that time, however busy the machine is.
    central = await start_central(replace(IMPATIENT, call_timeout=1))
    commands_of = central.add(settings())
    raw = await dial(to=central)
    commands = commands_of.commands("test")
    both = asyncio.gather(
        commands.clear_cache(), commands.reset(hard=True), return_exceptions=True
    )
    late = await raw.next_call("ClearCache")
    now = await raw.next_call("Reset")
    await raw.answer(late, {"status": "Rejected"})
    await raw.answer(now, {"status": "Accepted"})
    timed_out, done = await both
    assert isinstance(timed_out, CommandTimeout)
    assert timed_out.seconds == 1
    assert done is None
    assert link_of(central).unexpected == 1


async def test_a_cancelled_command_keeps_its_turn_until_it_is_answered(
    raw: RawCharger, charger: Charger
) -> None:
    commands = charger.commands("test")
    cancelled = asyncio.create_task(commands.clear_cache())
    first = await raw.next_call("ClearCache")
    cancelled.cancel()
    following = asyncio.create_task(commands.reset(hard=False))
    await raw.alive()
    assert raw.asked.empty()
    await raw.answer(first, {"status": "Accepted"})
    await raw.answer(await raw.next_call("Reset"), {"status": "Accepted"})
    await following
    assert cancelled.cancelled()


async def test_a_command_cancelled_before_its_turn_is_never_sent(
    raw: RawCharger, charger: Charger
) -> None:
    commands = charger.commands("test")
    first = asyncio.create_task(commands.clear_cache())
    asked = await raw.next_call("ClearCache")
    waiting = asyncio.create_task(commands.reset(hard=True))
    await asyncio.sleep(0)
    waiting.cancel()
    await raw.answer(asked, {"status": "Accepted"})
    await first
    await raw.alive()
    assert raw.asked.empty()


async def test_5000_unsolicited_answers_leave_no_trace(
    start_central: StartCentral, dial: Dial
) -> None:
    # As many at once as may be, so that they need not be waited for.
    central = await start_central(bounds=Bounds(messages_at_once=6000))
    charger = central.add(settings())
    raw = await dial(to=central)
    for number in range(2500):
        await raw.send_raw(json.dumps([3, str(number), {}]))
        await raw.send_raw(json.dumps([4, str(number), "GenericError", "", {}]))
    await raw.alive()
    link = link_of(central)
    assert link.unexpected == 5000
    assert link._calls.empty()
    command = asyncio.create_task(charger.commands("test").clear_cache())
    await raw.answer(await raw.next_call(), {"status": "Accepted"})
    await command


async def test_an_answer_counts_once(raw: RawCharger, charger: Charger) -> None:
    command = asyncio.create_task(charger.commands("test").clear_cache())
    asked = await raw.next_call()
    await raw.answer(asked, {"status": "Accepted"})
    await raw.answer(asked, {"status": "Rejected"})
    await command
    await raw.alive()


@pytest.mark.parametrize(
    "code", ["NotSupported", "FormatViolation", "Whatever", 7, None]
)
async def test_a_callerror_fails_the_command_with_the_chargers_own_words(
    raw: RawCharger, charger: Charger, code: Any
) -> None:
    command = asyncio.create_task(charger.commands("test").clear_cache())
    await raw.refuse(await raw.next_call(), code, "I can't")
    with pytest.raises(CommandFailed) as caught:
        await command
    assert caught.value.code == ("" if code is None else str(code))
    assert caught.value.description == "I can't"
    assert caught.value.action == "ClearCache"
    assert caught.value.unsupported is (code == "NotSupported")


@pytest.mark.parametrize("payload", [[], "Accepted", 7, True])
async def test_an_answer_that_is_no_object_is_invalid(
    raw: RawCharger, charger: Charger, payload: Any
) -> None:
    command = asyncio.create_task(charger.commands("test").clear_cache())
    await raw.answer(await raw.next_call(), payload)
    with pytest.raises(InvalidAnswer):
        await command


async def test_pending_commands_fail_at_once_when_the_socket_closes(
    raw: RawCharger, charger: Charger
) -> None:
    commands = charger.commands("test")
    both = asyncio.gather(
        commands.clear_cache(), commands.reset(hard=True), return_exceptions=True
    )
    await raw.next_call()
    await raw.close()
    failures = await both
    assert [type(failure) for failure in failures] == [ChargerOffline, ChargerOffline]


async def test_a_command_after_the_end_fails_at_once(
    raw: RawCharger, central: CentralSystem, charger: Charger
) -> None:
    commands = charger.commands("test")
    link = link_of(central)
    await raw.close()
    with pytest.raises(ChargerOffline):
        await commands.clear_cache()
    await until(charger, lambda: not charger.connected)
    with pytest.raises(ChargerOffline):
        charger.commands("test")
    await link.close(1000, "again")


async def test_a_command_on_a_socket_that_is_closing_finds_nobody(
    raw: RawCharger, central: CentralSystem, charger: Charger
) -> None:
    commands = charger.commands("test")
    # The closing handshake is under way and the link has not heard of it.
    await link_of(central)._socket.close()
    with pytest.raises(ChargerOffline):
        await commands.clear_cache()


# Duplicates


START = {"connectorId": 1, "idTag": "TAG", "meterStart": 5, "timestamp": stamp()}


async def test_a_start_sent_again_over_a_new_connection_is_the_same_transaction(
    raw: RawCharger, dial: Dial, journal: MemoryJournal
) -> None:
    first = await raw.call("StartTransaction", START, "id-1")
    await raw.close()
    again = await dial()
    assert await again.call("StartTransaction", START, "id-1") == first
    assert len(journal.transactions) == 1


async def test_a_start_sent_again_with_a_new_id_is_the_same_transaction(
    raw: RawCharger, journal: MemoryJournal
) -> None:
    first = await raw.call("StartTransaction", START, "id-1")
    assert await raw.call("StartTransaction", START, "id-2") == first
    assert len(journal.transactions) == 1


async def test_an_id_that_comes_again_with_other_content_is_a_new_message(
    raw: RawCharger, journal: MemoryJournal
) -> None:
    first = await raw.call("StartTransaction", START, "1")
    other = await raw.call("StartTransaction", START | {"meterStart": 900}, "1")
    assert first["transactionId"] != other["transactionId"]
    assert len(journal.transactions) == 2


async def test_what_is_sent_again_is_answered_as_before(
    start_central: StartCentral, dial: Dial
) -> None:
    central = await start_central()
    central.add(settings())
    raw = await dial(to=central)
    first = await raw.call("StartTransaction", START, "id-1")
    central.authorizer.rules = TagRules(unknown=UnknownTags.REFUSE)
    assert await raw.call("StartTransaction", START, "id-1") == first


async def test_a_heartbeat_with_an_old_id_is_answered_anew(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.call("Heartbeat", {}, "1")
    await raw.status("Charging")
    await raw.call("Heartbeat", {}, "1")
    assert connector.charging


class SlowJournal(MemoryJournal):
    """A journal that keeps a start at once and takes its time to say so."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()

    @override
    async def open_transaction(self, identity: str, transaction: Transaction) -> int:
        transaction_id = await super().open_transaction(identity, transaction)
        self.entered.set()
        await self.go_on.wait()
        return transaction_id


@pytest.mark.parametrize("message_id", ["id-1", "id-2"])
async def test_a_start_whose_connection_ends_while_it_is_kept_counts_once(
    start_central: StartCentral, dial: Dial, message_id: str
) -> None:
    slow = SlowJournal()
    central = await start_central(journal=slow)
    charger = central.add(settings())
    first = await dial(to=central)
    await first.send_call("StartTransaction", START, "id-1")
    await slow.entered.wait()
    await first.close()
    again = await dial(to=central)
    sent = await again.send_call("StartTransaction", START, message_id)
    await (await again.socket.ping())  # by then it has arrived
    for _ in range(20):
        await asyncio.sleep(0)
    slow.go_on.set()
    reply = await again.reply()
    assert reply[:2] == [3, sent]
    assert list(slow.transactions) == [reply[2]["transactionId"]]
    assert list(charger.memory.transactions) == list(slow.transactions)


def test_only_so_many_answers_are_kept() -> None:
    book = AnswerBook()
    keys = [
        AnswerBook.key(Call(message_id=str(number), action="A", payload={}))
        for number in range(MAX_KEPT_ANSWERS + 1)
    ]
    for key in keys:
        book.keep(key, {"key": key})
    assert book.find(keys[0]) is None
    assert book.find(keys[-1]) == {"key": keys[-1]}


# Floods


async def test_1000_calls_at_once_are_all_answered_in_order(
    raw: RawCharger, central: CentralSystem
) -> None:
    link = link_of(central)
    sent = [
        await raw.send_call("Heartbeat", {}, f"beat-{number}") for number in range(1000)
    ]
    assert [(await raw.reply())[1] for _ in sent] == sent
    assert link._calls.maxsize == MAX_WAITING_CALLS


async def test_a_charger_that_does_not_read_is_cut_off_and_others_are_served(
    start_central: StartCentral, dial: Dial
) -> None:
    central = await start_central(IMPATIENT)
    deaf = central.add(settings("DEAF"))
    central.add(settings())
    other = await dial(to=central)
    async with bare(central, "DEAF") as charger:
        transport = link_of(central, "DEAF")._socket.transport
        ours = transport.get_extra_info("socket")
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        gone = asyncio.Event()
        deaf.listen(0, "connected", gone.set)
        frame = call_frame("Nonsense", {}, "i" * 36)
        with suppress(ConnectionError):
            while not gone.is_set():
                async with asyncio.timeout(5):
                    await charger.send(frame)
        async with asyncio.timeout(5):
            await gone.wait()
    await other.alive()


async def test_an_exception_while_answering_is_an_internal_error_and_logged(
    raw: RawCharger,
    central: CentralSystem,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(call: Call) -> Answer:
        raise RuntimeError("a bug")

    link = link_of(central)
    original = link._handler
    monkeypatch.setattr(link, "_handler", fail)
    await raw.send_call("Heartbeat", {}, "7")
    assert await raw.reply() == [4, "7", "InternalError", "", {}]
    assert "could not process" in caplog.text
    monkeypatch.setattr(link, "_handler", original)
    await raw.alive()
