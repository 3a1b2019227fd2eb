"""Many charge points at once."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from .charge_point import ChargePoint
from .clock import Clock, RealClock
from .options import ChargePointOptions


class Fleet:
    """Charge points that differ only in their identity (and, if wanted, password)."""

    def __init__(
        self,
        options: ChargePointOptions,
        count: int,
        *,
        clock: Clock | None = None,
        vary: Callable[[int, ChargePointOptions], ChargePointOptions] | None = None,
    ) -> None:
        """The identities are those of the options with 1 to `count` after them.

        Digits at the end of the given identity are where counting begins: CP5 and 3
        make CP5, CP6 and CP7. `vary` may change the options of each, numbered from 0.
        """
        self.clock = clock or RealClock()
        self.charge_points = [
            ChargePoint(vary(index, each) if vary else each, clock=self.clock)
            for index, each in enumerate(
                replace(options, identity=identity)
                for identity in identities(options.identity, count)
            )
        ]

    def __iter__(self) -> Iterator[ChargePoint]:
        """Go through all charge points."""
        return iter(self.charge_points)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.charge_points)

    async def start(self, *, per_second: float | None = None) -> None:
        """Start all, at once or so many a second."""
        for charge_point in self.charge_points:
            await charge_point.start()
            if per_second:
                await asyncio.sleep(1 / per_second)

    async def stop(self) -> None:
        """Stop all."""
        await asyncio.gather(*(one.stop() for one in self.charge_points))

    async def until(
        self, predicate: Callable[[ChargePoint], Any], timeout: float = 30.0
    ) -> None:
        """Wait until the predicate is true of each."""
        await asyncio.gather(
            *(one.wait_for(predicate, timeout) for one in self.charge_points)
        )

    async def __aenter__(self) -> Self:
        """Start all at once."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all."""
        await self.stop()


def identities(first: str, count: int) -> list[str]:
    """Return so many identities; a single one is the given one."""
    if count == 1:
        return [first]
    stem = first.rstrip("0123456789")
    begin = int(first[len(stem) :] or 1)
    return [f"{stem}{begin + index}" for index in range(count)]
