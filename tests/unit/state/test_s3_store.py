"""What the S3 store writes where, how often, and what it thinks of objects that were changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from keyplan.errors import StateConflictError, StoreError
from keyplan.testing.store_contract import lease_info
from keyplan_state.held_lease import HeldLease
from keyplan_state.s3_objects import Objects, Write
from keyplan_state.s3_store import S3Store, open_store
from tests.support.s3_server import S3Place, S3Server


@pytest.fixture
def store(s3_place: S3Place) -> S3Store:
    return S3Store(s3_place.objects(), ttl=60.0)


@pytest.fixture
def lease(store: S3Store) -> Iterator[HeldLease]:
    lease = store.acquire(lease_info())
    yield lease
    lease.release()


@pytest.fixture
def used(store: S3Store, lease: HeldLease) -> S3Store:
    """A store with two commits and an open journal of two flushes."""
    first = store.commit(b"one", expected=None, lease=lease)
    store.commit(b"two", expected=first, lease=lease)
    store.append("run-1", [b"one"], lease=lease)
    store.append("run-1", [b"two"], lease=lease)
    return store


@pytest.fixture
def two_a_page(s3_server: S3Server) -> Iterator[None]:
    """Listings come in pages of two."""

    def shorten(params, **kwargs) -> None:
        params["MaxKeys"] = 2

    events = s3_server.clients[0].meta.events
    events.register("before-parameter-build.s3.ListObjectsV2", shorten)
    yield
    events.unregister("before-parameter-build.s3.ListObjectsV2", shorten)


def raw(place: S3Place):
    """The SDK's own view of the bucket."""
    return place.server.clients[0]


def names(place: S3Place) -> list[str]:
    found = raw(place).list_objects_v2(Bucket=place.settings.bucket)
    return [item["Key"] for item in found["Contents"]]


def put(place: S3Place, name: str, body: bytes, **kwargs) -> None:
    raw(place).put_object(
        Bucket=place.settings.bucket, Key=f"keyplan/payments/{name}", Body=body, **kwargs
    )


# -- where and how often -----------------------------------------------------------------


def test_objects_are_where_the_documentation_says(used: S3Store, lease, s3_place) -> None:
    used.append("run-0", [b"zero"], lease=lease)
    used.archive("run-0", lease=lease)
    assert names(s3_place) == [
        f"keyplan/payments/{name}"
        for name in (
            "archive/run-0",
            "journal/run-0/00000001",
            "journal/run-1/00000001",
            "journal/run-1/00000002",
            "lease",
            "state",
            f"states/00000001-{sha256(b'one').hexdigest()}",
        )
    ]


def test_objects_say_under_which_fence_they_were_written(used, lease, s3_place) -> None:
    lease.release()
    second = used.acquire(lease_info(2))
    used.append("run-1", [b"three"], lease=second)
    fences = [
        raw(s3_place).head_object(
            Bucket=s3_place.settings.bucket, Key=f"keyplan/payments/journal/run-1/0000000{n}"
        )["Metadata"]["keyplan-fence"]
        for n in (1, 2, 3)
    ]
    second.release()
    assert fences == ["1", "1", "2"]


def test_flush_is_one_put(used: S3Store, lease, s3_server: S3Server) -> None:
    s3_server.requests.clear()
    used.append("run-1", [b"x" * 100] * 500, lease=lease)
    used.append("run-1", [b"y"], lease=lease)
    methods = [method for method, _ in s3_server.requests]
    assert methods == ["GET", "PUT", "GET", "PUT"]  # the lease is looked at, then one PUT


def test_reading_and_opening_write_nothing(s3_place: S3Place, s3_server: S3Server) -> None:
    store = open_store(s3_place.settings)
    store.load()
    store.previous()
    store.versions()
    store.holder()
    store.open_logs()
    store.closed_logs()
    store.read_log("run-1")
    assert s3_server.requests
    assert {method for method, _ in s3_server.requests} == {"GET"}


def test_nothing_is_ever_deleted(used: S3Store, lease, s3_server: S3Server) -> None:
    used.truncate_log("run-1", 0, lease=lease)
    used.archive("run-1", lease=lease)
    lease.release()
    assert {method for method, _ in s3_server.requests} == {"GET", "PUT"}


@pytest.mark.usefixtures("two_a_page")
def test_listings_have_pages(used: S3Store, lease, s3_server: S3Server) -> None:
    for number in range(2, 7):
        used.append(f"run-{number}", [b"%d" % number], lease=lease)
    for number in range(3):
        used.append("run-1", [b"more %d" % number], lease=lease)
    for log in ("run-2", "run-3", "run-4", "run-5"):
        used.archive(log, lease=lease)
    version = used.load().version
    for number in range(4):
        version = used.commit(b"%d" % number, expected=version, lease=lease)
    assert used.open_logs() == ["run-1", "run-6"]
    assert used.closed_logs() == ["run-2", "run-3", "run-4", "run-5"]
    assert used.read_log("run-1") == b"one\ntwo\nmore 0\nmore 1\nmore 2\n"
    contents = [used.content(version) for version in used.versions()]
    assert contents == [b"one", b"two", b"0", b"1", b"2", b"3"]


# -- what was changed by others ----------------------------------------------------------


def test_state_replaced_behind_its_back_is_a_conflict(used: S3Store, lease, s3_place) -> None:
    version = used.load().version
    put(s3_place, "state", b"restored")
    assert used.load().content == b"restored"
    with pytest.raises(StateConflictError, match="changed since it was read"):
        used.commit(b"three", expected=version, lease=lease)


