"""Waiting until a charger shows what it was asked for."""

import asyncio
from collections.abc import Callable

from .charger import Charger
from .errors import ChargerOffline, CommandTimeout
from .model import Change


async def wait_until(
    charger: Charger, shown: Callable[[], bool], *, action: str, timeout: float
) -> None:
    """Wait until `shown` is true of the charger's state.

    Raises `CommandTimeout` after `timeout` seconds and `ChargerOffline` when the
    charger goes away meanwhile.
    """
    if shown():
        return
    done = asyncio.Event()

    def changed(changes: frozenset[Change]) -> None:
        if shown() or not charger.connected:
            done.set()

    stop = charger.listen_all(changed)
    try:
        async with asyncio.timeout(timeout):
            await done.wait()
    except TimeoutError:
        raise CommandTimeout(action, timeout) from None
    finally:
        stop()
    if not shown():
        raise ChargerOffline(action)
