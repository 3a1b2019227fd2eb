"""The steps about the database, in the flow of a central system's options.

A database that was typed is tried before it is taken; what was kept so far can be taken
along. The password in its address is never shown.
"""

import asyncio
from collections.abc import Mapping
import logging
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
)
import probatio
from sqlalchemy import URL

from .const import (
    CONF_DATABASE_URL,
    CONF_READINGS_KEPT_DAYS,
    DEFAULT_READINGS_KEPT,
)
from .hub import OcppConfigEntry, database_of
from .ledger import LedgerUnavailable
from .ledger.database import (
    fill_secrets,
    hide_secrets,
    is_same,
    is_supported,
    parse,
    read,
    sqlite_path,
)
from .ledger.trial import try_out
from .ledger_move import async_count_sessions, async_move

_LOGGER = logging.getLogger(__name__)

EXAMPLE: Final = "postgresql://user:password@192.168.1.10/chargers"

DAYS_SELECTOR: Final = NumberSelector(
    NumberSelectorConfig(
        min=1, max=3650, step=1, unit_of_measurement="d", mode=NumberSelectorMode.BOX
    )
)


class _InvalidUrl(Exception):
    """What was typed names no database; the text is the error's key."""


class DatabaseFlow(OptionsFlow):
    """The steps about where sessions are kept, and for how long what is measured."""

    config_entry: OcppConfigEntry

    _options: Mapping[str, Any] = MappingProxyType({})
    _moving: asyncio.Task[None] | None = None
    _waiting: asyncio.Task[None] | None = None
    _problem: LedgerUnavailable | None = None
    _sessions = 0

    async def async_step_database(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask where sessions are kept, and how long meter values are."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._problem = None
            try:
                return await self._async_take_database(user_input)
            except _InvalidUrl as invalid:
                errors[CONF_DATABASE_URL] = str(invalid)
            except LedgerUnavailable as problem:
                self._problem = problem
        if self._problem is not None:
            errors[CONF_DATABASE_URL] = f"database_{self._problem.cause}"
        return self._show_database(errors)

    def _show_database(self, errors: dict[str, str]) -> ConfigFlowResult:
        options = self._options or self.config_entry.options
        url = options.get(CONF_DATABASE_URL)
        days = options.get(CONF_READINGS_KEPT_DAYS, DEFAULT_READINGS_KEPT.days)
        shown = _shown(url) if url else ""
        return self.async_show_form(
            step_id="database",
            data_schema=probatio.Schema(
                {
                    probatio.Required(
                        CONF_READINGS_KEPT_DAYS, default=int(days)
                    ): DAYS_SELECTOR,
                    probatio.Optional(
                        CONF_DATABASE_URL, description={"suggested_value": shown}
                    ): TextSelector(),
                }
            ),
            errors=errors,
            description_placeholders={
                "example": EXAMPLE,
                "file": Path(self._default_file()).name,
                "detail": self._problem.detail if self._problem else "",
            },
        )

    async def _async_take_database(
        self, user_input: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Try a database that was typed, and ask what shall go there, if anything.

        Raises `_InvalidUrl`, and `LedgerUnavailable` when it cannot be used.
        """
        url = self._read_url(user_input.get(CONF_DATABASE_URL) or "")
        changes = {
            CONF_READINGS_KEPT_DAYS: int(user_input[CONF_READINGS_KEPT_DAYS]),
            CONF_DATABASE_URL: url and url.render_as_string(hide_password=False),
        }
        self._options = self._changed(changes)
        present = database_of(self.hass, self.config_entry)
        chosen = database_of(self.hass, self.config_entry, self._options)
        if chosen == present:
            return self._save(changes)
        there = await try_out(parse(chosen), self.config_entry.entry_id)
        if not _shown(present) or is_same(parse(chosen), parse(present)):
            return self._save(changes)
        self._sessions = there
        if there:
            return await self.async_step_existing()
        try:
            here = await async_count_sessions(self.config_entry)
        except LedgerUnavailable as problem:
            _LOGGER.warning("The present database cannot be read: %s", problem)
            here = None
        if here is None:
            return await self.async_step_unreadable()
        if here == 0:
            return await self.async_step_leave_history()
        self._sessions = here
        return await self.async_step_history()

    def _read_url(self, typed: str) -> URL | None:
        """Return the database that was typed, with the password that is known."""
        typed = typed.strip()
        if not typed:
            return None
        try:
            url = read(typed)
            known = (self._options or self.config_entry.options).get(CONF_DATABASE_URL)
            if known and _shown(known):
                url = fill_secrets(url, read(known))
            supported = is_supported(parse(url))
        except ValueError:
            raise _InvalidUrl("database_invalid") from None
        if not supported:
            raise _InvalidUrl("database_unsupported")
        if not url.database:
            raise _InvalidUrl("database_invalid")
        path = sqlite_path(url)
        if path is not None:
            url = url.set(database=self.hass.config.path(str(path)))
        return url

    async def async_step_history(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether the sessions so far shall be copied to the new database."""
        return self.async_show_menu(
            step_id="history",
            menu_options=["copy_history", "leave_history"],
            description_placeholders={"sessions": str(self._sessions)},
        )

    async def async_step_existing(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Say that the other database has sessions, which are those that count."""
        if user_input is not None:
            return await self.async_step_leave_history()
        return self.async_show_form(
            step_id="existing",
            description_placeholders={"sessions": str(self._sessions)},
        )

    async def async_step_unreadable(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Say that nothing can be copied, since the present database is away."""
        if user_input is not None:
            return await self.async_step_leave_history()
        return self.async_show_form(step_id="unreadable")

    async def async_step_copy_history(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Copy all to the new database and go on there."""
        return self._show_move(step="copy_history", with_history=True)

    async def async_step_leave_history(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Go on in the new database with what is there."""
        return self._show_move(step="leave_history", with_history=False)

    def _show_move(self, *, step: str, with_history: bool) -> ConfigFlowResult:
        """Move, however long it takes; it goes on when nobody looks any more."""
        if self._moving is None:
            move = async_move(
                self.hass, self.config_entry, self._options, with_history=with_history
            )
            self._moving = self.hass.async_create_task(move, "ocpp_charging move")
            self._waiting = self.hass.async_create_task(self._async_wait(self._moving))
        if not self._moving.done():
            return self.async_show_progress(
                step_id=step, progress_action=step, progress_task=self._waiting
            )
        self._problem = _problem(self._moving)
        self._moving = None
        done = "moved" if self._problem is None else "database"
        return self.async_show_progress_done(next_step_id=done)

    @staticmethod
    async def _async_wait(moving: asyncio.Task[None]) -> None:
        await asyncio.wait({moving})

    async def async_step_moved(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """End: the options are those of the entry already."""
        return self.async_create_entry(data=self._options)

    def _default_file(self) -> str:
        return database_of(self.hass, self.config_entry, {})

    def _changed(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with changes; what is empty is left out."""
        options = {**self.config_entry.options, **changes}
        return {key: value for key, value in options.items() if value is not None}

    @callback
    def _save(self, changes: Mapping[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(data=self._changed(changes))


def _shown(url: str) -> str:
    """Return a URL as it may be seen; nothing where it is none."""
    try:
        return hide_secrets(read(url))
    except ValueError:
        return ""


def _problem(moving: asyncio.Task[None]) -> LedgerUnavailable | None:
    """Return why a move has failed. Raises what was not foreseen."""
    try:
        moving.result()
    except LedgerUnavailable as problem:
        _LOGGER.warning("The sessions stay where they are: %s", problem)
        return problem
    return None
