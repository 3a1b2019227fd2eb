"""The steps that take a charger to a safer connection, and never lock it out."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.helpers.selector import BooleanSelector
import probatio

from .adding import ca_url
from .const import CONF_IDENTITY, CONF_SECURITY_PROFILE
from .csms.charger import Charger
from .csms.identity import encode_identity
from .csms.model import SecurityProfile
from .csms.raising import RaisingFailed, raise_to_certificate, raise_to_tls
from .helpers import as_shown
from .hub import Hub, OcppConfigEntry
from .listener import async_dial_url

CONF_CONFIRM: Final = "confirm"
CONF_GO_ON: Final = "go_on"

CHANGE_TIMEOUT = 900.0
"""Seconds for an owner to type a new address into a charger, which then restarts."""
SIGN_TIMEOUT = 180.0
"""Seconds for a charger to make its key; small ones need minutes."""
RETURN_TIMEOUT = 300.0
"""Seconds for a charger to restart."""


class SecuritySteps(ConfigSubentryFlow):
    """From an open line to an encrypted one, from a password to a certificate, back."""

    _raising: asyncio.Task[None] | None = None
    _raised: str = ""

    async def async_step_security(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show how secure the connection is, and what can be done about it."""
        found = self._at_work()
        if found is None:
            return self.async_abort(reason="not_loaded")
        charger = found[1]
        lowest = charger.settings.profile
        options = []
        if max(charger.profile, lowest) < SecurityProfile.TLS:
            options.append("encrypt")
        elif charger.profile is SecurityProfile.TLS:
            options.append("certificate")
        if lowest > SecurityProfile.OPEN:
            options.append("allow_lower")
        return self.async_show_menu(
            step_id="security",
            menu_options=[*options, "stay"],
            description_placeholders={
                **self._name(),
                "profile": str(int(charger.profile)) if charger.connected_at else "–",
                "lowest": str(int(lowest)),
            },
        )

    async def async_step_stay(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Leave it as it is."""
        return self.async_abort(
            reason="reconfigure_successful", description_placeholders=self._name()
        )

    # From an open line to an encrypted one

    async def async_step_encrypt(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show what the charger needs for an encrypted connection, then wait for it."""
        found = self._at_work()
        if found is None:
            return self.async_abort(reason="not_loaded")
        hub, charger = found
        certificates = hub.tls.certificates
        if certificates is None:
            return self.async_abort(reason="raise_listener_first")
        if user_input is not None:
            return await self._begin(
                "raised_encrypted",
                raise_to_tls(
                    charger,
                    ca=certificates.ca_pem,
                    names=certificates.names,
                    timeout=CHANGE_TIMEOUT,
                ),
            )
        port = hub.central.port
        url = await async_dial_url(self.hass, hub.settings, port, certificates)
        return self.async_show_form(
            step_id="encrypt",
            data_schema=probatio.Schema({}),
            description_placeholders={
                **self._name(),
                "url": url,
                "full_url": url + encode_identity(charger.identity),
                "ca_url": ca_url(self.hass, hub),
            },
            last_step=False,
        )

    # From a password to a certificate

    async def async_step_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Say what is going to happen, then give the charger its certificate."""
        found = self._at_work()
        if found is None:
            return self.async_abort(reason="not_loaded")
        hub, charger = found
        if user_input is not None:
            return await self._begin(
                "raised_certificate",
                raise_to_certificate(
                    charger,
                    hub.central.certificates,
                    sign_timeout=SIGN_TIMEOUT,
                    return_timeout=RETURN_TIMEOUT,
                ),
            )
        return self.async_show_form(
            step_id="certificate",
            data_schema=probatio.Schema({}),
            description_placeholders=self._name(),
            last_step=False,
        )

    # Waiting for it

    async def _begin(
        self, reason: str, work: Coroutine[Any, Any, None]
    ) -> SubentryFlowResult:
        entry: OcppConfigEntry = self._get_entry()
        self._raised = reason
        # It ends with the central system, not with this dialog.
        self._raising = entry.async_create_background_task(
            self.hass, work, "ocpp_charging raise a charger"
        )
        return await self.async_step_raise()

    async def async_step_raise(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Wait until the charger has come back, or has not."""
        assert self._raising is not None
        if not self._raising.done():
            return self.async_show_progress(
                step_id="raise",
                progress_action=self._raised,
                description_placeholders=self._name(),
                progress_task=self._raising,
            )
        return self.async_show_progress_done(next_step_id="raised")

    async def async_step_raised(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Say how it went."""
        assert self._raising is not None
        reason, detail = self._raised, ""
        if self._raising.cancelled():
            reason = "not_loaded"
        elif isinstance(error := self._raising.exception(), RaisingFailed):
            reason, detail = error.fault.value, error.detail
        elif error is not None:
            raise error
        return self.async_abort(
            reason=reason,
            description_placeholders={**self._name(), "detail": as_shown(detail)},
        )

    # The way back

    async def async_step_allow_lower(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Let the charger in again by less than it has shown, if that is wanted."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_CONFIRM]:
                subentry = self._get_reconfigure_subentry()
                self.hass.config_entries.async_update_subentry(
                    self._get_entry(),
                    subentry,
                    data={**subentry.data, CONF_SECURITY_PROFILE: 0},
                )
                return self.async_abort(
                    reason="lower_allowed", description_placeholders=self._name()
                )
            errors[CONF_CONFIRM] = "not_confirmed"
        return self.async_show_form(
            step_id="allow_lower",
            data_schema=probatio.Schema(
                {probatio.Required(CONF_CONFIRM, default=False): BooleanSelector()}
            ),
            errors=errors,
            description_placeholders=self._name(),
        )

    def _at_work(self) -> tuple[Hub, Charger] | None:
        """Return the central system and the charger, None while they are not loaded."""
        entry: OcppConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return None
        hub = entry.runtime_data
        return hub, hub.chargers[self._get_reconfigure_subentry().subentry_id]

    def _name(self) -> dict[str, str]:
        identity = self._get_reconfigure_subentry().data[CONF_IDENTITY]
        return {"name": as_shown(identity)}
