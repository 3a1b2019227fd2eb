"""Firmware that chargers fetch: a one-time address for each that the owner gives.

A charger knows no login of Home Assistant. So each firmware gets an address of its own,
that nobody can guess, that one charger is told, and that ends when it has the file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
import re
import secrets
from typing import Final

from aiohttp import web
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .csms.charger import Charger
from .csms.firmware import FETCHED

LIFETIME: Final = timedelta(hours=6)
"""How long an address is there from when the charger may fetch the file."""
FIRMWARE_URL: Final = f"/api/{DOMAIN}/firmware/{{token}}/{{name}}"

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+|\.(?=\.)")
_MAX_NAME = 80

DATA_DOWNLOADS: HassKey[dict[str, Download]] = HassKey(f"{DOMAIN}_downloads")


@dataclass(frozen=True, kw_only=True, eq=False)
class Download:
    """An address at which one charger finds a file until it `expires`."""

    token: str
    file: Path
    charger: Charger
    expires: datetime
    stops: list[Callable[[], None]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Return the path of the address; some chargers go by its ending."""
        name = _UNFIT.sub("_", self.file.name)[-_MAX_NAME:]
        return FIRMWARE_URL.format(token=self.token, name=name)


@callback
def offer(
    hass: HomeAssistant, charger: Charger, file: Path, not_before: datetime
) -> Download:
    """Open an address for a charger; it ends when the charger says it has the file."""
    now = dt_util.utcnow()
    downloads = hass.data.setdefault(DATA_DOWNLOADS, {})
    for known in list(downloads.values()):
        if known.expires <= now:
            withdraw(hass, known)
    download = Download(
        token=secrets.token_urlsafe(24),
        file=file,
        charger=charger,
        expires=max(now, not_before) + LIFETIME,
    )

    def look() -> None:
        if charger.firmware_status in FETCHED:
            withdraw(hass, download)

    download.stops.append(charger.listen(0, "firmware_status", look))
    downloads[download.token] = download
    return download


@callback
def keep_only(hass: HomeAssistant, download: Download) -> None:
    """Close the other addresses of the same charger."""
    for known in list(hass.data[DATA_DOWNLOADS].values()):
        if known.charger is download.charger and known is not download:
            withdraw(hass, known)


@callback
def withdraw(hass: HomeAssistant, download: Download) -> None:
    """Close an address."""
    hass.data[DATA_DOWNLOADS].pop(download.token, None)
    while download.stops:
        download.stops.pop()()


class FirmwareView(HomeAssistantView):
    """Gives a firmware to whoever knows its address: only one charger was told.

    It may come as often as it must, also for a part of the file, until it has it all.
    """

    url = FIRMWARE_URL
    name = f"api:{DOMAIN}:firmware"
    requires_auth = False

    async def get(
        self, request: web.Request, token: str, name: str
    ) -> web.StreamResponse:
        """Answer with the file, or the part of it that is asked for; else 404."""
        hass = request.app[KEY_HASS]
        download = hass.data.get(DATA_DOWNLOADS, {}).get(token)
        if download is not None and download.expires <= dt_util.utcnow():
            withdraw(hass, download)
            download = None
        if download is None or not await hass.async_add_executor_job(
            may_give, hass, download.file
        ):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.FileResponse(
            download.file, headers={"Content-Type": "application/octet-stream"}
        )


def may_give(hass: HomeAssistant, file: Path) -> bool:
    """Say whether Home Assistant may give out a file, and has it. It reads the disk."""
    return hass.config.is_allowed_path(str(file)) and file.is_file()
