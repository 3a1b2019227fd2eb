"""When a charger's connection is replaced, removed or ended by us."""

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.server import CentralSystem
from tests.conftest import PASSWORD, key_hash
from tests.csms.conftest import Dial
from tests.csms.raw import RawCharger, bare, settings, until


async def test_a_new_connection_replaces_the_old_one_at_once(
    dial: Dial, raw: RawCharger, charger: Charger
) -> None:
    seen: list[bool] = []
    charger.listen(0, "connected", lambda: seen.append(charger.connected))
    new = await dial()
    assert await raw.closed() == 1000
    await new.alive()
    assert charger.connected
    assert seen == [True]
    assert charger.reconnects == 1


async def test_commands_go_over_the_new_connection(
    dial: Dial, raw: RawCharger, charger: Charger
) -> None:
    new = await dial()
    await raw.closed()
    command = asyncio.create_task(charger.commands("test").clear_cache())
    await new.answer(await new.next_call("ClearCache"), {"status": "Accepted"})
    await command
    assert charger.connection is charger.commands("test")


async def test_a_half_open_connection_is_replaced_too(
    dial: Dial, central: CentralSystem, charger: Charger
) -> None:
    async with bare(central) as silent:
        new = await dial()
        await new.alive()
        await silent.ended()
        await new.alive()
    assert charger.connected


async def test_a_wrong_password_does_not_touch_the_connection(
    dial: Dial, raw: RawCharger, charger: Charger
) -> None:
    with pytest.raises(InvalidStatus):
        await dial(password="wrong-password")
    await raw.alive()
    assert charger.connected
    assert charger.reconnects == 0


async def test_which_password_it_came_with_is_known_when_the_change_is_told(
    dial: Dial, raw: RawCharger, central: CentralSystem, charger: Charger
) -> None:
    new, old = key_hash("another-password"), key_hash(PASSWORD)
    central.configure(settings(key_hashes=(new, old)))
    seen: list[str | None] = []
    charger.listen(0, "connected", lambda: seen.append(charger.key_hash))
    await dial()
    await dial(password="another-password")
    assert seen == [old, new]


async def test_the_end_of_the_connection_is_told_at_once(
    raw: RawCharger, charger: Charger
) -> None:
    charger.update(latency_ms=1.0)
    await raw.close()
    await until(charger, lambda: not charger.connected)
    assert charger.latency_ms is None
    assert not charger.ready


async def test_a_reset_connection_is_noticed_at_once(
    central: CentralSystem, charger: Charger
) -> None:
    async with bare(central):
        assert charger.connected
    await until(charger, lambda: not charger.connected)


async def test_a_removed_charger_is_disconnected_and_not_known_any_more(
    dial: Dial, raw: RawCharger, central: CentralSystem
) -> None:
    await central.remove("CP1")
    assert await raw.closed() == 1000
    assert "CP1" not in central.chargers
    with pytest.raises(InvalidStatus) as caught:
        await dial()
    assert caught.value.response.status_code == 404
    await central.remove("CP1")


async def test_a_removed_charger_that_comes_back_is_a_new_one(
    dial: Dial, raw: RawCharger, central: CentralSystem, charger: Charger
) -> None:
    await central.remove("CP1")
    again = central.add(settings())
    assert again is not charger
    await dial()
    assert again.connected
    assert not charger.connected


async def test_stopping_tells_every_charger_that_we_go_away(
    dial: Dial, raw: RawCharger, central: CentralSystem
) -> None:
    central.add(settings("CP2"))
    other = await dial("CP2")
    await central.stop()
    assert await raw.closed() == 1001
    assert await other.closed() == 1001
    assert not any(charger.connected for charger in central.chargers.values())
    await central.stop()


async def test_stopping_waits_for_what_is_being_closed(
    dial: Dial, central: CentralSystem
) -> None:
    expectation = central.expect(settings("NEW"))
    raw = await dial("NEW")
    expectation.close()
    await central.stop()
    assert await raw.closed() in {1000, 1001}
    assert "NEW" not in central.chargers


async def test_a_charger_that_is_removed_while_it_comes_in_is_not_served(
    dial: Dial, central: CentralSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = asyncio.Event()

    async def wait() -> None:
        await busy.wait()

    monkeypatch.setattr(central._context.pace, "keep", wait)
    raw = await dial()
    await central.remove("CP1")
    busy.set()
    assert await raw.closed() == 1000
    assert central.chargers == {}


async def test_it_listens_again_on_the_same_port(
    dial: Dial, central: CentralSystem
) -> None:
    port = central.port
    await central.stop()
    with pytest.raises(RuntimeError):
        _ = central.port
    await central.start("127.0.0.1", port, None)
    assert central.port == port
    raw = await dial()
    await raw.alive()


async def test_a_port_that_is_taken_is_an_error(
    central: CentralSystem,
) -> None:
    from custom_components.ocpp_charging.csms.journal import MemoryJournal

    second = CentralSystem(MemoryJournal())
    with pytest.raises(OSError, match="in use"):
        await second.start("127.0.0.1", central.port, None)