def test_object_that_differs_from_its_digest_is_refused(used: S3Store, s3_place) -> None:
    for name, attempt in (
        ("state", used.load),
        ("journal/run-1/00000001", lambda: used.read_log("run-1")),
    ):
        put(s3_place, name, b"edited", Metadata={"keyplan-sha256": "0" * 64})
        with pytest.raises(StoreError, match="not what was written") as raised:
            attempt()
        assert raised.value.target == f"{s3_place.objects().place}/{name}"


def test_kept_state_that_was_replaced_is_not_given_out(used: S3Store, s3_place) -> None:
    version = sha256(b"one").hexdigest()
    put(s3_place, f"states/00000001-{version}", b"forged")
    assert used.content(version) is None
    assert used.previous() is None


def test_hole_in_a_journal_is_an_error(used: S3Store, s3_place) -> None:
    key = "keyplan/payments/journal/run-1/00000001"
    raw(s3_place).delete_object(Bucket=s3_place.settings.bucket, Key=key)
    with pytest.raises(StoreError, match="parts of the journal are missing"):
        used.read_log("run-1")


@pytest.mark.parametrize("cut", ["-1", "99", "x", "1_0"])
def test_cut_that_cannot_be_is_an_error(used: S3Store, s3_place, cut: str) -> None:
    put(s3_place, "journal/run-1/00000003", b"", Metadata={"keyplan-cut": cut})
    with pytest.raises(StoreError, match="cuts it back"):
        used.read_log("run-1")


def test_state_kept_before_a_crash_is_kept_once(used: S3Store, lease, s3_place) -> None:
    """The process died between keeping the present state and replacing it."""
    version = used.load().version
    s3_place.objects().put(Write(f"states/00000002-{version}", b"two"), guard=lambda: None)
    assert list(used.versions()) == [sha256(b"one").hexdigest(), version]
    third = used.commit(b"three", expected=version, lease=lease)
    assert list(used.versions()) == [sha256(b"one").hexdigest(), version, third]


def test_line_end_inside_a_line_is_refused(used: S3Store, lease) -> None:
    with pytest.raises(StoreError, match="line end"):
        used.append("run-1", [b"thr\nee"], lease=lease)
    assert used.read_log("run-1") == b"one\ntwo\n"


def test_missing_journal_cannot_be_cut_or_archived(used: S3Store, lease) -> None:
    with pytest.raises(StoreError, match="no such journal"):
        used.truncate_log("run-7", 0, lease=lease)
    with pytest.raises(StoreError, match="there is none"):
        used.archive("run-7", lease=lease)
    with pytest.raises(StoreError, match="cannot be cut back"):
        used.truncate_log("run-1", 99, lease=lease)


@pytest.mark.parametrize("log", ["", "../run", "a/b", ".hidden", "x" * 129, "a b"])
def test_journal_name_is_no_path(used: S3Store, lease, log: str) -> None:
    for attempt in (
        lambda: used.read_log(log),
        lambda: used.append(log, [b"x"], lease=lease),
        lambda: used.archive(log, lease=lease),
    ):
        with pytest.raises(StoreError, match="is not the name of a journal"):
            attempt()


@pytest.mark.parametrize(("age", "free"), [(950, False), (970, True)])
def test_dead_holder_is_free_at_once_when_the_service_says_so(
    store: S3Store, s3_server: S3Server, *, age: int, free: bool
) -> None:
    """By the clock of the service: its time to live and a quarter of an hour have passed."""

    def older(parsed, **kwargs) -> None:
        parsed["LastModified"] = datetime.now(UTC) - timedelta(seconds=age)

    store.acquire(lease_info())._stop.set()
    events = s3_server.clients[0].meta.events
    events.register("after-call.s3.GetObject", older)
    try:
        assert (store.holder() is None) is free
    finally:
        events.unregister("after-call.s3.GetObject", older)


def test_journal_goes_on_after_another_run_has_written_to_it(
    used: S3Store, lease, s3_place
) -> None:
    lease.release()
    other = S3Store(s3_place.objects(), ttl=60.0)
    second = other.acquire(lease_info(2))
    other.append("run-1", [b"three"], lease=second)
    second.release()
    third = used.acquire(lease_info(3))
    used.append("run-1", [b"four"], lease=third)
    third.release()
    assert used.read_log("run-1") == b"one\ntwo\nthree\nfour\n"


def test_bucket_of_another_account_is_never_used(s3_place: S3Place, s3_server: S3Server) -> None:
    """Each request names the owner that is expected; S3 refuses if it is another."""
    asked: list[tuple[str, str | None]] = []

    def note(params, model, **kwargs) -> None:
        asked.append((model.name, params.get("ExpectedBucketOwner")))

    reader, writer = s3_server.clients
    settings = s3_place.settings
    objects = Objects(
        reader, writer, bucket=settings.bucket, prefix=settings.key, account="111122223333"
    )
    for client in (reader, writer):
        client.meta.events.register("provide-client-params.s3", note)
    try:
        store = S3Store(objects, ttl=60.0)
        lease = store.acquire(lease_info())
        store.append("run-1", [b"one"], lease=lease)
        store.open_logs()
        lease.release()
    finally:
        for client in (reader, writer):
            client.meta.events.unregister("provide-client-params.s3", note)
    assert {name for name, _ in asked} == {"GetObject", "PutObject", "ListObjectsV2"}
    assert {owner for _, owner in asked} == {"111122223333"}
