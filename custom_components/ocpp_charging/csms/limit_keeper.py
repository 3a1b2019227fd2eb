"""Keeps the owner's limits in force while a charger is connected.

A limit that was sent may not be enough: a profile for a session ends with it (OCPP 1.6
§3.13.1), one that is the default for sessions can only be checked in one, and one in
watts depends on how many phases there are, which metering shows later.
"""

import asyncio
from collections.abc import Awaitable, Callable
import logging

from .charger import Charger
from .commands import Commands
from .errors import CommandError
from .limits import apply_limit, ensure_limit, phases_sent
from .model import Change, ProfilePurpose

_LOGGER = logging.getLogger(__name__)


class LimitKeeper:
    """Follows a charger over one connection."""

    def __init__(self, charger: Charger, commands: Commands) -> None:
        """Bind a charger and its connection."""
        self._charger = charger
        self._commands = commands
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._phases_tried: set[tuple[int, int]] = set()

    def follow(self) -> Callable[[], None]:
        """Begin; returns how to end."""
        return self._charger.listen_all(self._changed)

    async def ended(self) -> None:
        """Wait for what is under way; it finds the connection gone."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _changed(self, changes: frozenset[Change]) -> None:
        for connector_id in {connector_id for connector_id, _ in changes}:
            if connector_id not in self._charger.memory.limits_a:
                continue
            if (connector_id, "transaction") in changes and (
                self._charger.connector(connector_id).transaction is not None
            ):
                self._renew(connector_id, self._for_session)
            elif self._more_phases(connector_id):
                self._renew(connector_id, apply_limit)

    def _more_phases(self, connector_id: int) -> bool:
        """Say whether the limit in watts was for fewer phases than there are.

        Each number is tried once: a charger that refuses is not asked for ever.
        """
        if connector_id in self._under_way:
            return False
        phases = self._charger.connector(connector_id).known_phases
        sent = phases_sent(self._charger, connector_id)
        if phases is None or sent is None or sent >= phases:
            return False
        if (connector_id, phases) in self._phases_tried:
            return False
        self._phases_tried.add((connector_id, phases))
        return True

    async def _for_session(
        self, charger: Charger, commands: Commands, connector_id: int, limit_a: float
    ) -> None:
        purpose = charger.features.limit_purpose
        if purpose is ProfilePurpose.DEFAULT:
            await ensure_limit(charger, commands, connector_id, limit_a)
        elif purpose is not ProfilePurpose.CHARGER_MAX:
            await apply_limit(charger, commands, connector_id, limit_a)

    def _renew(
        self,
        connector_id: int,
        how: Callable[[Charger, Commands, int, float], Awaitable[None]],
    ) -> None:
        before = self._under_way.get(connector_id)
        task = asyncio.get_running_loop().create_task(
            self._run(connector_id, how, before)
        )
        self._under_way[connector_id] = task
        task.add_done_callback(lambda task: self._done(connector_id, task))

    def _done(self, connector_id: int, task: asyncio.Task[None]) -> None:
        if self._under_way.get(connector_id) is task:
            del self._under_way[connector_id]

    async def _run(
        self,
        connector_id: int,
        how: Callable[[Charger, Commands, int, float], Awaitable[None]],
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        limit_a = self._charger.memory.limits_a.get(connector_id)
        if limit_a is None:
            return
        try:
            await how(self._charger, self._commands, connector_id, limit_a)
        except CommandError as error:
            _LOGGER.warning(
                "%s: the limit was not set for this session: %s",
                self._charger.identity,
                error,
            )
