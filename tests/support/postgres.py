"""A real PostgreSQL for tests: one server a test process, one database a test.

    def test_something(postgres_url: str) -> None: ...       # an empty database
    def test_other(postgres: PostgresServer) -> None: ...    # the server, to stop and start it

Rules: it listens on 127.0.0.1 only, at a free port, with a password; it never runs as
root; it is stopped, and its files removed, by who started it. Without PostgreSQL the tests
are skipped, unless CI is set: there its absence is a failure.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

_USER = "keyplan"
_PASSWORD = "p@ss/word-of-tests"
_QUOTED = "p%40ss%2Fword-of-tests"
_START_SECONDS = 60.0


@dataclass
class PostgresServer:
    """One server; `stop` and `start` keep its files, `kill` is a crash."""

    programs: Path
    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """The postmaster's."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str = "postgres", **parameters: str) -> str:
        """The address of a database, password included."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return (
            f"postgresql://{_USER}:{_QUOTED}@127.0.0.1:{self.port}/{database}"
            f"{'?' if query else ''}{query}"
        )

    def sql(self, statement: str, database: str = "postgres", *parameters: Any) -> list[Any]:
        """The rows of one statement as administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Return when it answers."""
        command = [self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                **_unprivileged(),
            )  # fmt: skip
        _wait_until_ready(self)

    def stop(self) -> None:
        """As an administrator would: connections are ended, everything is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a crash: nothing more is written, the next start recovers from its log."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait(60)


def _programs() -> Path | None:
    """Where `initdb` and `postgres` are: on the path, or where Debian keeps them."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: p.parent.parent)
    return kept[-1].parent if kept else None


def _unprivileged() -> dict[str, Any]:
    """Whom the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: PostgresServer) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(server.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            process = server._process
            if time.monotonic() > until or process is None or process.poll() is not None:
                log = (server.folder / "log").read_text(errors="replace")
                pytest.fail(f"PostgreSQL does not start:\n{log}")
            time.sleep(0.05)
        else:
            return


def _made(programs: Path, folder: Path) -> PostgresServer:
    account = _unprivileged()
    if account:
        os.chown(folder, account["user"], account["group"])
    password = folder / "password"
    password.write_text(_PASSWORD)
    password.chmod(0o644)
    subprocess.run(
        [
            programs / "initdb", "-D", folder / "data", "-U", _USER, f"--pwfile={password}",
            "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C",
        ],
        check=True, capture_output=True, cwd=folder, timeout=120, **account,
    )  # fmt: skip
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n"
            "shared_buffers = 16MB\nmax_connections = 60\nautovacuum = off\n"
        )
    return PostgresServer(programs, folder, _free_port())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The server of this test process. Whoever stops it starts it again."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="keyplan-postgres-"))
    try:
        server = _made(programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[str]:
    """The name of an empty database, dropped at the end."""
    name = f"test_{secrets.token_hex(6)}"
    postgres.sql(f"CREATE DATABASE {name}")
    yield name
    postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_database: str) -> str:
    """The address of an empty database."""
    return postgres.url(postgres_database)
