"""Waiting for a state without polling."""

import asyncio
from collections.abc import Callable
from typing import Any


class Waiters:
    """Predicates that somebody waits for, asked whenever something has changed."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    async def until[T](self, predicate: Callable[[], T]) -> T:
        """Return what the predicate returns once that is true."""
        found = predicate()
        if found:
            return found
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiter = (predicate, future)
        self._waiting.append(waiter)
        try:
            return await future
        finally:
            self._waiting.remove(waiter)

    def ask(self) -> None:
        """Ask every predicate again; what one raises goes to who waits for it."""
        for predicate, future in list(self._waiting):
            if future.done():
                continue
            try:
                found = predicate()
            except Exception as error:  # noqa: BLE001 - the waiter gets it
                future.set_exception(error)
            else:
                if found:
                    future.set_result(found)
