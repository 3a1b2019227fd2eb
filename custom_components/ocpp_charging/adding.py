"""The conversation about adding a charger, whoever began it.

The owner is shown what to type into the charger, the charger dials in, and what it
says of itself is shown before it is added. The flow of a charger's subentry and the
flow of a discovered charger both go through these steps.
"""

from abc import abstractmethod
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_URL, CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import (
    AbortFlow,
    FlowContext,
    FlowHandler,
    FlowResult,
)
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
)
import probatio

from .const import (
    CONF_IDENTITY,
    CONF_KEY_HASHES,
    CONF_MAX_CURRENT_A,
    CONF_PASSWORD_REQUIRED,
    CONF_START_TAG,
    DEFAULT_MAX_CURRENT_A,
    DEFAULT_START_TAG,
)
from .csms.charger import Charger
from .csms.credentials import InvalidKey, KeyHash, generate_key, validate_key
from .csms.identity import InvalidIdentity, encode_identity, validate_identity
from .discovery import async_end_discoveries
from .helpers import as_shown
from .http import ca_path
from .hub import Hub, OcppConfigEntry, charger_settings
from .invitation import Invitation
from .listener import async_dial_url

CONF_NO_PASSWORD: Final = "no_password"
CONF_FULL_URL: Final = "full_url"
CONF_CA_URL: Final = "ca_url"

_NOTHING: Final = "–"

CURRENT_SELECTOR = NumberSelector(
    NumberSelectorConfig(
        min=6, max=80, step=1, unit_of_measurement="A", mode=NumberSelectorMode.BOX
    )
)


async def async_hash_key(hass: HomeAssistant, password: str) -> str:
    """Return the stored form of a password. Raises `InvalidKey`."""
    key = validate_key(password)
    return str(await hass.async_add_executor_job(KeyHash.make, key))


def key_error(error: InvalidKey) -> str:
    """Return the translation key for what is wrong with a password."""
    return f"password_{error.fault}"


