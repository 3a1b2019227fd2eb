"""Ties one central system to its config entry: it wires, and decides nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
import errno
from functools import partial
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers.event import async_track_time_interval

from .const import (
    CONF_CERTIFICATES,
    CONF_DATABASE_URL,
    CONF_IDENTITY,
    CONF_KEY_HASHES,
    CONF_MAX_CURRENT_A,
    CONF_PASSWORD_REQUIRED,
    CONF_PHASE_SWITCHING,
    CONF_READINGS_KEPT_DAYS,
    CONF_SAMPLE_INTERVAL,
    CONF_SECURITY_PROFILE,
    CONF_START_TAG,
    CONF_WEB_ADDRESS,
    DEFAULT_MAX_CURRENT_A,
    DEFAULT_READINGS_KEPT,
    DEFAULT_SAMPLE_INTERVAL,
    DEFAULT_START_TAG,
    DOMAIN,
    SUBENTRY_CHARGER,
)
from .csms.certificates import CertificateError
from .csms.charger import Charger
from .csms.model import ChargerSettings, ClientCertificate, SecurityProfile
from .csms.server import CentralSystem, Expectation
from .csms.timing import Timing
from .devices import async_register_central, async_register_charger
from .discovery import Discovery
from .kept_history import async_note_charger_added, async_note_charger_removed
from .key_changes import KeyChanges
from .ledger import LedgerUnavailable
from .ledger_journal import LedgerJournal, file_database
from .listener import ListenerSettings, TlsKeeper, async_describe
from .past_sessions import PastSessions
from .planning import Planning
from .planning.fuse import Fuse
from .planning.steerings import Steerings
from .renamed import async_follow_renamed
from .repairs import RepairDesk
from .security_watch import SecurityWatch
from .settlement import Settlement
from .signals.board import SignalBoard
from .storage_codec import decode
from .tag_desk import TagDesk
from .vehicles import Vehicles

_LOGGER = logging.getLogger(__name__)

type OcppConfigEntry = ConfigEntry[Hub]
type ChargerFollower = Callable[[str, Charger], None]

PRUNE_INTERVAL = timedelta(days=1)
TIMING = Timing()
"""How long the central system waits for what; tests shorten it."""


def database_of(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    options: Mapping[str, Any] | None = None,
) -> str:
    """Return the URL of an entry's ledger; by default a file beside the recorder's.

    `options` are those that it shall have, in place of those it has.
    """
    chosen = entry.options if options is None else options
    url: str | None = chosen.get(CONF_DATABASE_URL)
    return url or file_database(hass.config.config_dir, f"{DOMAIN}_{entry.entry_id}.db")


def make_journal(hass: HomeAssistant, entry: OcppConfigEntry) -> LedgerJournal:
    """Return an entry's journal, closed.

    Raises `ConfigEntryError` when the options name no database.
    """
    try:
        return LedgerJournal(database_of(hass, entry), central=entry.entry_id)
    except ValueError:
        raise ConfigEntryError(
            translation_domain=DOMAIN, translation_key="database_url_invalid"
        ) from None


PHASE_SWITCHING: Mapping[str | None, bool] = {
    "yes": True,
    "no": False,
}
"""What an owner says of a charger's phases; else what the charger says counts."""


def readings_kept(entry: OcppConfigEntry) -> timedelta:
    """Return how long meter values are kept after a session; that stays for ever."""
    return timedelta(
        days=entry.options.get(CONF_READINGS_KEPT_DAYS, DEFAULT_READINGS_KEPT.days)
    )


