"""Keeps a charger's own list of id tags in step with the owner's (OCPP 1.6 §3.5.2).

So cards also work while the charger cannot ask. The charger's list is left alone until
the owner has one: it may be from elsewhere.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import batched
import logging

from .authorizer import Authorizer
from .charger import Charger
from .commands import Commands
from .errors import ChargerOffline, CommandError, CommandFailed, CommandRefused
from .model import Change, ErrorCode, ListState, LocalList, TagInfo
from .tags import OfflineTags, fold

_LOGGER = logging.getLogger(__name__)

PROFILE = "LocalAuthListManagement"
ENABLED_KEY = "LocalAuthListEnabled"
ROOM_KEY = "LocalAuthListMaxLength"
PART_KEY = "SendLocalListMaxLength"
CACHE_KEY = "AuthorizationCacheEnabled"

DEFAULT_PART = 20
"""So many tags go into one message where the charger does not say how many it takes."""

MAX_VERSION = 2**31 - 1

OFFLINE_KEYS: Mapping[OfflineTags, Mapping[str, str]] = {
    OfflineTags.UNCHANGED: {},
    OfflineTags.LISTED: {
        ENABLED_KEY: "true",
        "LocalAuthorizeOffline": "true",
        "AllowOfflineTxForUnknownId": "false",
    },
    OfflineTags.ANYONE: {
        ENABLED_KEY: "true",
        "LocalAuthorizeOffline": "true",
        "AllowOfflineTxForUnknownId": "true",
    },
    OfflineTags.NOBODY: {
        "LocalAuthorizeOffline": "false",
        "AllowOfflineTxForUnknownId": "false",
    },
}
"""What each of the owner's choices means in a charger's configuration (§9.1, §9.2)."""

PRE_AUTHORIZE_KEY = "LocalPreAuthorize"

type Entries = dict[str, TagInfo | None]


class LocalListKeeper:
    """Follows the owner's rules for one charger over one connection."""

    def __init__(
        self, charger: Charger, commands: Commands, authorizer: Authorizer
    ) -> None:
        """Bind a charger and its connection."""
        self._charger = charger
        self._commands = commands
        self._authorizer = authorizer
        self._lock = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()
        self._begun = False
        self._conflict_seen = False
        self._after_restart = False

    def follow(self) -> Callable[[], None]:
        """Begin to watch the rules and the charger; returns how to end."""
        return self._charger.listen_all(self._changed)

    async def ended(self) -> None:
        """Wait for what is under way; it finds the connection gone."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _changed(self, changes: frozenset[Change]) -> None:
        # Before the set-up has come to it, that is where it will be done.
        if (0, "tag_rules") in changes and self._begun:
            self._later(force=False)
        if (0, "error_code") in changes and self._begun and self._new_conflict():
            self._later(force=True)

    def _new_conflict(self) -> bool:
        """Say whether the charger complains of its list; once for each connection."""
        complains = self._charger.main.error_code is ErrorCode.LOCAL_LIST_CONFLICT
        if not complains or self._conflict_seen:
            return False
        self._conflict_seen = True
        return True

    def _later(self, *, force: bool) -> None:
        task = asyncio.get_running_loop().create_task(self._try(force=force))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _try(self, *, force: bool) -> None:
        try:
            await self.renew(force=force)
        except CommandError as error:
            _LOGGER.warning(
                "%s: its id tags were not brought up to date: %s",
                self._charger.identity,
                error,
            )

    async def renew(self, *, force: bool = False) -> None:
        """Bring the charger's list, cache and offline rules up to date.

        With `force` the whole list is sent, whatever the charger seems to have.
        Raises `CommandError`; a list that is refused is no error but a state.
        """
        async with self._lock:
            self._begun = True
            force |= self._new_conflict()
            await self._set_offline_rules()
            await self._empty_cache()
            await self._renew_list(force=force)

    # What the charger does when it cannot ask

    def _value(self, key: str) -> str | None:
        setting = self._charger.configuration.get(key)
        return None if setting is None else (setting.value or "").strip().lower()

    def _number(self, key: str) -> int | None:
        text = self._value(key) or ""
        return (
            int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
        )

    async def _set_offline_rules(self) -> None:
        rules = self._authorizer.rules
        wanted = dict(OFFLINE_KEYS[rules.offline])
        if wanted:
            wanted[PRE_AUTHORIZE_KEY] = "true" if rules.pre_authorize else "false"
        for key, value in wanted.items():
            setting = self._charger.configuration.get(key)
            if setting is None or setting.readonly or self._value(key) == value:
                continue
            try:
                late = await self._commands.set_configuration(key, value)
                self._after_restart |= late and key == ENABLED_KEY
            except (CommandRefused, CommandFailed) as error:
                _LOGGER.warning(
                    "%s: does not do what was chosen for when it cannot ask: %s %s",
                    self._charger.identity,
                    key,
                    error,
                )

    async def _empty_cache(self) -> None:
        """Have tags checked anew that the charger remembers from before (§5.4).

        Else a card that was taken off the list would go on working where the charger
        looks into its memory first.
        """
        digest = self._authorizer.rules.digest()
        if digest == self._known.rules:
            return
        if self._value(CACHE_KEY) == "true":
            try:
                await self._commands.clear_cache()
            except (CommandRefused, CommandFailed) as error:
                _LOGGER.warning(
                    "%s: still remembers who could charge: %s",
                    self._charger.identity,
                    error,
                )
        self._note(rules=digest)

    # The list

    @property
    def _known(self) -> LocalList:
        return self._charger.memory.local_list

    def _note(self, **changes: object) -> None:
        self._charger.remember(local_list=replace(self._known, **changes))  # type: ignore[arg-type]

    def _may_have_list(self) -> bool:
        supported = self._charger.features.has(PROFILE)
        if supported is None:
            return ENABLED_KEY in self._charger.configuration
        return supported

    async def _renew_list(self, *, force: bool) -> None:
        firmware = self._charger.info.firmware
        listed = self._authorizer.rules.listed(datetime.now(UTC))
        if not force:
            known = self._known
            gone = known.state is ListState.UNSUPPORTED and known.firmware == firmware
            if not self._may_have_list() or gone:
                return
            if not listed and known.version == 0:
                return
        if self._value(ENABLED_KEY) == "false" or self._after_restart:
            self._note(state=ListState.SWITCHED_OFF)
            return
        try:
            state = await self._bring(listed, force=force)
        except ChargerOffline:
            raise
        except CommandError as error:
            if not isinstance(error, CommandFailed) or not error.unsupported:
                self._note(state=ListState.FAILED)
                raise
            state = ListState.UNSUPPORTED
        self._note(state=state, firmware=firmware)

    async def _bring(self, listed: dict[str, TagInfo], *, force: bool) -> ListState:
        """Send what is missing; returns what has come of it."""
        version = await self._commands.local_list_version()
        if version < 0:
            return ListState.UNSUPPORTED
        room = self._number(ROOM_KEY) or len(listed)
        wanted = dict(list(listed.items())[:room])
        good = ListState.IN_STEP if len(wanted) == len(listed) else ListState.SHORTENED
        known = self._known
        ours = 0 < version == known.version
        change = _change(known.entries, wanted)
        if ours and not change and not force:
            return good
        newest = max(version, known.version)
        small = len(change) < len(wanted)
        if ours and small and not force and newest < MAX_VERSION:
            word = await self._send(newest, change, full=False)
            if word == "Accepted":
                return good
            if word == "NotSupported":
                return ListState.UNSUPPORTED
            # What it has is not what we think (§5.15).
            newest = max(newest, self._known.version)
        if newest >= MAX_VERSION:
            newest = 0
        word = await self._send(newest, dict(wanted), full=True)
        if word == "NotSupported":
            return ListState.UNSUPPORTED
        return good if word == "Accepted" else ListState.FAILED

    async def _send(self, newest: int, entries: Entries, *, full: bool) -> str:
        """Send entries in as many messages as it takes; returns the last word.

        The first one replaces the list if `full`, each has a version of its own, above
        `newest` (errata 4.0, 3.52). What was taken is remembered at once: the
        connection may end before the rest.
        """
        size = self._number(PART_KEY) or DEFAULT_PART
        parts: list[Entries] = [
            dict(part) for part in batched(entries.items(), size, strict=False)
        ]
        for part in parts or [{}]:
            newest += 1
            word = await self._commands.send_local_list(newest, part, full=full)
            if word != "Accepted":
                return word
            spoken_of = {fold(id_tag) for id_tag in part}
            kept = {
                id_tag: info
                for id_tag, info in self._known.entries.items()
                if not full and fold(id_tag) not in spoken_of
            }
            kept |= {id_tag: info for id_tag, info in part.items() if info is not None}
            self._note(version=newest, entries=kept)
            full = False
        return "Accepted"


def _change(before: Mapping[str, TagInfo], wanted: Mapping[str, TagInfo]) -> Entries:
    """Return what makes `wanted` of `before`: what goes is None, and comes first."""
    stays = {fold(id_tag) for id_tag in wanted}
    gone: Entries = {id_tag: None for id_tag in before if fold(id_tag) not in stays}
    return gone | {
        id_tag: info for id_tag, info in wanted.items() if before.get(id_tag) != info
    }
