"""The action about the grid: all chargers together take no more than this."""

from datetime import datetime
from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from . import devices
from .charging.series import Interval
from .const import DOMAIN
from .helpers import invalid
from .hub import Hub
from .planning.situation import VOLTAGE_V
from .profile_form import aware
from .signals.combine import lowest
from .signals.set_limit import LONGEST

LIMIT_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Optional(ATTR_DEVICE_ID): cv.string,
    probatio.Optional("limit"): probatio.All(
        probatio.Coerce(float), probatio.Range(min=0, max=1_000_000)
    ),
    probatio.Optional("unit", default="W"): probatio.In(["W", "A"]),
    probatio.Optional("phases", default=3): probatio.All(
        probatio.Coerce(int), probatio.Range(min=1, max=3)
    ),
    probatio.Optional("start"): aware,
    probatio.Exclusive("duration", "end"): cv.positive_time_period,
    probatio.Exclusive("until", "end"): aware,
}


def ends(data: dict[str, Any]) -> dict[str, Any]:
    """Validate that what begins, or limits, also ends."""
    if {"limit", "start"} & data.keys() and not {"until", "duration"} & data.keys():
        raise probatio.Invalid("give a duration or until when")
    return data


async def set_grid_limit(call: ServiceCall) -> ServiceResponse:
    """Limit what all chargers take together for a time, or lift what was set for it."""
    now = dt_util.utcnow()
    limit_w = _watts(call.data)
    start, end = _span(call.data, now)
    limits = [hub.board.set_limit for hub in _hubs(call)]
    for each in limits:
        await each.async_set(limit_w, start, end)
    holds = lowest([each.series for each in limits])
    return {"limits": [_shown(item) for item in holds]}


def _watts(data: dict[str, Any]) -> float | None:
    if "limit" not in data:
        return None
    watts: float = data["limit"]
    return watts * VOLTAGE_V * data["phases"] if data["unit"] == "A" else watts


def _span(data: dict[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """Return from when until when it is; without any time all that is to come."""
    begin: datetime = data.get("start", now)
    start = max(begin, now)
    if not {"until", "duration"} & data.keys():
        return start, now + LONGEST
    end: datetime = data["until"] if "until" in data else begin + data["duration"]
    if end <= begin and begin > now:
        raise invalid("limit_ends_first", start=_clock(begin), until=_clock(end))
    if end <= now:
        raise invalid("time_is_past", time=_clock(end))
    if end > now + LONGEST:
        raise invalid("limit_too_long", days=LONGEST.days)
    return start, end


def _clock(when: datetime) -> str:
    return f"{dt_util.as_local(when):%Y-%m-%d %H:%M}"


def _shown(item: Interval) -> dict[str, Any]:
    return {
        "limit_w": round(item.value),
        "start": dt_util.as_local(item.start).isoformat(),
        "until": dt_util.as_local(item.end).isoformat(),
    }


def _hubs(call: ServiceCall) -> list[Hub]:
    """Return the central systems that it is for: all, where no device says which."""
    device_id = call.data.get(ATTR_DEVICE_ID)
    if device_id is not None:
        hub = devices.central_of(call.hass, device_id)
        return [devices.resolve(call.hass, device_id)[0] if hub is None else hub]
    found = [
        entry.runtime_data
        for entry in call.hass.config_entries.async_loaded_entries(DOMAIN)
    ]
    if not found:
        raise invalid("no_central_system")
    return found