class ChargerConversation[
    ContextT: FlowContext,
    ResultT: FlowResult[Any, Any],
    HandlerT,
](FlowHandler[ContextT, ResultT, HandlerT]):
    """The steps from the charger's name to the charger found."""

    _typed: Mapping[str, Any] = MappingProxyType({})
    _password: str | None = None
    _data: Mapping[str, Any] = MappingProxyType({})
    _invitation: Invitation | None = None
    _task: asyncio.Task[Charger] | None = None
    _charger: Charger | None = None
    _refusals = 0
    _broken: int = 0
    _others: Mapping[str, str] = MappingProxyType({})
    _told_of: frozenset[str] = frozenset()

    @abstractmethod
    def _entry_or_none(self) -> OcppConfigEntry | None:
        """Return the entry that the charger shall belong to."""

    @abstractmethod
    async def async_step_change(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Let the owner change what was typed in the first step."""

    @abstractmethod
    def _async_finish(self, title: str, data: dict[str, Any]) -> ResultT:
        """Add the charger."""

    def _entry(self) -> OcppConfigEntry:
        entry = self._entry_or_none()
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            raise AbortFlow("not_loaded")
        return entry

    def _form_of_password(self) -> dict[probatio.Marker, Any]:
        """Return the fields for the password; one is made for the first time."""
        if self._password is None:
            self._password = generate_key()
        return {
            probatio.Optional(
                CONF_PASSWORD,
                description={
                    "suggested_value": self._typed.get(CONF_PASSWORD, self._password)
                },
            ): TextSelector(),
            probatio.Required(
                CONF_NO_PASSWORD, default=self._typed.get(CONF_NO_PASSWORD, False)
            ): BooleanSelector(),
        }

    async def _async_take(
        self, identity: str, user_input: dict[str, Any]
    ) -> dict[str, str]:
        """Take over what was typed in the first step; returns what is wrong with it."""
        entry = self._entry()
        self._typed = user_input
        errors: dict[str, str] = {}
        try:
            validate_identity(identity)
        except InvalidIdentity:
            errors[CONF_IDENTITY] = "invalid_identity"
        if any(item.unique_id == identity for item in entry.subentries.values()):
            errors[CONF_IDENTITY] = "already_added"
        hashes: list[str] = []
        if not user_input[CONF_NO_PASSWORD]:
            try:
                password = user_input.get(CONF_PASSWORD, "")
                hashes.append(await async_hash_key(self.hass, password))
                self._password = password
            except InvalidKey as error:
                errors[CONF_PASSWORD] = key_error(error)
        if not errors:
            self._close_invitation()
            self._data = {
                CONF_IDENTITY: identity,
                CONF_KEY_HASHES: hashes,
                CONF_PASSWORD_REQUIRED: bool(hashes),
                CONF_MAX_CURRENT_A: DEFAULT_MAX_CURRENT_A,
                CONF_START_TAG: DEFAULT_START_TAG,
            }
        return errors

    # What to type into the charger

    async def async_step_connect(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Show what to type into the charger; it is let in from now on."""
        hub = self._entry().runtime_data
        if user_input is None and self._invitation and not self._invitation.connected:
            # What went wrong before is over, and another conversation may have ended
            # this expectation with its own.
            self._close_invitation()
        self._invite()
        if user_input is not None:
            if not self._waits():
                # It was faster. Its progress must not end before it was shown: what
                # was typed here would be taken for the answer to the next step.
                return await self._after_waiting()
            return await self.async_step_wait()
        identity = self._data[CONF_IDENTITY]
        url = await async_dial_url(
            self.hass, hub.settings, hub.central.port, hub.tls.certificates
        )
        shown = {
            CONF_FULL_URL: url + encode_identity(identity),
            CONF_URL: url,
            CONF_USERNAME: identity,
        }
        if self._data[CONF_PASSWORD_REQUIRED]:
            assert self._password is not None
            shown[CONF_PASSWORD] = self._password
        step_id = "connect_plain"
        if hub.settings.own_ca:
            step_id = "connect"
            shown[CONF_CA_URL] = ca_url(self.hass, hub)
        elif hub.settings.secure:
            step_id = "connect_files"
        return self.async_show_form(
            step_id=step_id,
            # As text, which can be copied in every browser: read-only fields cannot.
            data_schema=probatio.Schema({}),
            description_placeholders={CONF_PASSWORD: _NOTHING, **shown},
            last_step=False,
        )

    async def async_step_connect_files(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Do the same where the certificate is not ours."""
        return await self.async_step_connect(user_input)

    async def async_step_connect_plain(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Do the same without encryption."""
        return await self.async_step_connect(user_input)

    # Waiting for it

    async def async_step_wait(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Wait for the charger to dial in and to be read."""
        if self._waits():
            return self.async_show_progress(
                step_id="wait",
                progress_action="wait_for_charger",
                description_placeholders={
                    "identity": as_shown(self._data[CONF_IDENTITY])
                },
                progress_task=self._task,
            )
        return self.async_show_progress_done(next_step_id=self._outcome())

    def _waits(self) -> bool:
        """Wait for the charger from now on; returns whether it is not there yet."""
        if self._task is None:
            self._task = self.hass.async_create_task(
                self._invite().wait(), "ocpp_charging wait for a charger"
            )
        return not self._task.done()

    async def _after_waiting(self) -> ResultT:
        step: Callable[[], Awaitable[ResultT]] = getattr(
            self, f"async_step_{self._outcome()}"
        )
        return await step()

    def _outcome(self) -> str:
        """Return the step that the wait leads to."""
        assert self._task is not None
        task, self._task = self._task, None
        if task.cancelled():
            # The central system was reloaded under the conversation.
            return "connect"
        if isinstance(task.exception(), TimeoutError):
            return self._reason()
        self._charger = task.result()
        renamed = self._charger.identity != self._data[CONF_IDENTITY]
        return "found_renamed" if renamed else "found"

    def _reason(self) -> str:
        """Return the step that tells why no charger was found, and note what was seen.

        The charger is let in while the owner reads it.
        """
        assert self._invitation is not None
        self._refusals = self._invitation.refusals
        self._others = self._invitation.others
        self._broken = self._invitation.broken_handshakes
        if self._refusals:
            return "wrong_password"
        if self._others:
            self._told_of |= self._others.keys()
            return "other_identity"
        return "broken_off" if self._broken else "nothing_seen"

    def _again_or_change(self, step_id: str, **placeholders: str) -> ResultT:
        return self.async_show_menu(
            step_id=step_id,
            menu_options=["connect", "change"],
            description_placeholders={
                "identity": as_shown(self._data[CONF_IDENTITY]),
                **placeholders,
            },
        )

    async def async_step_nothing_seen(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Say that nobody dialled in."""
        return self._again_or_change("nothing_seen")

    async def async_step_wrong_password(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Say that the charger came with another password."""
        return self._again_or_change("wrong_password", count=str(self._refusals))

    async def async_step_other_identity(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Say that chargers of other names dialled in."""
        others = (
            f"{as_shown(name)} ({address})" for name, address in self._others.items()
        )
        return self._again_or_change("other_identity", others=", ".join(others))

    async def async_step_broken_off(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Say that somebody called, but did not trust the certificate."""
        return self._again_or_change("broken_off", count=str(self._broken))

    # The charger found

    async def async_step_found(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Show what the charger says of itself, and add it."""
        return self._found("found", user_input)

    async def async_step_found_renamed(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Do the same, and say that it insists on another name."""
        return self._found("found_renamed", user_input)

    def _found(self, step_id: str, user_input: dict[str, Any] | None) -> ResultT:
        entry = self._entry()
        charger = self._charger
        assert charger is not None
        if user_input is not None:
            async_end_discoveries(
                self.hass, entry.entry_id, charger.identity, but=self.flow_id
            )
            return self._async_finish(
                user_input[CONF_NAME],
                {
                    **self._data,
                    CONF_IDENTITY: charger.identity,
                    CONF_MAX_CURRENT_A: user_input[CONF_MAX_CURRENT_A],
                },
            )
        info, features = charger.info, charger.features
        maker = " ".join(filter(None, (info.vendor, info.model)))
        return self.async_show_form(
            step_id=step_id,
            data_schema=probatio.Schema(
                {
                    probatio.Required(
                        CONF_NAME, default=maker or charger.identity
                    ): TextSelector(),
                    probatio.Required(
                        CONF_MAX_CURRENT_A, default=DEFAULT_MAX_CURRENT_A
                    ): CURRENT_SELECTOR,
                }
            ),
            description_placeholders={
                "identity": as_shown(charger.identity),
                "typed": as_shown(self._data[CONF_IDENTITY]),
                "make": as_shown(info.vendor or _NOTHING),
                "model": as_shown(info.model or _NOTHING),
                "serial": as_shown(info.serial or _NOTHING),
                "firmware": as_shown(info.firmware or _NOTHING),
                "connectors": str(len(charger.connectors) or _NOTHING),
                "features": as_shown(
                    ", ".join(sorted(features.profiles or ())) or _NOTHING
                ),
            },
        )

    # Who may come in meanwhile

    def _invite(self) -> Invitation:
        """Let the charger in while the conversation goes on."""
        hub = self._entry().runtime_data
        if self._invitation is None or not self._invitation.is_open(hub):
            self._close_invitation()
            settings = charger_settings(hub.entry, self._data)
            self._invitation = Invitation(hub, settings, told_of=self._told_of)
        self._invitation.prolong()
        return self._invitation

    def _close_invitation(self) -> None:
        if self._invitation is not None:
            self._invitation.close()
            self._invitation = None

    @override
    @callback
    def async_remove(self) -> None:
        """End the conversation with the flow, however it ended."""
        self._close_invitation()


def ca_url(hass: HomeAssistant, hub: Hub) -> str:
    """Return where a charger's owner downloads the CA certificate."""
    path = ca_path(hub.entry.entry_id)
    try:
        return get_url(hass, allow_external=False, allow_cloud=False) + path
    except NoURLAvailableError:
        return path
