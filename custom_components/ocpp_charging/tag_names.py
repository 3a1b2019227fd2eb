"""What an id tag is called where a person reads it.

A tag opens whatever it is held to: states, names and history show what the owner calls
it, and otherwise only its end, which is enough to tell the cards of a house apart.
"""

from typing import Final

from homeassistant.config_entries import ConfigEntry

from .const import DEFAULT_START_TAG
from .csms.tags import fold

SUBENTRY_TAG: Final = "tag"
CONF_ID_TAG: Final = "id_tag"

MAX_SHOWN: Final = 4
"""Characters of a tag without a name that are shown, and never more than half."""


def tag_names(entry: ConfigEntry) -> dict[str, str]:
    """Return what the owner calls the tags that have a name, by `csms.tags.fold`."""
    # That one is everyone's, so no secret: it stands for a switch or an automation.
    names = {fold(DEFAULT_START_TAG): DEFAULT_START_TAG}
    for subentry in entry.subentries.values():
        if subentry.subentry_type == SUBENTRY_TAG:
            names[fold(subentry.data[CONF_ID_TAG])] = subentry.title
    return names


def tag_label(entry: ConfigEntry, id_tag: str) -> str:
    """Return the owner's name for a tag, else a mask of it (`…A1B2`)."""
    return tag_names(entry).get(fold(id_tag)) or mask(id_tag)


def mask(id_tag: str) -> str:
    """Return the end of a tag, at most half of it."""
    shown = min(MAX_SHOWN, len(id_tag) // 2)
    return f"…{id_tag[len(id_tag) - shown :].upper()}"
