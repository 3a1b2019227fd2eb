"""The action about the grid: all chargers together take no more than this."""

from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from . import devices
from .const import DOMAIN
from .helpers import invalid
from .hub import Hub
from .planning.situation import VOLTAGE_V
from .profile_form import aware
from .signals.set_limit import GridLimit

LONGEST: Final = timedelta(days=31)
"""A limit that nobody renews ends."""

LIMIT_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Optional(ATTR_DEVICE_ID): cv.string,
    probatio.Optional("limit"): probatio.All(
        probatio.Coerce(float), probatio.Range(min=0, max=1_000_000)
    ),
    probatio.Optional("unit", default="W"): probatio.In(["W", "A"]),
    probatio.Optional("phases", default=3): probatio.All(
        probatio.Coerce(int), probatio.Range(min=1, max=3)
    ),
    probatio.Exclusive("duration", "end"): cv.positive_time_period,
    probatio.Exclusive("until", "end"): aware,
}


def ends(data: dict[str, Any]) -> dict[str, Any]:
    """Validate that a limit ends."""
    if "limit" in data and not {"until", "duration"} & data.keys():
        raise probatio.Invalid("give a duration or until when")
    return data


async def set_grid_limit(call: ServiceCall) -> ServiceResponse:
    """Limit what all chargers take together for a while, or lift that."""
    limit = _limit(call.data, dt_util.utcnow())
    for hub in _hubs(call):
        await hub.board.set_limit.async_set(limit)
    return {
        "limit_w": None if limit is None else round(limit.limit_w),
        "until": None if limit is None else dt_util.as_local(limit.end).isoformat(),
    }


def _limit(data: dict[str, Any], now: datetime) -> GridLimit | None:
    if "limit" not in data:
        return None
    end = data.get("until") or now + data["duration"]
    if end <= now:
        raise invalid("time_is_past", time=f"{dt_util.as_local(end):%Y-%m-%d %H:%M}")
    if end > now + LONGEST:
        raise invalid("limit_too_long", days=LONGEST.days)
    watts = data["limit"]
    if data["unit"] == "A":
        watts *= VOLTAGE_V * data["phases"]
    return GridLimit(limit_w=watts, start=now, end=end)


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
