"""A Home Assistant in a process of its own, at whatever hour is midnight now."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import signal
import socket
import sys
from typing import Any, NamedTuple

from custom_components.ocpp_charging.vehicles.settings import DAYS
from tests.conftest import charger_data

ROOT = Path(__file__).parents[2]
READY_S = 45.0
FUSE_A = 16.0
"""What the fuse of each charger bears, which is told to Home Assistant alone."""
MAIN_A = 30.0
"""What the main fuse bears, on which all of them hang; it has no meter."""
HOUSE_A = 5.0
"""What else flows through it at most, on each phase, as the owner has said."""
TURNED = "231"
"""The house's phases behind L1, L2 and L3 of a charger of a car with one phase."""
PRICE = {
    "reader": "typed",
    "title": "Day and night",
    "amount": 0.30,
    "periods": [{"start": "02:00", "end": "04:30", "amount": 0.20}],
}


class Need(NamedTuple):
    """What the car of a charger needs, and on how many phases it charges."""

    kwh: float
    phases: int


def zone_of_midnight(now: datetime) -> str:
    """Return a time zone in which it is between 0:00 and 1:00 o'clock."""
    hour = now.astimezone(UTC).hour
    return f"Etc/GMT+{hour}" if hour <= 12 else f"Etc/GMT-{24 - hour}"


def midnight(now: datetime) -> datetime:
    """Return when the hour that is midnight there has begun."""
    return now.replace(minute=0, second=0, microsecond=0)


class KillableHome:
    """A running Home Assistant, and what it has said of its chargers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def heard(self, key: str) -> dict[str, Any]:
        """Return the next thing that it says of a kind."""
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_S):
            while line := await self._process.stdout.readline():
                if line.startswith(b"{"):
                    said: dict[str, Any] = json.loads(line)
                    if key in said:
                        return said
        raise AssertionError("Home Assistant has ended")

    async def kill(self) -> None:
        """Kill it as `kill -9` does."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()


@asynccontextmanager
async def home(
    folder: Path, needs: dict[str, Need], *, mode: str = "smart"
) -> AsyncIterator[KillableHome]:
    """Start a Home Assistant that knows some chargers; it is killed at the end."""
    _furnish(folder, needs, mode)
    with (folder / "errors.log").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homeassistant", "-c", str(folder), "--skip-pip"),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        one = KillableHome(process)
        try:
            yield one
        finally:
            await one.kill()


def _furnish(folder: Path, needs: dict[str, Need], mode: str) -> None:
    zone = zone_of_midnight(datetime.now(UTC))
    (folder / "configuration.yaml").write_text(
        f"homeassistant:\n  time_zone: {zone}\n  currency: EUR\n"
        f"frontend:\nnight:\n  chargers: {len(needs)}\n  mode: {mode}\n"
        "logger:\n  default: warning\n"
    )
    parts = folder / "custom_components"
    (parts / "night").mkdir(parents=True)
    (parts / "night" / "__init__.py").write_text(
        (Path(__file__).parent / "night.py").read_text()
    )
    manifest = {
        "domain": "night",
        "name": "Night",
        "after_dependencies": ["ocpp_charging"],
        "codeowners": [],
        "dependencies": [],
        "documentation": "https://example.org",
        "integration_type": "hub",
        "iot_class": "local_push",
        "requirements": [],
        "version": "1.0.0",
    }
    (parts / "night" / "manifest.json").write_text(json.dumps(manifest))
    (parts / "ocpp_charging").symlink_to(ROOT / "custom_components" / "ocpp_charging")
    (folder / ".storage").mkdir()
    now = datetime.now(UTC).isoformat()
    entry = {
        "created_at": now,
        "modified_at": now,
        "data": {
            "host": "127.0.0.1",
            "port": 0,
            "security": "ws",
            "certificate": "own_ca",
            "names": [],
        },
        "disabled_by": None,
        "discovery_keys": {},
        "domain": "ocpp_charging",
        "entry_id": "night",
        "minor_version": 1,
        "options": {"price": PRICE},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "subentries": [
            *(_charger(identity) for identity in needs),
            *(_car(identity, need) for identity, need in needs.items()),
            _main_fuse([each for each, need in needs.items() if need.phases == 1]),
        ],
        "title": "Central system",
        "unique_id": None,
        "version": 1,
    }
    store(folder, "core.config_entries", (1, 5), {"entries": [entry]})
    done = ["user", "core_config", "analytics", "integration"]
    store(folder, "onboarding", (4, 1), {"done": done})
    server = {
        "server_host": ["127.0.0.1"],
        "server_port": _free_port(),
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": now,
        "error": None,
        "error_message": None,
    }
    served = {"stable": server, "pending": None, "yaml_migration_done": True}
    store(folder, "http", (2, 2), served)


def _charger(identity: str) -> dict[str, Any]:
    return {
        "data": charger_data(identity, max_current_a=FUSE_A),
        "subentry_id": identity,
        "subentry_type": "charger",
        "title": identity,
        "unique_id": identity,
    }


def _car(identity: str, need: Need) -> dict[str, Any]:
    """Return the car of a charger, which leaves at seven."""
    return {
        "data": {
            "phases": need.phases,
            "max_current_a": 16.0,
            "preferred_charger": identity,
            "energy_kwh": need.kwh,
            "departures": dict.fromkeys(DAYS, "07:00:00"),
        },
        "subentry_id": f"car-{identity}",
        "subentry_type": "vehicle",
        "title": f"Car {identity}",
        "unique_id": None,
    }


def _main_fuse(turned: list[str]) -> dict[str, Any]:
    return {
        "data": {
            "limit_a": [MAIN_A] * 3,
            "other_a": HOUSE_A,
            "wiring": dict.fromkeys(turned, TURNED),
        },
        "subentry_id": "main",
        "subentry_type": "circuit",
        "title": "Main fuse",
        "unique_id": None,
    }


def store(folder: Path, key: str, version: tuple[int, int], data: Any) -> None:
    """Write a file as Home Assistant keeps it."""
    content = {"version": version[0], "minor_version": version[1], "key": key}
    (folder / ".storage" / key).write_text(json.dumps(content | {"data": data}))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def hours_after(now: datetime, hours: float) -> datetime:
    """Return a time of the night."""
    return midnight(now) + timedelta(hours=hours)
