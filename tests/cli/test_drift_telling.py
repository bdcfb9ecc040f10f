"""Metrics of a check for drift, and telling an address of it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from keyplan.app.notifying import Notifier
from keyplan.app.workspace import Workspace
from keyplan.errors import KeyplanError, UsageError
from keyplan.sdk.store import LeaseInfo
from keyplan.session.clock import SYSTEM_CLOCK
from tests.cli.conftest import Run
from tests.cli.drifting import RELABELLED, behind
from tests.support.exposition import read_exposition


@pytest.fixture
def applied(keyplan: Run, stack: Path) -> Path:
    """The stack, applied."""
    assert keyplan("apply", "--auto-approve").code == 0
    return stack


def measured(folder: Path, stack: str = "payments") -> dict[str, float]:
    """The metrics that only say the stack."""
    found = read_exposition((folder / "drift.prom").read_text())
    return {name: value for (name, labels), value in found.items() if labels == (("stack", stack),)}


FAILED = "keyplan_drift_last_run_success"
CHECKED = "keyplan_drift_last_success_timestamp_seconds"
RUN = "keyplan_drift_last_run_timestamp_seconds"


def test_metrics_are_for_another_account_and_replaced_in_one_step(
    keyplan: Run, applied: Path
) -> None:
    behind(applied, RELABELLED)
    file = applied / "drift.prom"
    file.write_text("of yesterday\n")
    file.chmod(0o600)
    with file.open() as reading:
        assert keyplan("drift", "--metrics", "drift.prom").code == 2
        assert reading.read() == "of yesterday\n", "who reads has the old file or the new"
    assert file.stat().st_mode & 0o777 == 0o644
    found = read_exposition(file.read_text())
    of = (("stack", "payments"), ("provider", "hsm"))
    assert found["keyplan_drift_items", (*of, ("kind", "metadata"))] == 1
    assert found["keyplan_drift_items", (*of, ("kind", "vanished"))] == 0
    assert measured(applied)["keyplan_drift_keys"] == 1
    assert list(applied.glob(".drift.prom*")) == []


def broken_store(folder: Path) -> None:
    (folder / ".keyplan" / "hsm.db").write_bytes(b"not a database")


def broken_stack(folder: Path) -> None:
    (folder / "keyplan.yaml").write_text("keys: [")


def busy(folder: Path) -> None:
    store = Workspace(folder, environment={}).store
    store.acquire(LeaseInfo("x", "ana@laptop", "apply", SYSTEM_CLOCK.now()))


@pytest.mark.parametrize("happens", [broken_store, broken_stack, busy])
def test_a_check_that_fails_leaves_no_figures_of_yesterday(
    keyplan: Run, applied: Path, happens: Callable[[Path], None]
) -> None:
    assert keyplan("drift", "--metrics", "drift.prom").code == 0
    before = measured(applied)
    assert (before[FAILED], before[RUN]) == (1, before[CHECKED])
    happens(applied)
    assert keyplan("drift", "--metrics", "drift.prom").code == 1
    after = measured(applied)
    assert after.keys() == {FAILED, RUN, CHECKED}
    assert (after[FAILED], after[CHECKED]) == (0, before[CHECKED])
    assert after[RUN] >= before[RUN]


def test_a_check_that_is_interrupted_says_so_in_its_metrics(
    keyplan: Run, applied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("keyplan.cli.drift.check_drift", interrupted)
    assert keyplan("drift", "--metrics", "drift.prom").code == 130
    assert measured(applied)[FAILED] == 0


def test_metrics_that_cannot_be_written_are_the_error(keyplan: Run, applied: Path) -> None:
    result = keyplan("drift", "--metrics", "nowhere/drift.prom")
    assert (result.code, "nowhere/drift.prom" in result.err) == (1, True)


# -- telling others ----------------------------------------------------------------------


@dataclass
class Receiver:
    """A web server on this machine that remembers what it was sent."""

    url: str
    got: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@contextmanager
def receiving(status: int = 202, **headers: str) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.got.append((self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook?token=secret-1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_drift_is_told_as_a_cloudevent(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    with receiving() as receiver:
        assert keyplan("drift", "--notify", receiver.url).code == 2
        assert keyplan("drift", env={"KEYPLAN_NOTIFY": receiver.url}).code == 2
    (path, headers, event), (_, _, again) = receiver.got
    assert path == "/hook?token=secret-1"
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert (event["specversion"], event["type"]) == ("1.0", "io.keyplan.drift.detected.v1")
    assert event["source"] == "/keyplan/payments"
    assert event["id"] == again["id"], "receivers drop what they know"
    assert event["data"]["counts"]["metadata"] == 1
    assert event["data"]["items"][0]["path"] == "labels:team"
    assert "theirs" not in json.dumps(event), "values stay where they were found"


def test_without_drift_nobody_is_told(keyplan: Run, applied: Path) -> None:
    with receiving() as receiver:
        assert keyplan("drift", "--notify", receiver.url).code == 0
    assert receiver.got == []


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_a_receiver_that_refuses_is_a_warning_without_the_secret(
    keyplan: Run, applied: Path, status: int
) -> None:
    behind(applied, RELABELLED)
    with receiving() as elsewhere, receiving(status, Location=elsewhere.url) as receiver:
        result = keyplan("drift", "--notify", receiver.url)
    assert result.code == 2
    assert f"127.0.0.1 was not notified of the drift: it answered {status}" in " ".join(
        result.err.split()
    )
    assert "secret" not in result.out + result.err
    assert elsewhere.got == []


def test_a_receiver_that_is_not_there_is_a_warning(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    with receiving() as receiver:
        url = receiver.url.replace("http://", "http://user:secret-2@")
    result = keyplan("drift", "--notify", url)
    assert (result.code, "connection refused" in result.err) == (2, True)
    assert "secret" not in result.out + result.err


def test_a_user_in_the_address_becomes_a_header(keyplan: Run, applied: Path) -> None:
    behind(applied, RELABELLED)
    with receiving() as receiver:
        keyplan("drift", "--notify", receiver.url.replace("http://", "http://u:p%40@"))
    assert receiver.got[0][1]["Authorization"] == "Basic dTpwQA=="


# -- receivers that are slow, or not meant -----------------------------------------------


@contextmanager
def dripping(head: bytes, drips: int) -> Iterator[str]:
    """A server that answers a byte at a time, always in time for the next, and then is done."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, suppress(OSError):
            connection = server.accept()[0]
            with connection:
                connection.recv(65536)
                connection.sendall(head)
                for _ in range(drips):
                    if stop.wait(0.02):
                        return
                    connection.sendall(b"x")
                connection.sendall(b"\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/secret"
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_a_receiver_that_drips_has_one_deadline_for_all_of_it(head: bytes) -> None:
    with dripping(head, drips=1000) as url, pytest.raises(KeyplanError) as refusal:
        Notifier(url, patience=0.3).post({"id": "1"}, "application/json")
    assert refusal.value.what == "127.0.0.1 was not notified of the drift: no answer within 0.3 s"


def test_a_receiver_that_is_slow_and_in_time_is_fine() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", drips=5) as url:
        Notifier(url, patience=30).post({"id": "1"}, "application/json")


def test_a_host_whose_name_is_never_found_has_the_same_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found.wait(60) or [])
    with pytest.raises(KeyplanError, match="no answer within"):
        Notifier("https://hooks.example/secret", patience=0.1).post({}, "application/json")
    found.set()


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/secret", "file:///secret", "ftp://127.0.0.1/secret", "https://", "x y",
     "http://127.0.0.1.example/secret", "https://host:0/secret", "//host/secret"],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused_without_being_said(url: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Notifier(url)
    assert "secret" not in str(refusal.value) + refusal.value.what + refusal.value.advice
