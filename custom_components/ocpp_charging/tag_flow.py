"""The flow of an id tag's subentry: one is put on the owner's list, or changed."""

from collections.abc import Iterable, Mapping
import secrets
from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    DateSelector,
    SelectOptionDict,
    Selector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.util import dt as dt_util
import probatio

from .const import (
    CONF_ENABLED,
    CONF_EXPIRES,
    CONF_GROUP,
    CONF_OFFLINE_TAGS,
    CONF_ONE_SESSION,
    CONF_PRE_AUTHORIZE,
    CONF_UNKNOWN_TAGS,
)
from .csms.tags import (
    MAX_MADE_CHARACTERS,
    MAX_TAG_CHARACTERS,
    OfflineTags,
    UnknownTags,
    fold,
)
from .tag_list import AUTOMATIC, tag_unique_id
from .tag_names import CONF_ID_TAG, SUBENTRY_TAG

MAX_OFFERED: Final = 20


@callback
def is_tag(text: str) -> bool:
    """Say whether a text can be an id tag, or a group of them (OCPP 1.6 §7.28)."""
    return (
        1 <= len(text) <= MAX_TAG_CHARACTERS
        and text.isascii()
        and text.isprintable()
        and text == text.strip()
    )


class TagSubentryFlow(ConfigSubentryFlow):
    """Puts a tag on the list, or changes one."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a tag, offering those that were lately held to a charger."""
        errors: dict[str, str] = {}
        if user_input is not None:
            title, data, errors = self._read(user_input)
            if not errors:
                return self.async_create_entry(
                    title=title, data=data, unique_id=tag_unique_id(data[CONF_ID_TAG])
                )
        return self._form("user", user_input or {}, errors)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change a tag."""
        subentry = self._get_reconfigure_subentry()
        errors: dict[str, str] = {}
        if user_input is not None:
            title, data, errors = self._read(user_input, but=subentry.subentry_id)
            if not errors:
                return self.async_update_and_abort(
                    self._get_entry(),
                    subentry,
                    title=title,
                    data=data,
                    unique_id=tag_unique_id(data[CONF_ID_TAG]),
                )
        shown = user_input or {CONF_NAME: subentry.title, **subentry.data}
        return self._form("reconfigure", shown, errors)

    def _read(
        self, user_input: dict[str, Any], *, but: str | None = None
    ) -> tuple[str, dict[str, Any], dict[str, str]]:
        """Return the title, the data, and what is wrong with what was typed.

        `but` is the subentry that is changed.
        """
        errors: dict[str, str] = {}
        title = user_input[CONF_NAME].strip()
        id_tag = user_input[CONF_ID_TAG].strip()
        group = user_input.get(CONF_GROUP, "").strip()
        if not title:
            errors[CONF_NAME] = "name_missing"
        if not is_tag(id_tag):
            errors[CONF_ID_TAG] = "invalid_tag"
        elif any(
            fold(subentry.data[CONF_ID_TAG]) == fold(id_tag)
            for subentry in self._get_entry().get_subentries_of_type(SUBENTRY_TAG)
            if subentry.subentry_id != but
        ):
            errors[CONF_ID_TAG] = "tag_taken"
        if group and not is_tag(group):
            errors[CONF_GROUP] = "invalid_group"
        data = {CONF_ID_TAG: id_tag, CONF_ENABLED: user_input[CONF_ENABLED]}
        if group:
            data[CONF_GROUP] = group
        if expires := user_input.get(CONF_EXPIRES):
            data[CONF_EXPIRES] = expires
        return title, data, errors

    def _form(
        self, step_id: str, shown: dict[str, Any], errors: dict[str, str]
    ) -> SubentryFlowResult:
        entry = self._get_entry()

        def suggested(key: str) -> dict[str, Any]:
            return {"suggested_value": shown.get(key)}

        schema = {
            probatio.Required(
                CONF_NAME, description=suggested(CONF_NAME)
            ): TextSelector(),
            probatio.Required(CONF_ID_TAG, description=suggested(CONF_ID_TAG)): _choice(
                _presented(entry)
            ),
            probatio.Required(
                CONF_ENABLED, default=shown.get(CONF_ENABLED, True)
            ): BooleanSelector(),
            probatio.Optional(
                CONF_EXPIRES, description=suggested(CONF_EXPIRES)
            ): DateSelector(),
            probatio.Optional(CONF_GROUP, description=suggested(CONF_GROUP)): _choice(
                _groups(entry)
            ),
        }
        return self.async_show_form(
            step_id=step_id,
            data_schema=probatio.Schema(schema),
            errors=errors,
            description_placeholders={"made": _made_tag()},
        )


def _choice(offered: Iterable[SelectOptionDict]) -> SelectSelector:
    """Return a field in which something is picked or typed."""
    return SelectSelector(
        SelectSelectorConfig(
            options=list(offered), custom_value=True, mode=SelectSelectorMode.DROPDOWN
        )
    )


def _made_tag() -> str:
    """Return a tag that no card has; hexadecimal, as some chargers take no other."""
    return secrets.token_hex(MAX_MADE_CHARACTERS // 2).upper()


def _groups(entry: ConfigEntry) -> list[SelectOptionDict]:
    """Return the groups that there are."""
    known = {
        fold(group): group
        for subentry in entry.get_subentries_of_type(SUBENTRY_TAG)
        if (group := subentry.data.get(CONF_GROUP))
    }
    return [
        SelectOptionDict(value=group, label=group) for _, group in sorted(known.items())
    ]


def _presented(entry: ConfigEntry) -> list[SelectOptionDict]:
    """Return the tags not on the list that were at a charger, the latest first.

    After them come those that charged before Home Assistant was started.
    """
    if entry.state is not ConfigEntryState.LOADED:
        return []
    hub = entry.runtime_data
    rules = hub.central.authorizer.rules
    offered: dict[str, SelectOptionDict] = {}
    for seen in hub.central.authorizer.seen:
        at = dt_util.as_local(seen.at).strftime("%Y-%m-%d %H:%M")
        offered[fold(seen.id_tag)] = SelectOptionDict(
            value=seen.id_tag, label=f"{seen.id_tag} ({seen.identity}, {at})"
        )
    ours = {fold(charger.settings.start_tag) for charger in hub.chargers.values()}
    for folded in hub.past.energy_wh:
        if folded and folded not in ours and rules.find(folded) is None:
            offered.setdefault(
                folded, SelectOptionDict(value=folded.upper(), label=folded.upper())
            )
    return [option for option in offered.values() if is_tag(option["value"])][
        :MAX_OFFERED
    ]


def tag_options(options: Mapping[str, Any]) -> probatio.Schema:
    """Return the form of what holds besides the list, filled with what is so now."""

    def choice(key: str, words: Iterable[str]) -> SelectSelector:
        return SelectSelector(
            SelectSelectorConfig(
                options=list(words), translation_key=key, mode=SelectSelectorMode.LIST
            )
        )

    fields: dict[str, tuple[Any, Selector[Any]]] = {
        CONF_UNKNOWN_TAGS: (
            AUTOMATIC,
            choice(CONF_UNKNOWN_TAGS, (AUTOMATIC, *UnknownTags)),
        ),
        CONF_ONE_SESSION: (False, BooleanSelector()),
        CONF_OFFLINE_TAGS: (
            OfflineTags.UNCHANGED.value,
            choice(CONF_OFFLINE_TAGS, OfflineTags),
        ),
        CONF_PRE_AUTHORIZE: (False, BooleanSelector()),
    }
    return probatio.Schema(
        {
            probatio.Required(key, default=options.get(key, default)): selector
            for key, (default, selector) in fields.items()
        }
    )