def charger_settings(
    entry: OcppConfigEntry, data: Mapping[str, Any]
) -> ChargerSettings:
    """Return what the owner decided about a charger, from its subentry's data."""
    interval = data.get(CONF_SAMPLE_INTERVAL) or entry.options.get(
        CONF_SAMPLE_INTERVAL, DEFAULT_SAMPLE_INTERVAL.total_seconds()
    )
    return ChargerSettings(
        identity=data[CONF_IDENTITY],
        key_hashes=tuple(data.get(CONF_KEY_HASHES, ())),
        password_required=data.get(CONF_PASSWORD_REQUIRED, True),
        sample_interval=timedelta(seconds=interval),
        start_tag=data.get(CONF_START_TAG, DEFAULT_START_TAG),
        max_current_a=data.get(CONF_MAX_CURRENT_A, DEFAULT_MAX_CURRENT_A),
        profile=SecurityProfile(data.get(CONF_SECURITY_PROFILE, 0)),
        certificates=tuple(
            decode(ClientCertificate, each) for each in data.get(CONF_CERTIFICATES, ())
        ),
        switches_phases=PHASE_SWITCHING.get(data.get(CONF_PHASE_SWITCHING)),
    )


def _shown(subentry: ConfigSubentry) -> tuple[str, str | None]:
    return subentry.title, subentry.data.get(CONF_WEB_ADDRESS) or None


