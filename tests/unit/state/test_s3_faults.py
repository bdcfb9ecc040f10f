"""S3 that fails: answers lost, writes that arrive late, holders that were paused, denied access."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from keyplan.errors import BusyError, StateConflictError, StoreError
from keyplan.testing.store_contract import lease_info
from keyplan_state.held_lease import HeldLease
from keyplan_state.lease_record import Clocks, steady
from keyplan_state.s3 import S3Settings
from keyplan_state.s3_store import S3Store, open_store
from tests.support.s3_fixtures import CREDENTIALS
from tests.support.s3_server import Fault, S3Place, S3Server

TTL = 60.0
FAULTS = ["request lost", "answer lost", "500", "500 after", "503", "409"]


class Runner:
    """A process with a store, and a clock that can be put forward."""

    def __init__(self, place: S3Place, number: int = 1) -> None:
        self.ahead = 0.0
        clocks = Clocks(steady=lambda: steady() + self.ahead)
        self.store = S3Store(place.objects(), ttl=TTL, clocks=clocks)
        self.number = number
        self.held: HeldLease | None = None

    def acquire(self) -> HeldLease:
        self.held = self.store.acquire(lease_info(self.number))
        return self.held


@pytest.fixture
def runner(s3_place: S3Place) -> Iterator[Callable[..., Runner]]:
    made: list[Runner] = []

    def make(number: int = 1) -> Runner:
        made.append(Runner(s3_place, number))
        return made[-1]

    yield make
    for found in made:
        if found.held is not None:
            found.held._stop.set()


@pytest.fixture
def one(runner) -> Runner:
    """It holds the lease, has committed a state, and its run-1 has a line."""
    found = runner()
    lease = found.acquire()
    found.store.commit(b"one", expected=None, lease=lease)
    found.store.append("run-1", [b"one"], lease=lease)
    return found


# -- answers that are lost ---------------------------------------------------------------


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("part", ["/state", "/states/"])
def test_commit_is_decided(one: Runner, s3_server: S3Server, part: str, kind: str) -> None:
    version = one.store.load().version
    s3_server.faults.append(Fault(kind, part=part, count=2))
    second = one.store.commit(b"two", expected=version, lease=one.held)
    assert one.store.load().content == b"two"
    assert list(one.store.versions()) == [version, second]
    assert one.store.content(version) == b"one"
    assert s3_server.faults[0].count < 2


@pytest.mark.parametrize("kind", FAULTS)
def test_append_is_decided(one: Runner, s3_server: S3Server, kind: str) -> None:
    s3_server.faults.append(Fault(kind, part="/journal/"))
    one.store.append("run-1", [b"two"], lease=one.held)
    one.store.append("run-1", [b"three"], lease=one.held)
    assert one.store.read_log("run-1") == b"one\ntwo\nthree\n"
    assert s3_server.faults[0].count == 0


@pytest.mark.parametrize("kind", FAULTS)
def test_lease_is_decided(runner, s3_server: S3Server, kind: str) -> None:
    found = runner()
    s3_server.faults.append(Fault(kind, part="/lease"))
    try:
        found.acquire()
    except BusyError:  # nothing was written and nobody had it: the next try takes it
        found.acquire()
    s3_server.faults.append(Fault(kind, part="/lease"))
    found.held._renew()
    found.held.check()
    s3_server.faults.append(Fault(kind, part="/lease"))
    found.held.release()
    assert found.store.holder() is None
    assert not any(fault.count for fault in s3_server.faults)


@pytest.mark.parametrize("kind", FAULTS)
def test_cut_and_archive_are_decided(one: Runner, s3_server: S3Server, kind: str) -> None:
    one.store.append("run-1", [b"two"], lease=one.held)
    s3_server.faults += [Fault(kind, part="/journal/"), Fault(kind, part="/archive/")]
    one.store.truncate_log("run-1", 4, lease=one.held)
    one.store.archive("run-1", lease=one.held)
    assert one.store.read_log("run-1") == b"one\n"
    assert (one.store.open_logs(), one.store.closed_logs()) == ([], ["run-1"])


def test_reads_are_asked_again(one: Runner, s3_server: S3Server) -> None:
    s3_server.faults.append(Fault("500", method="GET", part="/state"))
    assert one.store.load().content == b"one"


@pytest.mark.parametrize("kind", ["request lost", "answer lost"])
def test_append_that_stayed_undecided_is_never_doubled(
    one: Runner, s3_server: S3Server, kind: str
) -> None:
    """The network goes down in the middle: the lines wait, and come once, whatever happened."""
    s3_server.faults += [
        Fault(kind, part="/journal/"),
        Fault("request lost", method="GET", part="/journal/", count=99),
        Fault("request lost", part="/journal/", count=99),
    ]
    with pytest.raises(StoreError, match="cannot"):
        one.store.append("run-1", [b"two"], lease=one.held)
    s3_server.faults.clear()
    one.store.append("run-1", [b"two", b"three"], lease=one.held)
    one.store.append("run-1", [b"four"], lease=one.held)
    assert one.store.read_log("run-1") == b"one\ntwo\nthree\nfour\n"


def test_store_that_stays_down_says_so(one: Runner, s3_server: S3Server) -> None:
    version = one.store.load().version
    s3_server.faults.append(Fault("503", part="/state", count=99))
    with pytest.raises(StoreError) as raised:
        one.store.commit(b"two", expected=version, lease=one.held)
    assert "SlowDown (503), request REQ-123" in raised.value.why
    s3_server.faults.clear()
    assert one.store.load().content == b"one"
    one.store.commit(b"two", expected=version, lease=one.held)


# -- holders that were paused ------------------------------------------------------------


def taken_over(runner, one: Runner, work: Callable[[Runner], object]) -> Callable[[], None]:
    """What another process does while the request of the first is on its way."""

    def then() -> None:
        other = runner(2)
        other.store.unlock("lease-1")
        other.acquire()
        work(other)

    return then


def test_late_append_meets_the_number_taken(one: Runner, runner, s3_server: S3Server) -> None:
    def work(other: Runner) -> None:
        other.store.append("run-1", [b"theirs"], lease=other.held)

    s3_server.faults.append(Fault("", part="/journal/", then=taken_over(runner, one, work)))
    with pytest.raises(BusyError, match="another run has written"):
        one.store.append("run-1", [b"ours"], lease=one.held)
    assert one.store.read_log("run-1") == b"one\ntheirs\n"
    with pytest.raises(BusyError):
        one.store.append("run-1", [b"ours"], lease=one.held)


def test_late_first_line_of_a_run_is_not_acted_upon(
    one: Runner, runner, s3_server: S3Server
) -> None:
    """It arrives, since nobody else met its number; but its holder must not go on, and the
    next one, who saw no such run, never meets it."""
    then = taken_over(runner, one, lambda other: other.store.open_logs())
    s3_server.faults.append(Fault("", part="/journal/run-2/", then=then))
    with pytest.raises(BusyError, match="user2@host holds it now"):
        one.store.append("run-2", [b"ours"], lease=one.held)
    assert one.store.open_logs() == ["run-1"]
    assert one.store.closed_logs() == ["run-2"]


def test_late_commit_meets_another_state(one: Runner, runner, s3_server: S3Server) -> None:
    version = one.store.load().version

    def work(other: Runner) -> None:
        other.store.commit(b"theirs", expected=version, lease=other.held)

    s3_server.faults.append(Fault("", part="/state", then=taken_over(runner, one, work)))
    with pytest.raises(StateConflictError):
        one.store.commit(b"ours", expected=version, lease=one.held)
    assert one.store.load().content == b"theirs"
    assert len(one.store.versions()) == 2


@pytest.mark.parametrize("part", ["/journal/", "/state"])
def test_nothing_is_tried_again_after_the_end(one: Runner, s3_server: S3Server, part: str) -> None:
    """The first try fails slowly: the lease ends meanwhile, and there is no second."""
    version = one.store.load().version
    s3_server.requests.clear()

    def then() -> None:
        one.ahead += TTL

    s3_server.faults.append(Fault("request lost", part=part, then=then))
    attempt = (
        (lambda: one.store.commit(b"two", expected=version, lease=one.held))
        if part == "/state"
        else (lambda: one.store.append("run-1", [b"two"], lease=one.held))
    )
    with pytest.raises(BusyError, match="not renewed"):
        attempt()
    assert len([path for path in s3_server.puts(part) if "/states/" not in path]) <= 1
    assert one.store.load().content == b"one"
    assert one.store.read_log("run-1") == b"one\n"


def test_expired_holder_asks_nobody(one: Runner, s3_server: S3Server) -> None:
    one.ahead += TTL
    s3_server.requests.clear()
    with pytest.raises(BusyError):
        one.store.append("run-1", [b"two"], lease=one.held)
    assert s3_server.requests == []


# -- what it says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "method", "texts"),
    [
        ("403", "PUT", ["access denied", "kms:GenerateDataKey", "AccessDenied (403)", "REQ-123"]),
        ("403", "GET", ["access denied", "kms:GenerateDataKey", "REQ-123"]),
        ("expired", "PUT", ["ExpiredToken (400)", "REQ-123", "get new ones"]),
        ("expired", "GET", ["ExpiredToken (400)", "REQ-123", "get new ones"]),
    ],
)
def test_refusal_says_what_is_missing(
    one: Runner, s3_server: S3Server, kind: str, method: str, texts: list[str]
) -> None:
    version = one.store.load().version
    s3_server.faults.append(Fault(kind, method=method, part="/state", count=99))
    with pytest.raises(StoreError) as raised:
        one.store.commit(b"two", expected=version, lease=one.held)
    shown = str(raised.value)
    assert all(text in shown for text in texts), shown
    assert "keyplan/payments/state" in shown
    for secret in ("secret-token", *list(CREDENTIALS.values())[:2]):
        assert secret not in shown
    assert len([path for path in s3_server.puts("/state") if "/states/" not in path]) <= 2


def test_missing_bucket_is_said(s3_server: S3Server) -> None:
    settings = S3Settings(
        bucket="no-such-bucket", key="k", region="us-east-1", endpoint_url=s3_server.url
    )
    with pytest.raises(StoreError, match="NoSuchBucket") as raised:
        open_store(settings).load()
    assert "Create the bucket" in raised.value.advice


def test_missing_credentials_are_said(s3_place: S3Place, monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(StoreError, match="no credentials for S3"):
        open_store(s3_place.settings).load()


def test_unreachable_endpoint_is_said(s3_place: S3Place) -> None:
    settings = s3_place.settings.model_copy(update={"endpoint_url": "http://127.0.0.1:1"})
    with pytest.raises(StoreError, match="S3 cannot be reached"):
        open_store(settings).load()


def test_endpoint_without_conditional_writes_is_refused(
    s3_place: S3Place, s3_server: S3Server
) -> None:
    s3_server.ignores_conditions = True
    store = open_store(s3_place.settings)
    with pytest.raises(StoreError, match="does not honour conditional writes"):
        store.acquire(lease_info())
    assert store.holder() is None
