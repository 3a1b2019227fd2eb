"""A picture of the dashboard, taken with a real browser without a screen."""

import asyncio
import base64
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import tempfile
from typing import Any

import aiohttp

from .home import ZONE, Home, HomeError

_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


def find_browser() -> str:
    """Return a Chromium; installs Debian's where there is none and it may.

    Raises `HomeError` with what to do.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium (Debian's own package) ...", flush=True)
        for command in (["update"], ["install", "-y", "--no-install-recommends"]):
            packages = ["chromium", "fonts-dejavu-core"] if command[1:] else []
            subprocess.run(
                ["apt-get", "-qq", *command, *packages],
                check=True,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
        found = shutil.which("chromium")
        if found:
            return found
    raise HomeError("No browser: install Chromium and run this again.")


class _Page:
    """One browser tab, driven over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last_id = 0

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        self._last_id += 1
        await self._socket.send_json(
            {"id": self._last_id, "method": method, "params": params}
        )
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == self._last_id:
                result: dict[str, Any] = answer.get("result", {})
                return result


async def photograph(
    home: Home,
    path: str,
    file: Path,
    *,
    size: tuple[int, int] = (1280, 800),
    settle: float = 8,
) -> None:
    """Save a picture of one of Home Assistant's pages as a PNG.

    `settle` is how long the page may take to draw itself, in seconds.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="ocpp-charging-browser-") as profile:
        flags = [*_FLAGS, f"--window-size={size[0]},{size[1]}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        process = await asyncio.create_subprocess_exec(
            *(browser, *flags, f"--user-data-dir={profile}", "about:blank"),
            env=os.environ | {"TZ": ZONE},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                await _take(process, home, path, file, size, settle)
        finally:
            process.terminate()
            await process.wait()


async def _take(
    process: asyncio.subprocess.Process,
    home: Home,
    path: str,
    file: Path,
    size: tuple[int, int],
    settle: float,
) -> None:
    assert process.stderr is not None
    found = None
    while found is None:
        line = (await process.stderr.readline()).decode(errors="replace")
        if not line:
            raise HomeError("The browser ended at its start.")
        found = re.search(r"ws://127\.0\.0\.1:(\d+)/", line)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{found.group(1)}/json/list") as got:
            tabs = await got.json()
        target = next(tab for tab in tabs if tab["type"] == "page")
        async with session.ws_connect(
            target["webSocketDebuggerUrl"], max_msg_size=0
        ) as socket:
            page = _Page(socket)
            await page.send("Page.enable")
            tokens = home.tokens | {
                "hassUrl": home.url,
                "clientId": f"{home.url}/",
                "expires": 4_102_444_800_000,
            }
            await page.send(
                "Page.addScriptToEvaluateOnNewDocument",
                source=(
                    "localStorage.setItem('hassTokens', "
                    f"{json.dumps(json.dumps(tokens))});"
                    "localStorage.setItem('dockedSidebar', '\"always_hidden\"');"
                ),
            )
            await page.send(
                "Emulation.setDeviceMetricsOverride",
                width=size[0],
                height=size[1],
                deviceScaleFactor=1.5,
                mobile=False,
            )
            await page.send("Page.navigate", url=f"{home.url}{path}")
            await asyncio.sleep(settle)
            shot = await page.send("Page.captureScreenshot", format="png")
            data = base64.b64decode(shot["data"])
            await asyncio.to_thread(file.write_bytes, data)
