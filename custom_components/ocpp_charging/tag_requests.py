"""Asks the owner about unknown cards: a repair, in which the card gets a name."""

from collections.abc import Mapping
from hashlib import blake2b
import logging
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
import probatio

from .const import DOMAIN
from .csms.tags import Presentation, UnknownTags
from .tag_list import async_add_tag, rules_of
from .tag_names import CONF_ID_TAG

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

ISSUE_UNKNOWN_TAG: Final = "unknown_tag"
CONF_ENTRY_ID: Final = "entry_id"
CONF_DECISION: Final = "decision"
ALLOW, REFUSE = "allow", "refuse"

MAX_OPEN: Final = 5
"""So many cards are asked about at once: who tries cards must not bury the repairs."""


def issue_id(entry_id: str, id_tag: str) -> str:
    """Return the id of the question about a tag, in which it cannot be read."""
    digest = blake2b(id_tag.casefold().encode(), key=entry_id.encode()[:64])
    return f"{ISSUE_UNKNOWN_TAG}_{entry_id}_{digest.hexdigest()[:16]}"


class TagRequests:
    """The open questions of one central system."""

    def __init__(self, hub: Hub) -> None:
        """Begin with none."""
        self._hub = hub
        self._open: dict[str, str] = {}

    @callback
    def async_consider(self, presentation: Presentation) -> None:
        """Ask about a card that was refused, where the owner wants to be asked."""
        rules = self._hub.central.authorizer.rules
        if rules.unknown is not UnknownTags.ASK or presentation.name is not None:
            return
        entry = self._hub.entry
        number = issue_id(entry.entry_id, presentation.id_tag)
        registry = ir.async_get(self._hub.hass)
        for known in list(self._open):
            if (DOMAIN, known) not in registry.issues:
                del self._open[known]
        if number not in self._open and len(self._open) >= MAX_OPEN:
            _LOGGER.debug("An unknown card is not asked about: others are waiting")
            return
        self._open[number] = presentation.id_tag
        subentry_id = self._hub.subentry_id_of(presentation.identity)
        charger = entry.subentries[subentry_id].title if subentry_id else ""
        ir.async_create_issue(
            self._hub.hass,
            DOMAIN,
            number,
            data={CONF_ENTRY_ID: entry.entry_id, CONF_ID_TAG: presentation.id_tag},
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=ISSUE_UNKNOWN_TAG,
            translation_placeholders={
                "name": charger,
                # It is shown between backticks.
                "tag": presentation.id_tag.replace("`", "'"),
            },
        )

    @callback
    def async_sync(self) -> None:
        """Take back what need not be asked any more."""
        rules = self._hub.central.authorizer.rules
        for number, id_tag in list(self._open.items()):
            if rules.unknown is not UnknownTags.ASK or rules.find(id_tag) is not None:
                self._take_back(number)

    @callback
    def async_stop(self) -> None:
        """Take back all questions: a card that comes again is asked about again."""
        for number in list(self._open):
            self._take_back(number)

    def _take_back(self, number: str) -> None:
        del self._open[number]
        ir.async_delete_issue(self._hub.hass, DOMAIN, number)


class UnknownTagFlow(RepairsFlow):
    """Lets the owner name an unknown card, to be accepted or refused from now on."""

    async def async_step_init(
        self, user_input: Mapping[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Begin with the question."""
        return await self.async_step_decide()

    async def async_step_decide(
        self, user_input: Mapping[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask for a name and what shall become of the card."""
        assert self.data is not None
        entry = self.hass.config_entries.async_get_entry(str(self.data[CONF_ENTRY_ID]))
        id_tag = str(self.data[CONF_ID_TAG])
        if entry is None or rules_of(entry).find(id_tag) is not None:
            return self.async_abort(reason="gone")
        errors = {}
        if user_input is not None:
            if name := user_input[CONF_NAME].strip():
                allowed = user_input[CONF_DECISION] == ALLOW
                async_add_tag(self.hass, entry, name, id_tag, enabled=allowed)
                return self.async_create_entry(data={})
            errors[CONF_NAME] = "name_missing"
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="decide",
            data_schema=probatio.Schema(
                {
                    probatio.Required(CONF_NAME): TextSelector(),
                    probatio.Required(CONF_DECISION, default=ALLOW): SelectSelector(
                        SelectSelectorConfig(
                            options=[ALLOW, REFUSE],
                            translation_key="tag_decision",
                            mode=SelectSelectorMode.LIST,
                        )
                    ),
                }
            ),
            errors=errors,
            description_placeholders=issue.translation_placeholders if issue else None,
        )
