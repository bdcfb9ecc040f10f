"""What a real PostgreSQL adds to the contract: death, fences, lost answers, refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from keyplan.errors import BusyError, StateConflictError, StoreError
from keyplan.testing.store_contract import lease_info
from keyplan_state.postgres import PostgresStore
from tests.support.postgres import PostgresServer
from tests.unit.state.postgres_stores import postgres_store

_HOLD = """
import sys, time
from pathlib import Path
from keyplan.testing.store_contract import lease_info
from keyplan_state.postgres import STORE
settings = STORE.settings_model.model_validate({"url": {"env": "URL"}, "stack": "payments"})
store = STORE.open(settings, stack=Path("."), environment={"URL": sys.argv[1]})
lease = store.acquire(lease_info())
store.append("run-1", [b"one"], lease=lease)
print("held", flush=True)
sys.stdin.readline()
store.append("run-1", [b"two"], lease=lease)
"""


@pytest.fixture
def store(postgres_url: str) -> PostgresStore:
    return postgres_store(postgres_url)


@pytest.fixture
def sql(postgres: PostgresServer, postgres_database: str) -> Callable[..., list]:
    return lambda statement, *values: postgres.sql(statement, postgres_database, *values)


@contextmanager
def _holder(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lease."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# -- creating ----------------------------------------------------------------------------


def test_reading_creates_nothing(store: PostgresStore, sql) -> None:
    assert store.load() is None
    assert store.holder() is None
    assert store.versions() == store.open_logs() == store.closed_logs() == []
    assert sql("SELECT 1 FROM pg_namespace WHERE nspname = 'keyplan'") == []
    store.acquire(lease_info()).release()
    assert sql("SELECT version FROM keyplan.format") == [(1,)]


def test_stacks_and_schemas_are_apart(postgres_url: str) -> None:
    places = [
        postgres_store(postgres_url),
        postgres_store(postgres_url, stack="billing"),
        postgres_store(postgres_url, schema="other"),
    ]
    leases = [place.acquire(lease_info()) for place in places]
    for number, (place, lease) in enumerate(zip(places, leases, strict=True)):
        place.commit(b"%d" % number, expected=None, lease=lease)
        place.append("run-1", [b"%d" % number], lease=lease)
    for number, place in enumerate(places):
        found = place.load()
        assert found is not None
        assert (found.content, place.read_log("run-1")) == (b"%d" % number, b"%d\n" % number)


def test_a_user_without_the_right_to_create_is_told(
    postgres: PostgresServer, postgres_database: str, sql
) -> None:
    role = f"limited_{postgres_database}"
    sql(f"CREATE ROLE {role} LOGIN PASSWORD 'limited-secret'")
    try:
        url = f"postgresql://{role}:limited-secret@127.0.0.1:{postgres.port}/{postgres_database}"
        with pytest.raises(StoreError, match="may not do this") as caught:
            postgres_store(url).acquire(lease_info())
        assert "CREATE SCHEMA" in caught.value.advice
        sql(f"CREATE SCHEMA keyplan AUTHORIZATION {role}")
        lease = postgres_store(url).acquire(lease_info())
        lease.release()
    finally:
        sql(f"DROP OWNED BY {role}")
        sql(f"DROP ROLE {role}")


def test_tables_of_a_newer_keyplan_are_refused(store: PostgresStore, sql) -> None:
    store.acquire(lease_info()).release()
    sql("UPDATE keyplan.format SET version = 99")
    for ask in (store.load, store.open_logs, lambda: store.acquire(lease_info())):
        with pytest.raises(StoreError, match="newer keyplan"):
            ask()


# -- the lease ---------------------------------------------------------------------------


def test_a_holder_that_is_killed_frees_itself_after_its_time(postgres_url: str, sql) -> None:
    store = postgres_store(postgres_url)
    with _holder(postgres_url) as process:
        holder = store.holder()
        assert holder is not None
        assert holder.id == lease_info().id
        with pytest.raises(BusyError, match="user1@host"):
            store.acquire(lease_info(2))
        process.kill()
        process.wait()
        with pytest.raises(BusyError, match="user1@host"):  # it might only be cut off
            store.acquire(lease_info(2))
        sql("UPDATE keyplan.leases SET renewed = renewed - interval '60 seconds'")
        lease = store.acquire(lease_info(2))
    store.append("run-1", [b"mine"], lease=lease)
    assert store.read_log("run-1") == b"one\nmine\n"


def test_a_paused_holder_that_lost_the_lease_writes_nothing(postgres_url: str, sql) -> None:
    store = postgres_store(postgres_url)
    with _holder(postgres_url) as process:
        os.kill(process.pid, signal.SIGSTOP)
        store.unlock(lease_info().id)
        lease = store.acquire(lease_info(2))
        store.append("run-1", [b"mine"], lease=lease)
        os.kill(process.pid, signal.SIGCONT)
        _, said = process.communicate(b"\n", timeout=60)
    assert process.returncode != 0
    assert b"BusyError" in said
    assert store.read_log("run-1") == b"one\nmine\n"
    assert [row[0] for row in sql("SELECT fence FROM keyplan.leases")] == [2]


def test_time_is_the_servers(postgres_url: str, sql) -> None:
    """A holder whose row was not renewed for its time to live has lost it, and writes nothing."""
    store, other = postgres_store(postgres_url), postgres_store(postgres_url)
    lease = store.acquire(lease_info())
    with pytest.raises(BusyError):
        other.acquire(lease_info(2))
    sql("UPDATE keyplan.leases SET renewed = renewed - interval '61 seconds'")
    with pytest.raises(BusyError):
        store.append("run-1", [b"late"], lease=lease)
    taken = other.acquire(lease_info(2))
    other.append("run-1", [b"mine"], lease=taken)
    with pytest.raises(BusyError):
        store.commit(b"late", expected=None, lease=lease)
    assert other.read_log("run-1") == b"mine\n"


def test_a_heartbeat_keeps_the_lease_and_a_lost_connection_does_not_end_it(
    postgres_url: str, sql
) -> None:
    store, other = postgres_store(postgres_url, ttl=3.0), postgres_store(postgres_url, ttl=3.0)
    lease = store.acquire(lease_info())
    until = time.monotonic() + 4.5
    while time.monotonic() < until:
        cut = sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'keyplan' AND pid <> pg_backend_pid()"
        )
        assert cut
        with pytest.raises(BusyError, match="user1@host"):
            other.acquire(lease_info(2))
        time.sleep(0.3)
        lease.check()
    store.append("run-1", [b"one"], lease=lease)
    lease.check()
    lease.release()
    other.acquire(lease_info(2)).release()


def test_two_that_make_the_tables_at_once(postgres_url: str) -> None:
    """The lease decides between them, nothing breaks."""
    lease = postgres_store(postgres_url).acquire(lease_info())
    with pytest.raises(BusyError):
        postgres_store(postgres_url).acquire(lease_info(2))
    lease.check()


# -- answers that are lost ---------------------------------------------------------------


def _losing(monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> list[str]:
    """The next commit of a transaction loses its connection, after or before it is done."""
    lost: list[str] = []
    real = psycopg.Transaction.__exit__

    def leave(self, *raised):
        if raised[0] is not None or lost or self.connection.info.transaction_status == 0:
            return real(self, *raised)
        lost.append("lost")
        if committed:
            real(self, *raised)
        self.connection.close()
        raise psycopg.OperationalError("the connection was lost")

    monkeypatch.setattr(psycopg.Transaction, "__exit__", leave)
    return lost


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_whose_answer_is_lost_is_done_once(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, sql, committed: bool
) -> None:
    lease = store.acquire(lease_info())
    lost = _losing(monkeypatch, committed=committed)
    version = store.commit(b"one", expected=None, lease=lease)
    assert lost == ["lost"]
    found = store.load()
    assert found is not None
    assert (found.content, found.version) == (b"one", version)
    assert sql("SELECT count(*) FROM keyplan.states") == [(1,)]


@pytest.mark.parametrize("committed", [True, False])
def test_lines_whose_answer_is_lost_are_there_once(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    lease = store.acquire(lease_info())
    store.append("run-1", [b"one"], lease=lease)
    lost = _losing(monkeypatch, committed=committed)
    store.append("run-1", [b"two", b"three"], lease=lease)
    assert lost == ["lost"]
    assert store.read_log("run-1") == b"one\ntwo\nthree\n"


def test_a_conflict_stays_one(store: PostgresStore, postgres_url: str) -> None:
    lease = store.acquire(lease_info())
    version = store.commit(b"one", expected=None, lease=lease)
    with pytest.raises(StateConflictError):
        store.commit(b"two", expected=None, lease=lease)
    for number in range(105):
        version = store.commit(b"%d" % number, expected=version, lease=lease)
    kept = store.versions()
    assert len(kept) == 101
    assert store.content(kept[0]) == b"4"
    assert store.content("1-nothing") is None


def test_a_crash_of_the_server_keeps_what_was_answered(
    postgres: PostgresServer, store: PostgresStore
) -> None:
    lease = store.acquire(lease_info())
    store.commit(b"one", expected=None, lease=lease)
    store.append("run-1", [b"one"], lease=lease)
    postgres.kill()
    try:
        with pytest.raises(StoreError, match="cannot be reached"):
            store.append("run-1", [b"two"], lease=lease)
    finally:
        postgres.start()
    store.append("run-1", [b"two"], lease=lease)
    assert store.read_log("run-1") == b"one\ntwo\n"
    found = store.load()
    assert found is not None
    assert found.content == b"one"


def test_commits_are_durable_whatever_the_default(store: PostgresStore, sql) -> None:
    (database,) = sql("SELECT current_database()")[0]
    sql(f"ALTER DATABASE {database} SET synchronous_commit = off")
    lease = store.acquire(lease_info())
    sql("CREATE TABLE public.seen (setting text)")
    sql(
        "CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO"
        " public.seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$"
    )
    for table in ("states", "lines"):
        sql(f"CREATE TRIGGER see AFTER INSERT ON keyplan.{table} EXECUTE FUNCTION public.see()")
    store.commit(b"one", expected=None, lease=lease)
    store.append("run-1", [b"one"], lease=lease)
    assert sql("SELECT * FROM public.seen") == [("on",), ("on",)]


# -- refusals ----------------------------------------------------------------------------


def test_a_server_that_hangs_is_given_up(
    postgres: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch, sql
) -> None:
    store = postgres_store(f"{postgres_url}?connect_timeout=2")
    lease = store.acquire(lease_info())
    monkeypatch.setattr(store._link, "_patience", 0.5)
    assert store.load() is None
    backends = [row[0] for row in sql(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'keyplan'")]  # fmt: skip
    for pid in [*backends, postgres.pid]:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreError):
            store.append("run-1", [b"one"], lease=lease)
    finally:
        for pid in [postgres.pid, *backends]:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://keyplan:wr0ng-secret@127.0.0.1:{port}/postgres", "refuses the connection"),
        (
            "postgresql://keyplan:p%40ss%2Fword-of-tests@127.0.0.1:{port}/nowhere",
            "refuses the connection",
        ),
        ("postgresql://keyplan:wr0ng-secret@127.0.0.1:1/postgres", "cannot be reached"),
    ],
)
def test_what_the_server_refuses_is_said_without_the_password(
    postgres: PostgresServer, url: str, expected: str
) -> None:
    with pytest.raises(StoreError, match=expected) as caught:
        postgres_store(url.format(port=postgres.port)).load()
    said = repr(caught.value.__dict__) + str(caught.value)
    assert "secret" not in said
    assert "word-of-tests" not in said
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_connections_end_with_their_store(postgres_url: str, sql) -> None:
    store = postgres_store(postgres_url)
    store.acquire(lease_info()).release()
    assert store.load() is None
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keyplan'"
    assert sql(count) == [(2,)]
    del store
    until = time.monotonic() + 20
    while sql(count) != [(0,)] and time.monotonic() < until:
        time.sleep(0.05)
    assert sql(count) == [(0,)]
