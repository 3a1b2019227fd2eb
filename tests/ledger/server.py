"""A real PostgreSQL server, for as long as the tests run."""

from collections.abc import Generator
import importlib.util
import os
from pathlib import Path
import shutil
import socket
import subprocess
import tempfile
import time

import pytest
from pytest_socket import enable_socket

USER = "ledger"
PASSWORD = "only for these tests"


def _programs() -> Path | None:
    """Return the folder of the newest PostgreSQL server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    program = shutil.which("postgres")
    return Path(program).parent if program else None


class PostgreSQL:
    """A server with a folder of its own on a free port of 127.0.0.1.

    PostgreSQL refuses to run as root: where the tests do, it runs as `nobody`.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._folder = folder
        self._databases = 0
        self._user = "nobody" if os.getuid() == 0 else None
        enable_socket()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @classmethod
    def running(cls, tmp_path_factory: pytest.TempPathFactory) -> Generator[PostgreSQL]:
        programs = _programs()
        if programs is None:
            pytest.skip("there is no PostgreSQL server (Debian: postgresql)")
        if importlib.util.find_spec("psycopg") is None:
            pytest.skip("the driver psycopg is not installed")
        # pytest's own folders cannot be entered by another user.
        folder = Path(tempfile.mkdtemp(prefix="ledger-postgresql-"))
        try:
            server = cls(programs, folder)
            server.create()
            server.start()
            try:
                yield server
            finally:
                server.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def create(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._user:
            shutil.chown(self._folder, self._user)
            shutil.chown(password, self._user)
        self._run(
            "initdb", "-D", self._data, "-U", USER, "--auth=scram-sha-256",
            "--pwfile", password, "--encoding=UTF8", "--no-sync", "--locale=C",
        )  # fmt: skip

    def start(self) -> None:
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
            f" -c unix_socket_directories={self._folder} -c shared_buffers=16MB"
        )
        self._run(
            "pg_ctl", "-D", self._data, "-o", settings, "-w", "-t", "30",
            "-l", self._folder / "log", "start",
        )  # fmt: skip

    def stop(self) -> None:
        """Stop it as a power cut would: connections end at once."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        self._databases += 1
        name = f"ledger{self._databases}"
        environment = {"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"]}
        subprocess.run(
            [
                self._programs / "psql", "-h", "127.0.0.1", "-p", str(self.port),
                "-U", USER, "-d", "postgres", "-q", "-c", f"CREATE DATABASE {name}",
            ],
            env=environment,
            check=True,
            timeout=30,
        )  # fmt: skip
        return self.new_url(name)

    def new_url(self, name: str = "postgres", password: str = PASSWORD) -> str:
        """Return the URL of a database, whether it is there or not."""
        secret = password.replace(" ", "%20")
        return f"postgresql://{USER}:{secret}@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            check=False,
            timeout=60,
            cwd=self._folder,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            user=self._user,
        )
        if done.returncode:
            log = self._folder / "log"
            text = log.read_text() if log.exists() else str(done.stderr)
            raise RuntimeError(f"{program} failed: {text[-2000:]}")


def wait_for_port_to_close(port: int, timeout: float = 10) -> None:
    """Wait until nobody listens on a port of 127.0.0.1 any more."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
    raise TimeoutError("the port is still open")
