"""Leases that live in a service: who holds them, when they end, and what a lost answer means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from keyplan.errors import BusyError, StoreError
from keyplan.testing.store_contract import lease_info
from keyplan_state.held_lease import HeldLease
from keyplan_state.lease_record import Clocks, LeaseRecord, Seen
from keyplan_state.leases import Leases

TTL = 60.0


class Time:
    """Clocks that only move when they are told to, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clocks = Clocks(lambda: self.now, self.sleep, lambda: datetime(2027, 1, 1, tzinfo=UTC))

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Table:
    """A record in memory. `losing` names what happens to the next swaps."""

    place = "memory"

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.version = 0
        self.age: float | None = None
        self.losing: list[str] = []
        self.reads = 0

    def read(self) -> Seen | None:
        self.reads += 1
        if self.content is None:
            return None
        return Seen(LeaseRecord.decode(self.content, self.place), str(self.version), self.age)

    def swap(self, record: LeaseRecord, *, expected: str | None) -> str | None:
        fate = self.losing.pop(0) if self.losing else ""
        if fate == "down":
            raise StoreError("no route to host")
        present = str(self.version) if self.content is not None else None
        if fate == "not arrived" or expected != present:
            return None
        self.content = record.encode()
        self.version += 1
        return None if fate == "answer lost" else str(self.version)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def held() -> Iterator[list[HeldLease]]:
    """Leases whose heart is stopped after the test."""
    found: list[HeldLease] = []
    yield found
    for lease in found:
        lease._stop.set()


@pytest.fixture
def runner(table: Table, time: Time, held: list[HeldLease]):
    """Another process that works on the same state."""

    def make() -> Leases:
        leases = Leases(table, ttl=TTL, clocks=time.clocks)
        acquire = leases.acquire

        def remembered(info, *, timeout=0.0):
            held.append(acquire(info, timeout=timeout))
            return held[-1]

        leases.acquire = remembered
        return leases

    return make


def test_holder_is_shown_with_its_end(runner) -> None:
    runner().acquire(lease_info())
    holder = runner().holder()
    assert replace(holder, expires_at=None) == lease_info()
    assert holder.expires_at == datetime(2027, 1, 1, 0, 1, tzinfo=UTC)


def test_refusal_says_who_since_when_and_when_a_dead_one_ends(runner) -> None:
    runner().acquire(lease_info())
    with pytest.raises(BusyError) as raised:
        runner().acquire(lease_info(2))
    text = str(raised.value)
    assert "user1@host holds it for `apply` since 2027-01-01T12:00:00Z (lease lease-1)" in text
    assert "60 seconds after it fell silent" in text
    assert "--lock-timeout" in text


def test_dead_runner_frees_itself_after_its_time_to_live(runner, time: Time) -> None:
    runner().acquire(lease_info())._stop.set()
    began = time.now
    lease = runner().acquire(lease_info(2), timeout=10 * TTL)
    assert TTL <= time.now - began <= TTL + 1
    assert lease.fence == 2


def test_waiting_is_shorter_than_a_time_to_live_if_told(runner, time: Time) -> None:
    runner().acquire(lease_info())
    began = time.now
    with pytest.raises(BusyError):
        runner().acquire(lease_info(2), timeout=10.0)
    assert time.now - began == pytest.approx(10.0)


def test_living_lease_is_never_taken_whatever_the_wall_clocks_say(runner, time: Time) -> None:
    """The other's `expires_at` is long ago by our clock; it renews, so it lives."""
    lease = runner().acquire(replace(lease_info(), created_at=datetime(1999, 1, 1, tzinfo=UTC)))
    other = runner()
    for _ in range(10):
        time.now += TTL / 3
        lease._renew()
        assert other.holder().id == "lease-1"
        with pytest.raises(BusyError):
            other.acquire(lease_info(2))
    lease.check()


def test_age_by_the_clock_of_the_service_frees_at_once(runner, table: Table) -> None:
    runner().acquire(lease_info())
    table.age = TTL - 1
    with pytest.raises(BusyError):
        runner().acquire(lease_info(2))
    table.age = TTL
    assert runner().holder() is None
    assert runner().acquire(lease_info(2)).fence == 2


def test_expired_holder_refuses_without_asking(runner, time: Time, table: Table) -> None:
    lease = runner().acquire(lease_info())
    time.now += TTL
    before = table.reads
    with pytest.raises(BusyError, match="not renewed for 60 seconds"):
        lease.check()
    with pytest.raises(BusyError, match="not renewed for 60 seconds"):
        runner().require(lease)
    assert table.reads == before
    time.now -= TTL  # however the clock goes on: lost is lost
    with pytest.raises(BusyError):
        lease.check()


