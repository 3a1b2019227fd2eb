"""A Home Assistant of its own: made in a temporary folder, run, asked, taken away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import secrets
import shutil
import socket
import sys
import tempfile
from typing import Any, Self

import aiohttp
from yarl import URL

ROOT = Path(__file__).parents[2]
USER = "demo"
ZONE = "Europe/Amsterdam"
START_SECONDS = 120
STOP_SECONDS = 20
"""Less than the 30 s after which `.ci/run` kills what it has told to end."""

PORTS_TRIED = 10

_INTEGRATIONS = (
    ROOT / "custom_components" / "ocpp_charging",
    Path(__file__).parent / "demo_house",
)

_CONFIGURATION = f"""\
homeassistant:
  name: Demo home
  latitude: 52.37
  longitude: 4.90
  elevation: 2
  currency: EUR
  country: NL
  time_zone: {ZONE}
  unit_system: metric
frontend:
config:
history:
logbook:
energy:
logger:
  default: warning
  logs:
    custom_components.ocpp_charging: info
"""


class HomeError(Exception):
    """Home Assistant did not start, or refused what it was asked; says why."""


def free_port(preferred: int) -> int:
    """Return the preferred port of the loopback address, or a free one.

    That is one of the next few where possible: easier to type than any.
    """
    for port in (*range(preferred, preferred + PORTS_TRIED + 1), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    raise HomeError("No port is free on 127.0.0.1.")


def _store(folder: Path, key: str, version: tuple[int, int], data: Any) -> None:
    path = folder / ".storage" / key
    path.parent.mkdir(exist_ok=True)
    content = {"version": version[0], "minor_version": version[1], "key": key}
    path.write_text(json.dumps(content | {"data": data}))


def _furnish(folder: Path, port: int) -> None:
    """Write the configuration of a home that has been onboarded already.

    The HTTP server's settings are no longer taken from YAML; the form written here is
    read by 2026.10 and migrated by later releases.
    """
    (folder / "configuration.yaml").write_text(_CONFIGURATION)
    (folder / "custom_components").mkdir()
    for integration in _INTEGRATIONS:
        (folder / "custom_components" / integration.name).symlink_to(integration)
    done = ["user", "core_config", "analytics", "integration"]
    _store(folder, "onboarding", (4, 1), {"done": done})
    server = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    _store(
        folder,
        "http",
        (2, 2),
        {"stable": server, "pending": None, "yaml_migration_done": True},
    )


class Home:
    """A running Home Assistant and the way to ask it, as its own browser page does."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        """Describe a home in `folder`; `running` makes and starts one."""
        self.folder = folder
        self.url = f"http://localhost:{port}"
        self.password = password
        self.tokens: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._last_id = 0
        self._asking = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def running(cls, preferred_port: int) -> AsyncIterator[Self]:
        """Make a home, start it, log in; stop it and take it away afterwards.

        Raises `HomeError` when it does not start.
        """
        port = free_port(preferred_port)
        folder = Path(tempfile.mkdtemp(prefix="ocpp-charging-demo-"))
        home = cls(folder, port, secrets.token_urlsafe(9))
        try:
            _furnish(folder, port)
            await home._start()
            yield home
        finally:
            try:
                await home._stop()
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def log(self) -> str:
        """Return what Home Assistant has logged."""
        path = self.folder / "output.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def rest(self, method: str, path: str, body: Any = None) -> Any:
        """Ask Home Assistant over its REST API; raises `HomeError` when it refuses."""
        assert self._session is not None
        headers = {}
        if self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        async with self._session.request(
            method, f"{self.url}{path}", json=body, headers=headers
        ) as response:
            text = await response.text()
            if response.status >= 400:
                raise HomeError(f"{method} {path}: {response.status} {text[:300]}")
            return json.loads(text) if text else None

    async def download(self, url: str) -> bytes:
        """Fetch a file as anybody can, without logging in."""
        assert self._session is not None
        path = URL(url).path
        async with self._session.get(f"{self.url}{path}") as response:
            if response.status != 200:
                raise HomeError(f"{path} could not be downloaded: {response.status}")
            return await response.read()

    async def ask(self, kind: str, **fields: Any) -> Any:
        """Send a WebSocket command and return its result; one at a time."""
        async with self._asking:
            return await self._ask(kind, fields)

    async def _ask(self, kind: str, fields: dict[str, Any]) -> Any:
        assert self._session is not None
        if self._websocket is None:
            url = f"{self.url.replace('http', 'ws', 1)}/api/websocket"
            self._websocket = await self._session.ws_connect(url, max_msg_size=0)
            await self._websocket.receive_json()
            token = self.tokens["access_token"]
            await self._websocket.send_json({"type": "auth", "access_token": token})
            await self._websocket.receive_json()
        self._last_id += 1
        await self._websocket.send_json({"id": self._last_id, "type": kind, **fields})
        while True:
            answer = await self._websocket.receive_json()
            if answer.get("id") != self._last_id or answer["type"] != "result":
                continue
            if not answer["success"]:
                raise HomeError(f"{kind}: {answer['error']['message']}")
            return answer["result"]

    async def call(self, domain: str, service: str, **data: Any) -> Any:
        """Perform an action."""
        return await self.ask(
            "call_service", domain=domain, service=service, service_data=data
        )

    async def states(self) -> dict[str, dict[str, Any]]:
        """Return the present states by entity id."""
        return {item["entity_id"]: item for item in await self.ask("get_states")}

    async def _start(self) -> None:
        adding = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homeassistant", "--script", "auth"),
            *("-c", str(self.folder), "add", USER, self.password),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await adding.communicate()
        finally:
            # Told to end meanwhile: the folder it writes to is about to go.
            if adding.returncode is None:
                adding.kill()
                await adding.wait()
        if adding.returncode:
            raise HomeError(f"The user could not be made: {output.decode()[-500:]}")
        with (self.folder / "output.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "homeassistant"),
                *("-c", str(self.folder), "--skip-pip"),
                # Where it finds the integrations, and no others.
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own group: Ctrl-C is for us, and we stop it in good order.
                start_new_session=True,
            )
        self._session = aiohttp.ClientSession()
        await self._until_ready()
        await self._log_in()

    async def _until_ready(self) -> None:
        assert self._process is not None
        assert self._session is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    if self._process.returncode is not None:
                        raise HomeError(
                            f"Home Assistant ended at its start:\n{self.log[-3000:]}"
                        )
                    try:
                        async with self._session.get(f"{self.url}/api/onboarding"):
                            return
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.2)
        except TimeoutError:
            raise HomeError(
                f"Home Assistant did not start within {START_SECONDS} s:\n"
                f"{self.log[-3000:]}"
            ) from None

    async def _log_in(self) -> None:
        client = f"{self.url}/"
        flow = await self.rest(
            "POST",
            "/auth/login_flow",
            {
                "client_id": client,
                "handler": ["homeassistant", None],
                "redirect_uri": client,
            },
        )
        answer = await self.rest(
            "POST",
            f"/auth/login_flow/{flow['flow_id']}",
            {"client_id": client, "username": USER, "password": self.password},
        )
        assert self._session is not None
        form = {
            "grant_type": "authorization_code",
            "code": answer["result"],
            "client_id": client,
        }
        async with self._session.post(f"{self.url}/auth/token", data=form) as response:
            self.tokens = await response.json()

    async def _stop(self) -> None:
        try:
            if self._websocket is not None:
                await self._websocket.close()
            if self._session is not None:
                await self._session.close()
        finally:
            await self._end_process()

    async def _end_process(self) -> None:
        """End Home Assistant, also where this is broken off itself."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            print("Home Assistant did not end by itself.", file=sys.stderr)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
