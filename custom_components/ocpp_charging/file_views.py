"""Where chargers send files to, and where the owner fetches and deletes them."""

from collections.abc import AsyncIterator
from http import HTTPStatus
import logging
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.client_exceptions import ClientError
from homeassistant.auth.models import User
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN
from .files import MAX_FILE, TooLarge, charger_files
from .firmware_files import FirmwareView

_LOGGER = logging.getLogger(__name__)

UPLOAD_URL: Final = f"/api/{DOMAIN}/upload/{{token}}"
FILES_URL: Final = f"/api/{DOMAIN}/files"
_CHUNK = 64 * 1024


def upload_path(token: str) -> str:
    """Return the path that a charger sends a file to; it may add a name of its own."""
    return f"{UPLOAD_URL.format(token=token)}/"


def file_path(name: str) -> str:
    """Return the path under which the owner finds a file."""
    return f"{FILES_URL}/{name}"


class UploadView(HomeAssistantView):
    """Takes one file at an address that only one charger was told.

    A charger has no login: the address itself is the permission. Its own name for the
    file is passed over.
    """

    url = UPLOAD_URL
    extra_urls = [f"{UPLOAD_URL}/", f"{UPLOAD_URL}/{{name}}"]  # noqa: RUF012 - as its base has it
    name = f"api:{DOMAIN}:upload"
    requires_auth = False

    async def put(
        self, request: web.Request, token: str, name: str = ""
    ) -> web.Response:
        """Take a file: 201, or why not."""
        files = charger_files(request.app[KEY_HASS])
        ticket = files.find(token)
        if ticket is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if ticket.busy:
            return web.Response(status=HTTPStatus.CONFLICT)
        if (request.content_length or 0) > MAX_FILE:
            return web.Response(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            await files.receive(ticket, _chunks(request))
        except TooLarge:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except TimeoutError:
            status = HTTPStatus.REQUEST_TIMEOUT
        except ClientError, ConnectionError, ValueError:
            status = HTTPStatus.BAD_REQUEST
        except OSError as error:
            _LOGGER.error("A charger's file cannot be kept: %s", error.strerror)
            status = HTTPStatus.INSUFFICIENT_STORAGE
        else:
            status = HTTPStatus.CREATED
        response = web.Response(status=status)
        if status is not HTTPStatus.CREATED:
            # What is left of the body is not read.
            response.force_close()
        return response

    post = put


class FilesView(HomeAssistantView):
    """Tells an administrator which files there are."""

    url = FILES_URL
    name = f"api:{DOMAIN}:files"

    async def get(self, request: web.Request) -> web.Response:
        """Answer with names and sizes, the newest first."""
        _check_rights(request[KEY_HASS_USER])
        hass = request.app[KEY_HASS]
        kept = await hass.async_add_executor_job(charger_files(hass).kept)
        return self.json([{"name": each.name, "size": each.size} for each in kept])


class FileView(HomeAssistantView):
    """Gives an administrator a file, or deletes it."""

    url = f"{FILES_URL}/{{name}}"
    name = f"api:{DOMAIN}:file"

    async def get(self, request: web.Request, name: str) -> web.StreamResponse:
        """Answer with the file as a download: a browser shall not show what it is."""
        _check_rights(request[KEY_HASS_USER])
        hass = request.app[KEY_HASS]
        path = charger_files(hass).path(name)
        if path is None or not await hass.async_add_executor_job(path.is_file):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.FileResponse(
            path,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="{name}"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def delete(self, request: web.Request, name: str) -> web.Response:
        """Delete the file."""
        _check_rights(request[KEY_HASS_USER])
        hass = request.app[KEY_HASS]
        gone = await hass.async_add_executor_job(charger_files(hass).delete, name)
        return web.Response(
            status=HTTPStatus.NO_CONTENT if gone else HTTPStatus.NOT_FOUND
        )


def _check_rights(user: User) -> None:
    """Let in administrators, and who has a link that was signed without a login.

    Such links are signed for a user of Home Assistant's own, as whom nobody logs in.
    """
    if not user.is_admin and not user.system_generated:
        raise Unauthorized


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    """Return the bytes of the file in a request: its body, or the first part of it.

    Raises `ValueError` where there is none.
    """
    if not request.content_type.startswith("multipart/"):
        async for chunk in request.content.iter_chunked(_CHUNK):
            yield chunk
        return
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.filename is not None:
            while chunk := await part.read_chunk(_CHUNK):
                yield chunk
            return
    raise ValueError("no file in the form")


@callback
def async_setup_file_views(hass: HomeAssistant) -> None:
    """Offer the views; they cannot be taken back, so it is done once."""
    for view in (UploadView, FilesView, FileView, FirmwareView):
        hass.http.register_view(view)
