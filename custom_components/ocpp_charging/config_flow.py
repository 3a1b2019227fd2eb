"""The flows of a central system: its listener, its options, discovered chargers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowContext,
    ConfigFlowResult,
    ConfigSubentry,
    ConfigSubentryFlow,
    FlowType,
    OptionsFlow,
    SubentryFlowContext,
)
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import callback
from homeassistant.data_entry_flow import FlowResultType, section
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
)
from homeassistant.helpers.typing import DiscoveryInfoType
import probatio

from .adding import ChargerConversation
from .charger_flow import ChargerSubentryFlow
from .circuit_flow import CircuitSubentryFlow
from .const import (
    CONF_ALSO_PLAIN,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_FILE,
    CONF_CERTIFICATE_FILE_2,
    CONF_IDENTITY,
    CONF_KEY_FILE,
    CONF_KEY_FILE_2,
    CONF_NAMES,
    CONF_SECURITY,
    CONF_SECURITY_PROFILE,
    DEFAULT_PORT,
    DOMAIN,
    SUBENTRY_CHARGER,
    SUBENTRY_CIRCUIT,
    SUBENTRY_VEHICLE,
    CertificateSource,
    Security,
)
from .csms.certificates import CertificateError
from .discovery import CONF_ENTRY_ID, discovery_unique_id
from .hub import OcppConfigEntry
from .listener import (
    ListenerSettings,
    async_default_names,
    async_make_context,
    async_obtain_certificates,
    async_try_bind,
)
from .options_flow import OcppOptionsFlow
from .tag_flow import TagSubentryFlow
from .tag_names import SUBENTRY_TAG
from .vehicle_flow import VehicleSubentryFlow

CONF_ADVANCED: Final = "advanced"
CONF_CONFIRM: Final = "confirm"

_PORT = probatio.All(
    NumberSelector(
        NumberSelectorConfig(min=1, max=65535, step=1, mode=NumberSelectorMode.BOX)
    ),
    probatio.Coerce(int),
)


def _choice(options: type[Security | CertificateSource], key: str) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=[option.value for option in options],
            translation_key=key,
            mode=SelectSelectorMode.LIST,
        )
    )


def _listener_schema(data: Mapping[str, Any]) -> probatio.Schema:
    """Return the form of the listener, filled with what is so now."""
    return probatio.Schema(
        {
            probatio.Required(
                CONF_PORT, default=data.get(CONF_PORT, DEFAULT_PORT)
            ): _PORT,
            probatio.Required(
                CONF_SECURITY, default=data.get(CONF_SECURITY, Security.WSS_COMPATIBLE)
            ): _choice(Security, CONF_SECURITY),
            probatio.Required(CONF_ADVANCED): section(
                probatio.Schema(
                    {
                        probatio.Required(
                            CONF_CERTIFICATE,
                            default=data.get(
                                CONF_CERTIFICATE, CertificateSource.OWN_CA
                            ),
                        ): _choice(CertificateSource, CONF_CERTIFICATE),
                        probatio.Optional(
                            CONF_HOST,
                            description={"suggested_value": data.get(CONF_HOST)},
                        ): TextSelector(),
                    }
                ),
                {"collapsed": True},
            ),
        }
    )


def _text_fields(
    data: Mapping[str, Any],
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
) -> probatio.Schema:
    markers: list[probatio.Marker] = [
        marker(key, description={"suggested_value": data.get(key)})
        for marker, keys in (
            (probatio.Required, required),
            (probatio.Optional, optional),
        )
        for key in keys
    ]
    return probatio.Schema(dict.fromkeys(markers, TextSelector()))


class OcppConfigFlow(
    ChargerConversation[ConfigFlowContext, ConfigFlowResult, str],
    ConfigFlow,
    domain=DOMAIN,
):
    """Adds or changes a central system, or adopts a charger that dialled in."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Begin with nothing chosen."""
        self._listener: dict[str, Any] = {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the flow of the settings."""
        return OcppOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return that chargers, id tags, cars and fuses can be added."""
        return {
            SUBENTRY_CHARGER: ChargerSubentryFlow,
            SUBENTRY_TAG: TagSubentryFlow,
            SUBENTRY_VEHICLE: VehicleSubentryFlow,
            SUBENTRY_CIRCUIT: CircuitSubentryFlow,
        }

    # The listener

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how chargers shall reach this central system."""
        return await self._async_listener("user", user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change how chargers reach this central system."""
        if not self._listener:
            self._listener = dict(self._get_reconfigure_entry().data)
        return await self._async_listener("reconfigure", user_input)

    async def _async_listener(
        self, step_id: str, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        errors: dict[str, str] = {}
        if user_input is not None:
            advanced = user_input[CONF_ADVANCED]
            self._listener |= {
                CONF_PORT: user_input[CONF_PORT],
                CONF_SECURITY: user_input[CONF_SECURITY],
                CONF_CERTIFICATE: advanced[CONF_CERTIFICATE],
                CONF_HOST: advanced.get(CONF_HOST),
            }
            self._async_abort_entries_match({CONF_PORT: user_input[CONF_PORT]})
            if error := await self._async_bind_error():
                errors["base"] = error
            elif user_input[CONF_SECURITY] == Security.WS:
                return await self.async_step_plain()
            elif advanced[CONF_CERTIFICATE] == CertificateSource.OWN_CA:
                return await self.async_step_names()
            else:
                return await self.async_step_files()
        return self.async_show_form(
            step_id=step_id,
            data_schema=_listener_schema(self._listener),
            errors=errors,
            last_step=False,
        )

    async def _async_bind_error(self) -> str | None:
        """Try the port, but for one that this very entry listens on."""
        host, port = self._listener[CONF_HOST], self._listener[CONF_PORT]
        if self.source == SOURCE_RECONFIGURE:
            entry = self._get_reconfigure_entry()
            ours = entry.data[CONF_PORT] == port
            if ours and entry.state is ConfigEntryState.LOADED:
                port = 0
        return await async_try_bind(self.hass, host, port)

    async def async_step_plain(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have the owner confirm that nothing is encrypted."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_CONFIRM]:
                return self._async_done()
            errors[CONF_CONFIRM] = "not_confirmed"
        return self.async_show_form(
            step_id="plain",
            data_schema=probatio.Schema(
                {probatio.Required(CONF_CONFIRM, default=False): BooleanSelector()}
            ),
            errors=errors,
        )

    async def async_step_names(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the names in the certificate that is made, and make it."""
        if user_input is not None:
            names = (name.strip() for name in user_input[CONF_NAMES])
            self._listener[CONF_NAMES] = list(dict.fromkeys(filter(None, names)))
        elif not self._listener.get(CONF_NAMES):
            self._listener[CONF_NAMES] = await async_default_names(self.hass)
        schema = probatio.Schema(
            {
                probatio.Required(
                    CONF_NAMES,
                    description={"suggested_value": self._listener[CONF_NAMES]},
                ): TextSelector(TextSelectorConfig(multiple=True))
            }
        )
        return await self._async_certificate("names", schema, user_input is not None)

    async def async_step_files(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the owner's certificate files, and try them."""
        required = (CONF_CERTIFICATE_FILE, CONF_KEY_FILE)
        optional = (CONF_CERTIFICATE_FILE_2, CONF_KEY_FILE_2)
        if user_input is not None:
            for key in required + optional:
                self._listener[key] = user_input.get(key)
        second = [self._listener.get(key) for key in optional]
        schema = _text_fields(self._listener, required=required, optional=optional)
        if any(second) and not all(second):
            return self.async_show_form(
                step_id="files", data_schema=schema, errors={"base": "half_a_pair"}
            )
        return await self._async_certificate("files", schema, user_input is not None)

    async def _async_certificate(
        self, step_id: str, schema: probatio.Schema, answered: bool
    ) -> ConfigFlowResult:
        errors: dict[str, str] = {}
        detail = ""
        if answered:
            settings = ListenerSettings.from_data(self._listener)
            try:
                certificates = await async_obtain_certificates(self.hass, settings)
                await async_make_context(self.hass, settings, certificates)
            except CertificateError as error:
                errors["base"], detail = error.fault.value, error.detail
            else:
                return self._async_done()
        return self.async_show_form(
            step_id=step_id,
            data_schema=schema,
            errors=errors,
            description_placeholders={"detail": detail},
        )

    def _async_done(self) -> ConfigFlowResult:
        if self.source == SOURCE_USER:
            title = "OCPP central system"
            if self._async_current_entries(include_ignore=False):
                title += f" {self._listener[CONF_PORT]}"
            return self.async_create_entry(title=title, data=self._listener)
        entry = self._get_reconfigure_entry()
        self._change_over(entry)
        if entry.update_listeners:
            # It is set up, and reloads itself where need be.
            return self.async_update_and_abort(entry, data=self._listener)
        return self.async_update_reload_and_abort(entry, data=self._listener)

    def _change_over(self, entry: ConfigEntry) -> None:
        """Lock no charger out when the line becomes encrypted, or is not any more."""
        chargers = entry.get_subentries_of_type(SUBENTRY_CHARGER)
        if self._listener[CONF_SECURITY] != Security.WS:
            if entry.data[CONF_SECURITY] == Security.WS and chargers:
                self._listener[CONF_ALSO_PLAIN] = True
            return
        self._listener.pop(CONF_ALSO_PLAIN, None)
        for charger in chargers:
            # The owner has confirmed that they all come in unencrypted from now on.
            data = {
                key: value
                for key, value in charger.data.items()
                if key != CONF_SECURITY_PROFILE
            }
            self.hass.config_entries.async_update_subentry(entry, charger, data=data)

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on with the first charger: without one there is nothing to see."""
        entry = result["result"]
        if entry.state is ConfigEntryState.LOADED:
            flow = await self.hass.config_entries.subentries.async_init(
                (entry.entry_id, SUBENTRY_CHARGER),
                context=SubentryFlowContext(source=SOURCE_USER),
            )
            if flow["type"] is FlowResultType.FORM:
                result["next_flow"] = (
                    FlowType.CONFIG_SUBENTRIES_FLOW,
                    flow["flow_id"],
                )
        return result

    # A charger that dialled in

    @override
    async def async_step_integration_discovery(
        self, discovery_info: DiscoveryInfoType
    ) -> ConfigFlowResult:
        """Offer a charger that dialled in without being known."""
        await self.async_set_unique_id(
            discovery_unique_id(
                discovery_info[CONF_ENTRY_ID], discovery_info[CONF_IDENTITY]
            )
        )
        self._abort_if_unique_id_configured()
        self.context["title_placeholders"] = {"name": discovery_info[CONF_IDENTITY]}
        return await self.async_step_adopt()

    async def async_step_adopt(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the password under which the charger may come in."""
        entry = self._entry()
        identity = self.init_data[CONF_IDENTITY]
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = await self._async_take(identity, user_input)
            if not errors:
                return await self.async_step_connect()
            if CONF_IDENTITY in errors:
                return self.async_abort(reason="already_configured")
        seen = entry.runtime_data.central.unknown.get(identity)
        return self.async_show_form(
            step_id="adopt",
            data_schema=probatio.Schema(self._form_of_password()),
            errors=errors,
            description_placeholders={
                "identity": identity,
                "address": seen.address if seen else "–",
            },
            last_step=False,
        )

    @override
    async def async_step_change(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Go back to the first step."""
        return await self.async_step_adopt()

    @override
    def _entry_or_none(self) -> OcppConfigEntry | None:
        return self.hass.config_entries.async_get_entry(self.init_data[CONF_ENTRY_ID])

    @override
    def _async_finish(self, title: str, data: dict[str, Any]) -> ConfigFlowResult:
        self.hass.config_entries.async_add_subentry(
            self._entry(),
            ConfigSubentry(
                data=MappingProxyType(data),
                subentry_type=SUBENTRY_CHARGER,
                title=title,
                unique_id=data[CONF_IDENTITY],
            ),
        )
        return self.async_abort(
            reason="charger_added", description_placeholders={"name": title}
        )
