"""Why a source tells nothing, in the words of the home's language."""

from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

_TEXTS: Final = "source_lack"
"""The selector under whose options the texts are."""


@callback
def lack_in_words(hass: HomeAssistant, domain: str, lack: str, detail: str = "") -> str:
    """Return a text for a repair notice; the key itself where there is none.

    `detail` is what the source's own integration said, as it is.
    """
    texts = async_get_cached_translations(
        hass, hass.config.language, "selector", domain
    )
    text = texts.get(f"component.{domain}.selector.{_TEXTS}.options.{lack}", lack)
    return f"{text}: {detail}" if detail else text
