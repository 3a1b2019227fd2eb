"""Offers unknown chargers that dial in, to be adopted."""

from collections.abc import Callable
import logging
from typing import TYPE_CHECKING, Final

from homeassistant.config_entries import (
    SOURCE_INTEGRATION_DISCOVERY,
    ConfigFlowContext,
    ConfigFlowResult,
)
from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers import discovery_flow

from .const import CONF_IDENTITY, DOMAIN
from .csms.server import UnknownCharger
from .helpers import as_shown

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

MAX_PENDING: Final = 5
"""How many chargers are offered at once: a neighbour's fleet, or someone who tries
names, must not bury the integrations page."""

CONF_ENTRY_ID: Final = "entry_id"


def discovery_unique_id(entry_id: str, identity: str) -> str:
    """Return what a discovered charger is remembered by, when it is ignored too."""
    return f"{entry_id}_{identity}"


@callback
def async_end_discoveries(
    hass: HomeAssistant,
    entry_id: str,
    identity: str | None = None,
    *,
    but: str | None = None,
) -> None:
    """Take back the offers of a central system, of one charger or of all.

    `but` is the id of a flow that goes on.
    """
    for flow in _pending(hass):
        unique_id = flow["context"].get("unique_id") or ""
        wanted = (
            unique_id.startswith(discovery_unique_id(entry_id, ""))
            if identity is None
            else unique_id == discovery_unique_id(entry_id, identity)
        )
        if wanted and flow["flow_id"] != but:
            hass.config_entries.flow.async_abort(flow["flow_id"])


def _pending(hass: HomeAssistant) -> list[ConfigFlowResult]:
    return hass.config_entries.flow.async_progress_by_handler(
        DOMAIN,
        include_uninitialized=True,
        match_context={"source": SOURCE_INTEGRATION_DISCOVERY},
    )


class Discovery:
    """Turns the unknown chargers of one central system into discovery flows."""

    def __init__(self, hub: Hub) -> None:
        """Attend to `hub`; nothing is offered before `async_start`."""
        self._hub = hub
        self._hass = hub.hass

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to offer chargers; returns how to stop, which takes the offers back."""
        stop_listening = self._hub.central.listen_unknown(self._seen)

        def stop() -> None:
            stop_listening()
            async_end_discoveries(self._hass, self._hub.entry.entry_id)

        return stop

    def _seen(self, charger: UnknownCharger) -> None:
        # While Home Assistant starts, flows would queue up without a limit. A charger
        # that is refused dials again soon.
        if self._hass.state is not CoreState.running:
            return
        if as_shown(charger.identity) != charger.identity:
            # A stranger's name that could be a link in a dialog: no charger is called
            # so. One that is all the same can be added by its name.
            _LOGGER.debug("A charger with markup in its name is not offered")
            return
        unique_id = discovery_unique_id(self._hub.entry.entry_id, charger.identity)
        ignored = self._hass.config_entries.async_entry_for_domain_unique_id(
            DOMAIN, unique_id
        )
        if ignored is not None:
            return
        pending = _pending(self._hass)
        if any(flow["context"].get("unique_id") == unique_id for flow in pending):
            return
        if len(pending) >= MAX_PENDING:
            _LOGGER.debug(
                "%s is not offered: %d others are waiting",
                charger.identity,
                len(pending),
            )
            return
        discovery_flow.async_create_flow(
            self._hass,
            DOMAIN,
            context=ConfigFlowContext(
                source=SOURCE_INTEGRATION_DISCOVERY,
                unique_id=unique_id,
                title_placeholders={"name": charger.identity},
            ),
            data={
                CONF_ENTRY_ID: self._hub.entry.entry_id,
                CONF_IDENTITY: charger.identity,
            },
        )
