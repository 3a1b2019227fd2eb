"""What the owner is told of the fuses, as repairs."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir

from ..const import DOMAIN
from .circuits import HomeCircuits
from .claiming import Claimant

if TYPE_CHECKING:
    from ..hub import Hub

METER_SILENT: Final = "fuse_meter_silent"
NOT_KEPT: Final = "fuse_not_kept"
NO_MAIN: Final = "fuse_no_main"
LEFT: Final = "fuse_left"

SILENT_FOR: Final = timedelta(minutes=2)
"""A meter that is silent for so long while a car charges is told of."""


class FuseIssues:
    """Raises the issues about fuses, and takes them back."""

    def __init__(self, hub: Hub) -> None:
        """Begin with nothing to say."""
        self._hass = hub.hass
        self._entry_id = hub.entry.entry_id
        self._silent_since: dict[str, datetime] = {}
        self._told: set[str] = set()

    @callback
    def async_note_silent(
        self, home: HomeCircuits | None, silent: frozenset[str], now: datetime
    ) -> None:
        """Say which meters tell nothing, when that lasts."""
        for key in self._silent_since.keys() - silent:
            del self._silent_since[key]
            self._delete(f"{METER_SILENT}_{self._entry_id}_{key}")
        for key in silent:
            since = self._silent_since.setdefault(key, now)
            if home is not None and now - since >= SILENT_FOR:
                self._create(
                    f"{METER_SILENT}_{self._entry_id}_{key}",
                    METER_SILENT,
                    ir.IssueSeverity.WARNING,
                    name=home.by_key[key].name,
                )

    @callback
    def async_note_kept(self, claimant: Claimant, *, kept: bool) -> None:
        """Say whether a charger keeps to what the fuse leaves it."""
        identity = claimant.plan.charger.identity
        issue_id = f"{NOT_KEPT}_{self._entry_id}_{identity}_{claimant.plan.key[1]}"
        if kept:
            self._delete(issue_id)
        else:
            self._create(issue_id, NOT_KEPT, ir.IssueSeverity.ERROR, name=identity)

    @callback
    def async_note_left(self, claimant: Claimant, left_a: float | None) -> None:
        """Say what a charger that was removed keeps to; None: to nothing of ours."""
        identity = claimant.plan.charger.identity
        issue_id = f"{LEFT}_{self._entry_id}_{identity}_{claimant.plan.key[1]}"
        if left_a is None:
            self._delete(issue_id)
        else:
            self._create(
                issue_id,
                LEFT,
                ir.IssueSeverity.WARNING,
                name=identity,
                current=f"{left_a:g}",
            )

    @callback
    def async_note_main(self, home: HomeCircuits | None) -> None:
        """Say that there are fuses without one that feeds them."""
        issue_id = f"{NO_MAIN}_{self._entry_id}"
        if home is None or home.has_main:
            self._delete(issue_id, force=True)
        else:
            self._create(issue_id, NO_MAIN, ir.IssueSeverity.ERROR)

    def _create(
        self, issue_id: str, key: str, severity: ir.IssueSeverity, **placeholders: str
    ) -> None:
        if issue_id in self._told:
            return
        self._told.add(issue_id)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=severity,
            translation_key=key,
            translation_placeholders=placeholders,
        )

    def _delete(self, issue_id: str, *, force: bool = False) -> None:
        if issue_id in self._told or force:
            self._told.discard(issue_id)
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
