"""The flow of a charger's subentry: adding one, and changing it later."""

from typing import Any, Final, override

from homeassistant.config_entries import (
    ConfigEntryState,
    SubentryFlowContext,
    SubentryFlowResult,
)
from homeassistant.const import CONF_PASSWORD
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio
from yarl import URL

from .adding import (
    CONF_NO_PASSWORD,
    CURRENT_SELECTOR,
    ChargerConversation,
    async_hash_key,
    key_error,
)
from .const import (
    CONF_IDENTITY,
    CONF_KEY_HASHES,
    CONF_MAX_CURRENT_A,
    CONF_PASSWORD_REQUIRED,
    CONF_PHASE_SWITCHING,
    CONF_SAMPLE_INTERVAL,
    CONF_SECURITY_PROFILE,
    CONF_START_TAG,
    CONF_WEB_ADDRESS,
    SUBENTRY_CHARGER,
)
from .csms import control
from .csms.credentials import InvalidKey, authorization_key_value
from .csms.errors import CommandError, CommandFailed, CommandRefused
from .hub import OcppConfigEntry
from .security_flow import CONF_GO_ON, SecuritySteps

MAX_TAG_CHARACTERS: Final = 20
"""The longest id tag (OCPP 1.6 §7.28)."""

INTERVAL_SELECTOR = NumberSelector(
    NumberSelectorConfig(
        min=5, max=3600, step=1, unit_of_measurement="s", mode=NumberSelectorMode.BOX
    )
)

AS_REPORTED: Final = "as_reported"
PHASES_SELECTOR = SelectSelector(
    SelectSelectorConfig(
        options=[AS_REPORTED, "yes", "no"],
        mode=SelectSelectorMode.DROPDOWN,
        translation_key=CONF_PHASE_SWITCHING,
    )
)


def _suggested(value: Any) -> dict[str, Any]:
    return {"suggested_value": value}