class Hub:
    """One config entry at work: the central system and those who attend to it.

    `chargers` and `device_ids` are by subentry id; the latter are those of the
    chargers' devices, filled by `devices`.
    """

    def __init__(self, hass: HomeAssistant, entry: OcppConfigEntry) -> None:
        """Make the parts; nothing is read or opened yet."""
        self.hass = hass
        self.entry = entry
        self.settings = ListenerSettings.from_data(entry.data)
        self.tls = TlsKeeper(hass, self.settings)
        self.journal = make_journal(hass, entry)
        self.central = CentralSystem(self.journal, timing=TIMING)
        self.past = PastSessions(self)
        self.chargers: dict[str, Charger] = {}
        self.device_ids: dict[str, str] = {}
        self._shown: dict[str, tuple[str, str | None]] = {}
        self._unregister: dict[str, Callable[[], None]] = {}
        self._followers: list[ChargerFollower] = []
        self._expectations: set[Expectation] = set()
        self._forgetting: set[asyncio.Task[None]] = set()
        self._keys = KeyChanges(self)
        self._security = SecurityWatch(self)
        self._desk = RepairDesk(self)
        self._discovery = Discovery(self)
        self._tags = TagDesk(self)
        self.board = SignalBoard(hass, entry)
        self.prices = self.board.prices
        self.settlement = Settlement(self)
        self.vehicles = Vehicles(self)
        self.planning = Planning(self)
        self.fuse = Fuse(self)
        self.steering = Steerings(self)

    async def async_load(self) -> None:
        """Read what is kept and make the known chargers; no charger can connect yet.

        Raises `ConfigEntryError` when the certificate or what is kept cannot be used.
        """
        self._desk.async_note_security()
        try:
            await self.tls.async_load()
        except CertificateError as error:
            await self._desk.async_note_certificate(error)
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="certificate_unusable",
                translation_placeholders={
                    "reason": await async_describe(self.hass, error)
                },
            ) from error
        await self._desk.async_note_certificate(None)
        self.central.certificates.store = self.tls.authority
        await self._async_load_journal()
        gone = self._forget_unknown()
        async_register_central(self)
        self._tags.async_sync()
        self.async_sync_chargers()
        for identity in gone:
            await async_note_charger_removed(self, identity, identity)
        await self.past.async_load()
        await self.board.async_load()
        await self.vehicles.async_load()
        await self.planning.async_load()

    async def _async_load_journal(self) -> None:
        """Read what is kept, or have it read later, when the database is there."""
        ledger = self.journal.ledger
        ledger.on_opening.append(self._desk.async_note_opening)
        self.entry.async_on_unload(ledger.listen(self._desk.async_note_ledger))
        self.journal.on_loaded.append(self._journal_loaded)
        if await self.journal.async_load():
            self._desk.async_note_ledger(None)

    def _forget_unknown(self) -> frozenset[str]:
        """Drop what is kept of chargers that were removed; return which."""
        known = {
            subentry.data[CONF_IDENTITY] for subentry in self._charger_subentries()
        }
        gone = self.journal.identities - known - self.central.chargers.keys()
        for identity in gone:
            self.journal.forget(identity)
        return gone

    @callback
    def _journal_loaded(self) -> None:
        """Take over what could not be read when the chargers were let in."""
        _LOGGER.info("The sessions of %s can be kept again", self.entry.title)
        for identity in self.journal.identities & self.central.chargers.keys():
            self.central.chargers[identity].recall(self.journal.memory(identity))
        for identity in self._forget_unknown():
            _task = self.entry.async_create_task(
                self.hass, async_note_charger_removed(self, identity, identity)
            )

    async def async_start(self) -> None:
        """Let the chargers in. Raises `ConfigEntryNotReady` when that fails."""
        try:
            await self.central.start(
                self.settings.host,
                self.settings.port,
                self.tls.context,
                also_plain=self.settings.also_plain,
            )
        except OSError as error:
            key = "port_in_use" if error.errno == errno.EADDRINUSE else "cannot_bind"
            raise ConfigEntryNotReady(
                translation_domain=DOMAIN,
                translation_key=key,
                translation_placeholders={
                    "port": str(self.settings.port),
                    "error": error.strerror or type(error).__name__,
                },
            ) from error
        for start in (
            self._keys.async_start,
            self._security.async_start,
            self._desk.async_start,
            self._discovery.async_start,
            self._tags.async_start,
            self.board.async_start,
            self.settlement.async_start,
            self.vehicles.async_start,
            self.planning.async_start,
            self.fuse.async_start,
            self.steering.async_start,
            partial(async_follow_renamed, self.hass, self.entry),
        ):
            self.entry.async_on_unload(start())
        self.entry.async_on_unload(
            self.tls.async_keep_fresh(self._desk.async_note_certificate)
        )
        self.entry.async_on_unload(
            async_track_time_interval(
                self.hass, self._async_prune, PRUNE_INTERVAL, cancel_on_shutdown=True
            )
        )

    async def _async_prune(self, now: datetime) -> None:
        """Drop the register readings that nobody needs any more; sessions stay."""
        try:
            await self.journal.ledger.prune(now - readings_kept(self.entry))
        except LedgerUnavailable as error:
            _LOGGER.debug("Old readings are kept until the next try: %s", error)

    async def async_stop(self) -> None:
        """Close every connection and free the port; keep what is not kept yet."""
        for expectation in tuple(self._expectations):
            self.expect_no_more(expectation)
        await self.steering.async_stop()
        await self.central.stop()
        await asyncio.gather(*self._forgetting)
        for unregister in self._unregister.values():
            unregister()
        self._unregister.clear()
        await self.past.async_stop()
        await self.settlement.async_stop()
        await self.vehicles.async_stop()
        await self.fuse.async_stop()
        await self.planning.async_stop()
        try:
            await self.journal.async_close()
        except OSError as error:
            _LOGGER.error("What was learned of the chargers may be lost: %s", error)

    def expect(self, settings: ChargerSettings) -> Expectation:
        """Let a charger in for a conversation about adding it."""
        expectation = self.central.expect(settings)
        self._expectations.add(expectation)
        return expectation

    def expect_no_more(self, expectation: Expectation) -> None:
        """End a conversation; a charger that was not added is disconnected."""
        self._expectations.discard(expectation)
        expectation.close()

    @callback
    def async_follow_chargers(self, added: ChargerFollower) -> Callable[[], None]:
        """Call `added` with each charger's subentry id, now and when one is added.

        Returns how to stop it.
        """
        self._followers.append(added)
        for subentry_id, charger in self.chargers.items():
            added(subentry_id, charger)
        return lambda: self._followers.remove(added)

    def subentry_id_of(self, identity: str) -> str | None:
        """Return the subentry of the charger with this identity."""
        for subentry_id, charger in self.chargers.items():
            if charger.identity == identity:
                return subentry_id
        return None

    def web_address(self, subentry_id: str) -> str | None:
        """Return the address of a charger's own web page, where the owner gave one."""
        return self._shown[subentry_id][1]

    @callback
    def async_entry_updated(self) -> None:
        """Take over what changed in the entry, with the chargers connected.

        Only another listener or another database needs a reload.
        """
        moved = database_of(self.hass, self.entry) != self.journal.url
        settings = ListenerSettings.from_data(self.entry.data)
        if self.settings.also_plain and replace(settings, also_plain=True) == (
            self.settings
        ):
            # The last charger has changed over: nobody is disturbed for that.
            self.settings = settings
            if not settings.also_plain:
                self.central.close_plain()
                self._desk.async_note_security()
        if moved or settings != self.settings:
            self.hass.config_entries.async_schedule_reload(self.entry.entry_id)
        else:
            async_register_central(self)
            self._tags.async_sync()
            self.async_sync_chargers()
            self.board.async_configure()
            self.settlement.async_configure()
            self.vehicles.async_sync()
            self.planning.async_configure()
            self.fuse.async_configure()

    @callback
    def async_sync_chargers(self) -> None:
        """Make the chargers agree with the subentries."""
        wanted = {item.subentry_id: item for item in self._charger_subentries()}
        for subentry_id in self.chargers.keys() - wanted.keys():
            self._remove(subentry_id)
        for subentry_id, subentry in wanted.items():
            if subentry_id not in self.chargers:
                self._add(subentry)
            else:
                self._update(subentry)

    def _charger_subentries(self) -> list[ConfigSubentry]:
        return list(self.entry.get_subentries_of_type(SUBENTRY_CHARGER))

    def _add(self, subentry: ConfigSubentry) -> None:
        settings = charger_settings(self.entry, subentry.data)
        memory = self.journal.memory(settings.identity)
        charger = self.central.add(settings, memory)
        # One that was expected has learned already, in a memory of its own.
        self.journal.remember(settings.identity, charger.memory)
        subentry_id = subentry.subentry_id
        self.chargers[subentry_id] = charger
        self._shown[subentry_id] = _shown(subentry)
        async_note_charger_added(self, settings.identity)
        self._unregister[subentry_id] = async_register_charger(
            self, subentry_id, charger
        )
        for added in tuple(self._followers):
            added(subentry_id, charger)

    def _update(self, subentry: ConfigSubentry) -> None:
        subentry_id = subentry.subentry_id
        settings = charger_settings(self.entry, subentry.data)
        if settings != self.chargers[subentry_id].settings:
            self.central.configure(settings)
        # The device shows the title and the web address.
        before = self._shown[subentry_id]
        self._shown[subentry_id] = shown = _shown(subentry)
        if shown != before:
            self._unregister[subentry_id]()
            self._unregister[subentry_id] = async_register_charger(
                self, subentry_id, self.chargers[subentry_id]
            )

    def _remove(self, subentry_id: str) -> None:
        charger = self.chargers.pop(subentry_id)
        self._unregister.pop(subentry_id)()
        title, _ = self._shown.pop(subentry_id)
        self.device_ids.pop(subentry_id, None)
        self._desk.async_charger_removed(charger.identity)
        let_go = self.fuse.async_forget(subentry_id)
        releases = self.steering.async_forget(subentry_id)
        self.planning.async_forget(subentry_id)
        task = self.hass.async_create_task(
            self._forget(charger.identity, title, releases, let_go),
            f"{DOMAIN} forget a charger",
        )
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)

    async def _forget(
        self,
        identity: str,
        title: str,
        releases: Iterable[Awaitable[None]],
        let_go: Awaitable[None],
    ) -> None:
        await asyncio.gather(*releases)
        # A plan may be in the same profile as the share.
        await let_go
        await self.central.remove(identity)
        if identity not in self.central.chargers:
            self.journal.forget(identity)
            await async_note_charger_removed(self, identity, title)
