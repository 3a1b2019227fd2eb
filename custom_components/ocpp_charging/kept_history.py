"""The sessions of a charger or a central system that was removed: delete or keep them.

Home Assistant asks nothing when a charger or an entry is removed, so what cannot be had
again stays, and the owner is asked in the repairs. The question is there after a
restart too, and goes when the charger is added again.
"""

from collections.abc import Callable, Mapping
import logging
from typing import TYPE_CHECKING, Any, Final, cast

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import CONF_IDENTITY, DOMAIN
from .ledger import LedgerUnavailable, SessionFilter, Totals
from .ledger.database import hide_secrets, parse, sqlite_path
from .ledger_journal import LedgerJournal

if TYPE_CHECKING:
    from .hub import Hub, OcppConfigEntry

_LOGGER = logging.getLogger(__name__)

CHARGER_HISTORY: Final = "charger_history"
CENTRAL_HISTORY: Final = "central_history"

KEPT_HISTORY: Final = (CHARGER_HISTORY, CENTRAL_HISTORY)
"""With these the ids of such issues begin."""

CONF_ENTRY_ID: Final = "entry_id"

type MakeJournal = Callable[[], LedgerJournal]

_REMOVED: HassKey[dict[str, MakeJournal]] = HassKey(f"{DOMAIN}_removed")
"""How to reach what entries kept that were removed since the start, by entry id.

Not part of the issue, which is stored: a database's address holds its password.
"""


def _issue_id(kind: str, entry_id: str, identity: str | None = None) -> str:
    return "_".join(filter(None, (kind, entry_id, identity)))


async def async_note_charger_removed(hub: Hub, identity: str, name: str) -> None:
    """Ask what shall become of a removed charger's sessions, if it has any."""
    everything = SessionFilter(charger=identity, refused=True)
    try:
        totals = await hub.journal.ledger.totals(everything)
    except LedgerUnavailable as error:
        _LOGGER.warning("The sessions of %s are kept: %s", identity, error)
        return
    if totals.sessions and hub.subentry_id_of(identity) is None:
        _ask(
            hub.hass,
            CHARGER_HISTORY,
            {CONF_ENTRY_ID: hub.entry.entry_id, CONF_IDENTITY: identity},
            name,
            totals,
        )


@callback
def async_note_charger_added(hub: Hub, identity: str) -> None:
    """Ask no more: the charger is there again, and its sessions with it."""
    ir.async_delete_issue(
        hub.hass, DOMAIN, _issue_id(CHARGER_HISTORY, hub.entry.entry_id, identity)
    )


async def async_note_entry_removed(
    hass: HomeAssistant, entry: OcppConfigEntry, make: MakeJournal, url: str
) -> None:
    """Delete what a removed central system kept; if there are sessions, ask first.

    `url` is the database's. Raises `OSError` when nothing can be deleted.
    """
    ledger = make().ledger
    database = parse(url)
    place = str(sqlite_path(database) or hide_secrets(database))
    try:
        _opening = await ledger.open()
        try:
            totals = await ledger.totals(SessionFilter(refused=True))
        finally:
            await ledger.close()
    except LedgerUnavailable as error:
        _LOGGER.warning(
            "The sessions of %s are kept in %s: %s", entry.title, place, error
        )
        return
    if not totals.sessions:
        await make().async_remove()
        return
    hass.data.setdefault(_REMOVED, {})[entry.entry_id] = make
    data = {CONF_ENTRY_ID: entry.entry_id}
    _ask(hass, CENTRAL_HISTORY, data, entry.title, totals, place=place)


def _ask(
    hass: HomeAssistant,
    kind: str,
    data: Mapping[str, str],
    name: str,
    totals: Totals,
    **placeholders: str,
) -> None:
    began = totals.began_at
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(kind, data[CONF_ENTRY_ID], data.get(CONF_IDENTITY)),
        data=dict(data),
        is_fixable=True,
        is_persistent=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=kind,
        translation_placeholders={
            "name": name,
            "sessions": str(totals.sessions),
            "energy": f"{totals.energy_wh / 1000:.1f}",
            "since": "–" if began is None else str(dt_util.as_local(began).date()),
            **placeholders,
        },
    )


class KeptHistoryFlow(RepairsFlow):
    """Asks whether the sessions shall be deleted or kept."""

    async def async_step_init(
        self, user_input: Mapping[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Say what there is, and ask."""
        return self.async_show_menu(
            step_id="init",
            menu_options=["keep", "delete"],
            description_placeholders=self._said,
        )

    async def async_step_keep(
        self, user_input: Mapping[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Keep them, and ask no more."""
        return self.async_create_entry(data={})

    async def async_step_delete(
        self, user_input: Mapping[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Have it confirmed, and delete them."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                reason = await self._async_delete()
            except OSError as error:
                _LOGGER.warning("Sessions could not be deleted: %s", error)
                errors["base"] = "not_deleted"
            else:
                if reason is not None:
                    return self.async_abort(reason=reason)
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="delete", errors=errors, description_placeholders=self._said
        )

    @property
    def _said(self) -> Mapping[str, str] | None:
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return None if issue is None else issue.translation_placeholders

    async def _async_delete(self) -> str | None:
        """Delete the sessions; returns why not. Raises `OSError` if that fails."""
        assert self.data is not None
        entry_id = cast(str, self.data[CONF_ENTRY_ID])
        identity = cast(str | None, self.data.get(CONF_IDENTITY))
        if identity is not None:
            return await self._async_delete_charger(entry_id, identity)
        make = self.hass.data.get(_REMOVED, {}).get(entry_id)
        if make is None:
            return "unreachable"
        await make().async_remove()
        del self.hass.data[_REMOVED][entry_id]
        return None

    async def _async_delete_charger(self, entry_id: str, identity: str) -> str | None:
        entry = self.hass.config_entries.async_get_entry(entry_id)
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return "not_loaded"
        hub: Hub = entry.runtime_data
        if hub.subentry_id_of(identity) is not None:
            return "added_again"
        await hub.journal.ledger.forget(identity, history=True)
        return None