class ChargerSubentryFlow(
    ChargerConversation[SubentryFlowContext, SubentryFlowResult, tuple[str, str]],
    SecuritySteps,
):
    """Adds a charger, or changes one."""

    @override
    def _entry_or_none(self) -> OcppConfigEntry | None:
        return self._get_entry()

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the charger's name and its password."""
        entry = self._entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            identity = user_input[CONF_IDENTITY]
            errors = await self._async_take(identity, user_input)
            if not errors:
                return await self.async_step_connect()
        suggested = self._typed.get(CONF_IDENTITY) or _free_identity(entry)
        schema = {
            probatio.Required(
                CONF_IDENTITY, description=_suggested(suggested)
            ): TextSelector(),
            **self._form_of_password(),
        }
        return self.async_show_form(
            step_id="user",
            data_schema=probatio.Schema(schema),
            errors=errors,
            last_step=False,
        )

    @override
    async def async_step_change(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Go back to the first step."""
        return await self.async_step_user()

    @override
    def _async_finish(self, title: str, data: dict[str, Any]) -> SubentryFlowResult:
        return self.async_create_entry(
            title=title, data=data, unique_id=data[CONF_IDENTITY]
        )

    # Changing a charger

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change the password or the settings of a charger."""
        data = dict(self._get_reconfigure_subentry().data)
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = await self._async_change(data, user_input)
            if not errors:
                done = await self._async_store(data, user_input.get(CONF_PASSWORD))
                if user_input.get(CONF_GO_ON):
                    return await self.async_step_security()
                return done
            data |= user_input
        schema = {
            probatio.Optional(CONF_PASSWORD): TextSelector(
                TextSelectorConfig(
                    type=TextSelectorType.PASSWORD, autocomplete="new-password"
                )
            ),
            probatio.Required(
                CONF_NO_PASSWORD, default=not data[CONF_PASSWORD_REQUIRED]
            ): BooleanSelector(),
            probatio.Required(
                CONF_MAX_CURRENT_A, default=data[CONF_MAX_CURRENT_A]
            ): CURRENT_SELECTOR,
            probatio.Required(
                CONF_START_TAG, default=data[CONF_START_TAG]
            ): TextSelector(),
            probatio.Optional(
                CONF_WEB_ADDRESS, description=_suggested(data.get(CONF_WEB_ADDRESS))
            ): TextSelector(),
            probatio.Optional(
                CONF_SAMPLE_INTERVAL,
                description=_suggested(data.get(CONF_SAMPLE_INTERVAL)),
            ): INTERVAL_SELECTOR,
            probatio.Required(
                CONF_PHASE_SWITCHING,
                default=data.get(CONF_PHASE_SWITCHING, AS_REPORTED),
            ): PHASES_SELECTOR,
            probatio.Optional(CONF_GO_ON, default=False): BooleanSelector(),
        }
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=probatio.Schema(schema),
            errors=errors,
            description_placeholders={"identity": data[CONF_IDENTITY]},
        )

    async def _async_change(
        self, data: dict[str, Any], user_input: dict[str, Any]
    ) -> dict[str, str]:
        """Change `data` as the owner wishes; returns what is wrong with the wishes."""
        errors: dict[str, str] = {}
        tag = user_input[CONF_START_TAG]
        if not 1 <= len(tag) <= MAX_TAG_CHARACTERS or not tag.isascii():
            errors[CONF_START_TAG] = "invalid_tag"
        if (address := user_input.get(CONF_WEB_ADDRESS)) and not _is_web(address):
            errors[CONF_WEB_ADDRESS] = "invalid_web_address"
        required = not user_input[CONF_NO_PASSWORD]
        if password := user_input.get(CONF_PASSWORD):
            try:
                new = await async_hash_key(self.hass, password)
                # The old one stays good until the charger has shown the new one.
                data[CONF_KEY_HASHES] = _with_new_key(data[CONF_KEY_HASHES], new)
            except InvalidKey as error:
                errors[CONF_PASSWORD] = key_error(error)
        elif required and not data[CONF_KEY_HASHES]:
            errors[CONF_PASSWORD] = "password_missing"
        data[CONF_PASSWORD_REQUIRED] = required
        if not required:
            # Who needs nothing to come in cannot have been raised.
            data.pop(CONF_SECURITY_PROFILE, None)
        for key in (
            CONF_MAX_CURRENT_A,
            CONF_START_TAG,
            CONF_WEB_ADDRESS,
            CONF_SAMPLE_INTERVAL,
        ):
            data.pop(key, None)
            if user_input.get(key):
                data[key] = user_input[key]
        data.pop(CONF_PHASE_SWITCHING, None)
        if user_input[CONF_PHASE_SWITCHING] != AS_REPORTED:
            data[CONF_PHASE_SWITCHING] = user_input[CONF_PHASE_SWITCHING]
        return errors

    async def _async_store(
        self, data: dict[str, Any], password: str | None
    ) -> SubentryFlowResult:
        """Keep the changes, and give a connected charger its new password."""
        entry, subentry = self._get_entry(), self._get_reconfigure_subentry()
        reason = "reconfigure_successful"
        # First of all it must be let in with the new one.
        self.hass.config_entries.async_update_subentry(entry, subentry, data=data)
        if password is not None:
            reason = await self._async_write_password(
                entry, subentry.subentry_id, password
            )
        return self.async_abort(
            reason=reason, description_placeholders={"name": subentry.title}
        )

    async def _async_write_password(
        self, entry: OcppConfigEntry, subentry_id: str, password: str
    ) -> str:
        """Write the password to the charger; returns how that went."""
        if entry.state is not ConfigEntryState.LOADED:
            return "password_offline"
        charger = entry.runtime_data.chargers[subentry_id]
        if not charger.connected:
            return "password_offline"
        # Most take it in hexadecimal, as OCPP-J 1.6 §6.2.2 says; some only as text.
        for plain in (False, True):
            try:
                restart = await control.set_password(
                    charger, authorization_key_value(password, plain=plain)
                )
            except CommandRefused, CommandFailed:
                continue
            except CommandError:
                break
            return "password_after_restart" if restart else "password_written"
        return "password_not_written"


@callback
def _free_identity(entry: OcppConfigEntry) -> str:
    """Return a name that no charger has yet."""
    taken = {subentry.unique_id for subentry in entry.subentries.values()}
    number = 1
    while f"{SUBENTRY_CHARGER}-{number}" in taken:
        number += 1
    return f"{SUBENTRY_CHARGER}-{number}"


def _with_new_key(hashes: list[str], new: str) -> list[str]:
    """Return the stored passwords when a new one comes.

    The oldest is the one that the charger is known to use, the others were set and
    may have reached it: it must get in with each of them.
    """
    return list(dict.fromkeys([new, *hashes[:1], *hashes[-1:]]))


def _is_web(address: str) -> bool:
    """Say whether a browser can open this, with `http://` before it if need be."""
    try:
        url = URL(address if "://" in address else f"http://{address}")
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)
