"""Tells Home Assistant who was at a charger, and the chargers who may charge."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final

from homeassistant.components.tag import async_scan_tag
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .csms.tags import Presentation
from .tag_list import rules_of
from .tag_requests import TagRequests

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

TAG_DOMAIN: Final = "tag"

MAX_NEW_TAGS: Final = 20
NEW_TAGS_PER: Final = timedelta(days=1)
"""Home Assistant keeps every tag that it is told of. A charger that makes tags up must
not fill its storage: so many unknown ones a day are new to it."""


class TagDesk:
    """The owner's list at work in one central system."""

    def __init__(self, hub: Hub) -> None:
        """Attend to `hub`; nobody is told anything before `async_start`."""
        self._hub = hub
        self._hass = hub.hass
        self._requests = TagRequests(hub)
        self._scanning = asyncio.Lock()
        self._new: deque[datetime] = deque(maxlen=MAX_NEW_TAGS)

    @callback
    def async_sync(self) -> None:
        """Decide by what the entry says now."""
        self._hub.central.authorizer.rules = rules_of(self._hub.entry)
        self._requests.async_sync()

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to tell of the tags that are presented; returns how to stop."""
        stop_listening = self._hub.central.authorizer.listen(self._presented)

        def stop() -> None:
            stop_listening()
            self._requests.async_stop()

        return stop

    @callback
    def _presented(self, presentation: Presentation) -> None:
        subentry_id = self._hub.subentry_id_of(presentation.identity)
        device_id = self._hub.device_ids.get(subentry_id or "")
        if device_id is None:
            return  # it is not added yet, or being removed
        # Capital letters, as readers write them: to Home Assistant they matter.
        id_tag = presentation.id_tag.upper()
        if self._may_tell(id_tag, listed=presentation.name is not None):
            _telling = self._hub.entry.async_create_task(
                self._hass,
                self._async_scan(id_tag, device_id),
                f"{DOMAIN} id tag",
            )
        self._requests.async_consider(presentation)

    def _may_tell(self, id_tag: str, *, listed: bool) -> bool:
        """Say whether Home Assistant may be told of a tag, which it then keeps."""
        registry = er.async_get(self._hass)
        if listed or registry.async_get_entity_id(TAG_DOMAIN, TAG_DOMAIN, id_tag):
            return True
        now = dt_util.utcnow()
        if len(self._new) == MAX_NEW_TAGS and now - self._new[0] < NEW_TAGS_PER:
            _LOGGER.debug("Too many unknown tags: Home Assistant is not told of more")
            return False
        self._new.append(now)
        return True

    async def _async_scan(self, id_tag: str, device_id: str) -> None:
        # One after the other: two scans of a new tag would both want to add it.
        async with self._scanning:
            try:
                await async_scan_tag(self._hass, id_tag, device_id)
            except HomeAssistantError:
                # Its message names the tag.
                _LOGGER.warning("Home Assistant could not be told of a tag")
