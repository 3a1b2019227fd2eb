"""The action that tells past and running charging sessions."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from . import devices
from .actions import ATTR_CONNECTOR
from .const import DOMAIN
from .csms.tags import fold
from .hub import Hub
from .ledger import Cost, LedgerUnavailable, Session, SessionFilter
from .tag_names import tag_names

MAX_SESSIONS = 1000
"""More than this no automation or card can use at once; the newest are told."""


async def get_sessions(call: ServiceCall) -> ServiceResponse:
    """Tell sessions, newest first, and what all that were asked for have in sum.

    They are those of a charger, which need not be connected, of one of its connectors,
    or with the central system's device of all chargers, also of such as were removed.
    """
    hub, wanted = _asked(call)
    ledger = hub.journal.ledger
    try:
        sessions = await ledger.sessions(wanted)
        totals = await ledger.totals(wanted)
        per_tag = await ledger.energy_per_tag(wanted)
    except LedgerUnavailable as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="ledger_unavailable",
            translation_placeholders={"reason": str(error.cause)},
        ) from error
    names = tag_names(hub.entry)
    return {
        "sessions": [_session(names, session) for session in sessions],
        "count": totals.sessions,
        "energy_kwh": totals.energy_wh / 1000,
        **_cost(totals.cost, totals.unpriced_wh),
        "tags": _tags(names, per_tag),
    }


def _tags(names: Mapping[str, str], per_tag: Mapping[str, int]) -> list[JsonValueType]:
    """Tell what each tag took in Wh, the most first; its spellings are one."""
    taken: dict[str, tuple[str, int]] = {}
    for tag, energy_wh in sorted(per_tag.items()):
        spelling, before = taken.get(fold(tag), (tag, 0))
        taken[fold(tag)] = spelling, before + energy_wh
    return [
        {
            "id_tag": tag or None,
            "tag_name": names.get(fold(tag)),
            "energy_kwh": energy_wh / 1000,
        }
        for tag, energy_wh in sorted(taken.values(), key=lambda each: -each[1])
    ]


def _asked(call: ServiceCall) -> tuple[Hub, SessionFilter]:
    """Return whom is asked, and for which sessions."""
    device_id: str = call.data[ATTR_DEVICE_ID]
    charger, connector_id = None, None
    hub = devices.central_of(call.hass, device_id)
    if hub is None:
        hub, charger, connector_id = devices.resolve(call.hass, device_id)
    wanted = SessionFilter(
        charger=None if charger is None else charger.identity,
        # 0 is the charger as a whole, here as in all actions.
        connector=connector_id or call.data.get(ATTR_CONNECTOR) or None,
        id_tag=call.data.get("id_tag"),
        since=call.data.get("start"),
        until=call.data.get("end"),
        state=call.data.get("state"),
        limit=call.data["limit"],
        newest_first=True,
    )
    return hub, wanted


def _session(names: Mapping[str, str], session: Session) -> dict[str, Any]:
    end = session.ended_at
    energy = session.energy_wh
    return {
        "id": session.id,
        "charger": session.charger,
        "connector": session.connector,
        "id_tag": session.id_tag,
        "tag_name": names.get(fold(session.id_tag or "")),
        "state": session.state.value,
        "start": dt_util.as_local(session.started_at).isoformat(),
        "end": None if end is None else dt_util.as_local(end).isoformat(),
        "duration_s": (
            None if end is None else round((end - session.started_at).total_seconds())
        ),
        "energy_kwh": None if energy is None else energy / 1000,
        **_cost(session.cost, session.unpriced_wh),
        "reason": session.reason,
        "gap_s": session.gap_s,
        "notes": list(session.notes),
    }


def _cost(cost: Cost, unpriced_wh: int | None) -> dict[str, JsonValueType]:
    """Tell what was settled; what nobody knows is None."""
    return {
        "cost": cost.amount,
        "currency": cost.currency,
        "co2_kg": _thousandth(cost.co2_g),
        "solar_kwh": _thousandth(cost.solar_wh),
        "unpriced_kwh": _thousandth(unpriced_wh),
    }


def _thousandth(number: int | None) -> float | None:
    return None if number is None else number / 1000
