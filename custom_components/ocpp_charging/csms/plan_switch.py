"""Starts and stops sessions as a plan says, where a charger takes no plan itself."""

from collections.abc import Callable
from datetime import datetime

from . import control
from .charger import Charger
from .errors import CommandFailed, CommandRefused
from .model import ChargingProfile
from .timing import Timing

_TRIES = 5
"""So often a start or stop is tried before it waits for the plan's next change."""


class PlanSwitch:
    """Begins and ends one connector's sessions, and knows which it has ended."""

    def __init__(
        self,
        charger: Charger,
        connector_id: int,
        timing: Timing,
        wake_at: Callable[[datetime], None],
    ) -> None:
        """Bind a connector; `wake_at` is called for when there is more to do."""
        self._charger = charger
        self._id = connector_id
        self._timing = timing
        self._wake_at = wake_at
        self._tries = 0
        self._not_before: datetime | None = None
        self._stopped_id: int | None = None
        self._no_profile = False

    def renew(self) -> None:
        """Try again at once: something else is wanted, or the car has changed."""
        self._tries = 0
        self._not_before = None

    def pause(self, until: datetime) -> None:
        """Try nothing before a moment: the last try went wrong."""
        self._not_before = until

    def has_stopped(self, transaction_id: int | None) -> bool:
        """Say whether it was here that a session was ended, however late it did."""
        return transaction_id is not None and transaction_id == self._stopped_id

    async def begin(
        self, now: datetime, profile: ChargingProfile | None = None
    ) -> bool:
        """Begin a session for a car that waits for one; says whether it was tried.

        It begins with a `profile`, where the charger takes one. Raises `CommandError`
        when the charger does not begin it.
        """
        connector = self._charger.connector(self._id)
        if connector.runs or not connector.plugged_in or not self._may_try(now):
            return False
        try:
            await self._start(None if self._no_profile else profile)
        except CommandFailed, CommandRefused:
            if profile is None or self._no_profile:
                raise
            # It may be the profile that it does not take.
            await self._start(None)
            self._no_profile = True
        return True

    async def _start(self, profile: ChargingProfile | None) -> None:
        await control.start_charging(
            self._charger, self._id, profile=profile, timeout=self._timing.confirm
        )

    async def end(self, now: datetime) -> bool:
        """End the session that there is; says whether it was tried.

        Raises `CommandError` when the charger does not end it.
        """
        transaction = self._charger.connector(self._id).transaction
        if transaction is None or not self._may_try(now):
            return False
        # A charger may end it long after it has promised to (OCPP 1.6 §5.11), or
        # while the connection is away: it was not the owner, all the same.
        self._stopped_id = transaction.transaction_id
        try:
            await control.stop_charging(
                self._charger, self._id, timeout=self._timing.confirm
            )
        except CommandRefused:
            self._stopped_id = None
            raise
        return True

    def _may_try(self, now: datetime) -> bool:
        """Say whether to start or stop now, and count it."""
        if self._not_before is not None and now < self._not_before:
            self._wake_at(self._not_before)
            return False
        self._tries += 1
        return self._tries <= _TRIES
