"""Real database servers, for as long as the tests run."""

from abc import ABC, abstractmethod
from collections.abc import Generator
import importlib.util
import os
from pathlib import Path
import shutil
import socket
import subprocess
import tempfile
import time
from typing import ClassVar, Self, override

import pytest
from pytest_socket import enable_socket

USER = "ledger"
PASSWORD = "only for these tests"


class DatabaseServer(ABC):
    """A server with a folder of its own on a free port of 127.0.0.1.

    Servers refuse to run as root: where the tests do, they run as `nobody`.
    """

    scheme: ClassVar[str]
    package: ClassVar[str]
    """Debian's, where it can be had."""
    driver: ClassVar[str]

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        self._databases = 0
        self._user = "nobody" if os.getuid() == 0 else None
        enable_socket()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @classmethod
    def running(cls) -> Generator[Self]:
        programs = cls.programs()
        if programs is None:
            pytest.skip(f"there is no {cls.__name__} server (Debian: {cls.package})")
        if importlib.util.find_spec(cls.driver) is None:
            pytest.skip(f"the driver {cls.driver} is not installed")
        # pytest's own folders cannot be entered by another user.
        folder = Path(tempfile.mkdtemp(prefix=f"ledger-{cls.scheme}-"))
        try:
            server = cls(programs, folder)
            if server._user:
                shutil.chown(folder, server._user)
            server.create()
            server.start()
            try:
                yield server
            finally:
                server.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    @abstractmethod
    def programs() -> Path | None:
        """Return the folder of the server's programs, None where there is none."""

    @abstractmethod
    def create(self) -> None: ...

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None:
        """Stop it as a power cut would: connections end at once."""

    @abstractmethod
    def run_sql(self, statement: str, database: str | None = None) -> None:
        """Run a statement as the owner of all databases."""

    @abstractmethod
    def new_user(self, name: str, database: str) -> str:
        """Return what makes a user who may enter a database, and nothing else."""

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        self._databases += 1
        name = f"ledger{self._databases}"
        self.run_sql(f"CREATE DATABASE {name}")
        return self.new_url(name)

    def new_url(
        self, name: str, *, user: str = USER, password: str = PASSWORD, port: int = 0
    ) -> str:
        """Return the URL of a database, whether it is there or not."""
        secret = password.replace(" ", "%20")
        place = f"127.0.0.1:{port or self.port}"
        return f"{self.scheme}://{user}:{secret}@{place}/{name}"

    def _run(
        self, program: str, *arguments: str | Path, output: bool = True, **options: str
    ) -> None:
        pipe = subprocess.PIPE if output else subprocess.DEVNULL
        done = subprocess.run(
            [self._programs / program, *arguments],
            check=False,
            timeout=60,
            cwd=self._folder,
            stdout=pipe,
            stderr=pipe,
            user=self._user,
            env={"PATH": os.environ["PATH"], **options},
        )
        if done.returncode:
            log = self._folder / "log"
            text = (
                log.read_text() if log.exists() else f"{done.stdout!r} {done.stderr!r}"
            )
            raise RuntimeError(f"{program} failed: {text[-2000:]}")


class PostgreSQL(DatabaseServer):
    """A PostgreSQL server."""

    scheme = "postgresql"
    package = "postgresql"
    driver = "psycopg"

    @staticmethod
    @override
    def programs() -> Path | None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if found:
            return found[-1].parent
        program = shutil.which("postgres")
        return Path(program).parent if program else None

    @override
    def create(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb", "-D", self._data, "-U", USER, "--auth=scram-sha-256",
            "--pwfile", password, "--encoding=UTF8", "--no-sync", "--locale=C",
        )  # fmt: skip

    @override
    def start(self) -> None:
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
            f" -c unix_socket_directories={self._folder} -c shared_buffers=16MB"
        )
        self._run(
            "pg_ctl", "-D", self._data, "-o", settings, "-w", "-t", "30",
            "-l", self._folder / "log", "start", output=False,
        )  # fmt: skip

    @override
    def stop(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self._run(
                "pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop",
                output=False,
            )  # fmt: skip

    @override
    def run_sql(self, statement: str, database: str | None = None) -> None:
        self._run(
            "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER,
            "-d", database or "postgres", "-q", "-c", statement, PGPASSWORD=PASSWORD,
        )  # fmt: skip

    @override
    def new_user(self, name: str, database: str) -> str:
        return (
            f"DROP ROLE IF EXISTS {name}; CREATE ROLE {name} LOGIN PASSWORD"
            f" '{PASSWORD}'; REVOKE CREATE ON DATABASE {database} FROM {name}"
        )


class MariaDB(DatabaseServer):
    """A MariaDB server."""

    scheme = "mysql"
    package = "mariadb-server-core and mariadb-client-core"
    driver = "pymysql"

    _process: subprocess.Popen[bytes] | None = None

    @staticmethod
    @override
    def programs() -> Path | None:
        needed = ("mariadbd", "mariadb-install-db", "mariadb")
        folders = f"{os.environ['PATH']}:/usr/sbin"
        found = [shutil.which(name, path=folders) for name in needed]
        return Path("/") if all(found) else None

    def _program(self, name: str) -> str:
        found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
        assert found is not None
        return found.removeprefix("/")

    @override
    def create(self) -> None:
        self._run(
            self._program("mariadb-install-db"), "--no-defaults",
            f"--datadir={self._data}", "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )  # fmt: skip
        users = self._folder / "users.sql"
        users.write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY"
            f" '{PASSWORD}';\nGRANT ALL ON *.* TO '{USER}'@'127.0.0.1'"
            " WITH GRANT OPTION;\n"
        )
        users.chmod(0o644)

    @override
    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / self._program("mariadbd"), "--no-defaults",
                    f"--datadir={self._data}", f"--port={self.port}",
                    "--bind-address=127.0.0.1", f"--socket={self._folder}/socket",
                    f"--pid-file={self._folder}/pid", "--skip-name-resolve",
                    f"--init-file={self._folder}/users.sql",
                    "--innodb-flush-log-at-trx-commit=2",
                    "--innodb-buffer-pool-size=16M",
                ],
                stdout=log,
                stderr=log,
                user=self._user,
            )  # fmt: skip
        end = time.monotonic() + 30
        while True:
            try:
                return self.run_sql("SELECT 1")
            except RuntimeError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    @override
    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    @override
    def run_sql(self, statement: str, database: str | None = None) -> None:
        self._run(
            self._program("mariadb"), "--no-defaults", "-h", "127.0.0.1",
            "-P", str(self.port), "-u", USER, f"-p{PASSWORD}", "-e", statement,
            *([database] if database else []),
        )  # fmt: skip

    @override
    def new_user(self, name: str, database: str) -> str:
        return (
            f"CREATE OR REPLACE USER '{name}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';"
            f" GRANT SELECT ON {database}.* TO '{name}'@'127.0.0.1'"
        )


def wait_for_port_to_close(port: int, timeout: float = 10) -> None:
    """Wait until nobody listens on a port of 127.0.0.1 any more."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
    raise TimeoutError("the port is still open")
