"""The action that tells past and running charging sessions."""

from typing import Any

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from . import devices
from .const import DOMAIN
from .ledger import LedgerUnavailable, Session, SessionFilter

MAX_SESSIONS = 1000
"""More than this no automation or card can use at once; the newest are told."""


async def get_sessions(call: ServiceCall) -> ServiceResponse:
    """Tell a charger's sessions, newest first; it need not be connected."""
    hub, charger, connector_id = devices.resolve(call.hass, call.data[ATTR_DEVICE_ID])
    wanted = SessionFilter(
        charger=charger.identity,
        connector=connector_id,
        id_tag=call.data.get("id_tag"),
        since=call.data.get("start"),
        until=call.data.get("end"),
        limit=call.data["limit"],
        newest_first=True,
    )
    try:
        sessions = await hub.journal.ledger.sessions(wanted)
    except LedgerUnavailable as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="ledger_unavailable",
            translation_placeholders={"reason": str(error.cause)},
        ) from error
    total = sum(session.energy_wh or 0 for session in sessions)
    return {
        "sessions": [_session(session) for session in sessions],
        "energy_kwh": total / 1000,
    }


def _session(session: Session) -> dict[str, Any]:
    end = session.ended_at
    energy = session.energy_wh
    return {
        "id": session.id,
        "connector": session.connector,
        "id_tag": session.id_tag,
        "state": session.state.value,
        "start": dt_util.as_local(session.started_at).isoformat(),
        "end": None if end is None else dt_util.as_local(end).isoformat(),
        "duration_s": (
            None if end is None else round((end - session.started_at).total_seconds())
        ),
        "energy_kwh": None if energy is None else energy / 1000,
        "reason": session.reason,
        "gap_s": session.gap_s,
        "notes": list(session.notes),
    }
