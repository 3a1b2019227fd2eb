"""A session that its charger does not end: it goes on, and gives nothing.

Some refuse to; and a session whose start was never told has no number to end it by.

Smart charging holds what its owner has switched off all the same; this is for
connectors that nothing steers.
"""

import logging
from typing import TYPE_CHECKING, Final

from ..csms.connector import RUNNING
from ..csms.errors import (
    CommandFailed,
    CommandRefused,
    CommandTimeout,
    InvalidRequest,
)
from ..csms.model import HeldBy
from .connector_plan import ConnectorPlan
from .wishes import Override

if TYPE_CHECKING:
    from ..hub import Hub

_LOGGER = logging.getLogger(__name__)

_HELD_BACK: Final = "held_back"
"""What is kept of a stay: the id of the transaction that its charger does not end."""

_NOT_ENDED: Final = (CommandRefused, CommandFailed, CommandTimeout, InvalidRequest)

_UNTOLD: Final = 0
"""Stands for the id of a session whose start was not told."""


class HeldBack:
    """Knows the session at one connector that was switched off and goes on."""

    def __init__(self, hub: Hub, plan: ConnectorPlan) -> None:
        """Bind a connector; what was so before a restart still is."""
        self._hub = hub
        self._plan = plan

    @property
    def session(self) -> int | None:
        """Return the id of the session that runs, None where none does."""
        connector = self._plan.connector
        if connector.transaction is not None:
            return connector.transaction.transaction_id
        return _UNTOLD if connector.status in RUNNING else None

    @property
    def is_on(self) -> bool:
        """Say whether the session that runs is one that was switched off.

        The start of one that had no id may have been told since.
        """
        kept = self._hub.planning.kept.stay(self._plan.key).get(_HELD_BACK)
        return self.session is not None and kept in (self.session, _UNTOLD)

    def set(self, *, on: bool) -> None:
        """Note that the session that runs is switched off, or that none is."""
        kept = self._hub.planning.kept
        kept.async_note(self._plan.key, _HELD_BACK, self.session if on else None)

    def serves(self, error: BaseException, override: Override) -> bool:
        """Say whether what the owner wants is so, although a charger did not do it.

        A session that was not ended may give nothing; and what is not begun anew, as it
        runs already, may be one whose start was not told.
        """
        connector = self._plan.connector
        if override is Override.ON:
            return isinstance(error, CommandRefused) and self.session == _UNTOLD
        if not isinstance(error, _NOT_ENDED) or self.session is None:
            return False
        held = connector.held_by in {HeldBy.PROFILE, HeldBy.MERGED}
        if not held or connector.planned_limit_a != 0:
            return False
        name = self._hub.planning.name(self._plan)
        _LOGGER.warning("%s: the session goes on, without current: %s", name, error)
        return True