def test_renewed_lease_counts_from_before_it_was_asked_for(
    runner, time: Time, table: Table, monkeypatch
) -> None:
    lease = runner().acquire(lease_info())
    swap = table.swap

    def slow(record, *, expected):
        time.now += 20
        return swap(record, expected=expected)

    monkeypatch.setattr(table, "swap", slow)
    time.now += 30
    lease._renew()
    time.now += TTL - 21
    lease.check()
    time.now += 1
    with pytest.raises(BusyError):
        lease.check()


def test_paused_holder_learns_who_took_it(runner, time: Time) -> None:
    lease = runner().acquire(lease_info())
    second = runner()
    second.unlock("lease-1")
    other = second.acquire(lease_info(2))
    with pytest.raises(BusyError, match="user2@host holds it now"):
        lease.check()
    lease._renew()
    lease.release()
    other.check()
    assert second.holder().id == "lease-2"


def test_unlock_needs_the_right_id_and_a_holder(runner) -> None:
    with pytest.raises(StoreError, match="nobody holds"):
        runner().unlock("lease-1")
    lease = runner().acquire(lease_info())
    with pytest.raises(BusyError, match="has the id lease-1"):
        runner().unlock("lease-2")
    lease.check()
    runner().unlock("lease-1")
    with pytest.raises(BusyError, match="state unlock"):
        lease.check()
    with pytest.raises(StoreError, match="nobody holds"):
        runner().unlock("lease-1")


@pytest.mark.parametrize("fate", ["answer lost", "not arrived"])
def test_lost_answers_are_decided_by_reading_back(runner, time: Time, table: Table, fate) -> None:
    """Neither taking, renewing, unlocking nor giving back is done twice or forgotten."""
    table.losing = ["answer lost"]
    lease = runner().acquire(lease_info())
    table.losing = [fate]
    time.now += 30
    lease._renew()
    time.now += 59
    lease.check()
    table.losing = [fate]
    lease._renew()
    lease.check()
    table.losing = [fate]
    runner().unlock("lease-1")
    assert runner().holder() is None
    lease = runner().acquire(lease_info(3))
    table.losing = [fate]
    lease.release()
    assert runner().holder() is None


def test_store_that_cannot_be_reached_lets_the_lease_end(runner, time: Time, table: Table) -> None:
    lease = runner().acquire(lease_info())
    table.losing = ["down"] * 2
    with pytest.raises(StoreError):
        lease._renew()
    lease.release()
    with pytest.raises(BusyError):
        lease.check()
    assert runner().holder().id == "lease-1"
    runner().acquire(lease_info(2), timeout=2 * TTL)


def test_heart_beats_by_itself(table: Table, time: Time, held) -> None:
    leases = Leases(table, ttl=0.2, clocks=time.clocks)
    held.append(leases.acquire(lease_info()))
    table.losing = ["down"]  # one failure is made up for
    assert held[0]._heart.is_alive()
    while table.version < 5:
        held[0]._heart.join(0.01)
        held[0].check()


def test_heart_stops_with_the_lease(table: Table) -> None:
    lease = Leases(table, ttl=0.05).acquire(lease_info())
    Leases(table, ttl=0.05).unlock("lease-1")
    lease._heart.join(30)
    assert not lease._heart.is_alive()
    lease = Leases(table, ttl=60).acquire(lease_info())
    lease.release()
    assert not lease._heart.is_alive()


def test_lease_of_another_state_is_refused(runner, time: Time) -> None:
    other = Table()
    other.place = "elsewhere"
    lease = Leases(other, ttl=TTL, clocks=time.clocks).acquire(lease_info())
    with pytest.raises(BusyError, match="not one of this state"):
        runner().require(lease)
    lease.release()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"fence": 1}', b'{"fence":1,"ttl":1e9,"beat":0,"holder":null}',
     b'{"fence":1,"ttl":60,"beat":0,"holder":{"id":5}}', b'"' * 9, b"[" * 100_000],
)  # fmt: skip
def test_record_that_says_nothing_is_an_error(runner, table: Table, content: bytes) -> None:
    table.content = content
    with pytest.raises(StoreError, match="not one that keyplan wrote"):
        runner().holder()


def test_text_of_another_process_cannot_move_the_cursor(runner) -> None:
    runner().acquire(replace(lease_info(), holder="eve\x1b[2J@host\n"))
    assert runner().holder().holder == "eve[2J@host"
