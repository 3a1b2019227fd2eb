"""The owner's list of id tags: each is a subentry, what else holds is in the options.

The decision that is made by it is `csms.tags`.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import (
    CONF_ENABLED,
    CONF_EXPIRES,
    CONF_GROUP,
    CONF_OFFLINE_TAGS,
    CONF_ONE_SESSION,
    CONF_PRE_AUTHORIZE,
    CONF_UNKNOWN_TAGS,
)
from .csms.tags import OfflineTags, Tag, TagRules, UnknownTags, fold
from .tag_names import CONF_ID_TAG, SUBENTRY_TAG

AUTOMATIC: Final = "automatic"
"""The choice for unknown tags that lets them in until there is a list."""


def tag_unique_id(id_tag: str) -> str:
    """Return the unique id of a tag's subentry; no charger's can be the same."""
    return f"{SUBENTRY_TAG}:{fold(id_tag)}"


def _tag(subentry: ConfigSubentry) -> Tag:
    """Return a tag of the owner's list."""
    data = subentry.data
    return Tag(
        id_tag=data[CONF_ID_TAG],
        name=subentry.title,
        group=data.get(CONF_GROUP),
        expires=_end_of_day(data.get(CONF_EXPIRES)),
        enabled=data.get(CONF_ENABLED, True),
    )


def _end_of_day(day: str | None) -> datetime | None:
    """Return when a day is over by Home Assistant's clock; that day still counts."""
    if day is None:
        return None
    following = date.fromisoformat(day) + timedelta(days=1)
    return dt_util.as_utc(dt_util.start_of_local_day(following))


def rules_of(entry: ConfigEntry) -> TagRules:
    """Return the owner's rules."""
    options: Mapping[str, Any] = entry.options
    unknown = options.get(CONF_UNKNOWN_TAGS, AUTOMATIC)
    return TagRules.of(
        (_tag(subentry) for subentry in entry.get_subentries_of_type(SUBENTRY_TAG)),
        unknown=None if unknown == AUTOMATIC else UnknownTags(unknown),
        one_session=options.get(CONF_ONE_SESSION, False),
        offline=OfflineTags(options.get(CONF_OFFLINE_TAGS, OfflineTags.UNCHANGED)),
        pre_authorize=options.get(CONF_PRE_AUTHORIZE, False),
    )


@callback
def async_add_tag(
    hass: HomeAssistant, entry: ConfigEntry, name: str, id_tag: str, *, enabled: bool
) -> None:
    """Put a tag on the owner's list."""
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType({CONF_ID_TAG: id_tag, CONF_ENABLED: enabled}),
            subentry_type=SUBENTRY_TAG,
            title=name,
            unique_id=tag_unique_id(id_tag),
        ),
    )
