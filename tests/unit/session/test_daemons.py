"""Threads that may be given up: a call that hangs keeps neither its caller nor the process."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from keyplan.errors import ProviderDefectError, TransientError
from keyplan.model.address import Address
from keyplan.sdk.provider import OpenContext
from keyplan.session.daemons import GRACE, Calls, Daemons
from keyplan.session.limits import KeyLocks
from keyplan.session.session import CLOSE_DEADLINE, READ_DEADLINE, ProviderSession
from keyplan.testing.clock import ManualClock
from keyplan.testing.fake import FakeSettings, fake_plugin


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hangs, hangs until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_no_more_threads_than_allowed() -> None:
    pool, seen, both = Daemons(2, "test"), set(), threading.Barrier(2)

    def work(number: int) -> int:
        seen.add(threading.get_ident())
        if number < 2:
            both.wait(10)
        return number

    futures = [pool.submit(lambda number=number: work(number)) for number in range(20)]
    assert [future.result(10) for future in futures] == list(range(20))
    assert len(seen) == 2
    pool.close()


def test_what_was_not_begun_can_be_cancelled(released: threading.Event) -> None:
    pool = Daemons(1, "test")
    pool.submit(released.wait)
    waiting = pool.submit(lambda: 1)
    assert waiting.cancel()


def test_an_error_is_raised_where_somebody_waits() -> None:
    calls, pool = Calls(ManualClock()), Daemons(1, "test")
    with pytest.raises(KeyError):
        calls.wait(pool, lambda: {}["nothing"])
    pool.close()


def test_a_call_is_overdue_only_after_its_deadline_and_grace(released: threading.Event) -> None:
    clock = ManualClock()
    calls, begun = Calls(clock), threading.Event()

    def hang(_: float) -> None:
        begun.set()
        released.wait(10)

    thread = threading.Thread(target=lambda: calls.watched(hang, 60.0), daemon=True)
    thread.start()
    assert begun.wait(10)
    ident = thread.ident or 0
    clock.advance(timedelta(seconds=60 + GRACE))
    assert not calls.overdue(ident)
    clock.advance(timedelta(seconds=1))
    assert calls.overdue(ident)
    released.set()
    thread.join(10)
    assert not calls.overdue(ident)


def _session(clock: ManualClock) -> tuple[ProviderSession, object]:
    plugin = fake_plugin()
    provider = plugin.open(FakeSettings(), OpenContext(Path(), clock.now()))
    return ProviderSession("fake", plugin, provider, clock=clock), provider


@pytest.mark.parametrize("name", ["read", "find"])
def test_a_read_that_hangs_is_left_behind(
    name: str, released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    session, provider = _session(clock)

    def hang(_: object) -> None:
        clock.advance(timedelta(seconds=READ_DEADLINE + GRACE + 1))
        released.wait(30)

    monkeypatch.setattr(provider, name, hang)
    argument = ["a"] if name == "read" else "a"
    with pytest.raises(TransientError, match="not waited for any longer"):
        getattr(session, name)(argument)


def test_a_provider_of_one_thread_that_hung_once_is_asked_again(
    released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    plugin = fake_plugin(threads=1)
    provider = plugin.open(FakeSettings(), OpenContext(Path(), clock.now()))
    session = ProviderSession("fake", plugin, provider, clock=clock)
    calls: list[str] = []

    def hang(token: str) -> None:
        calls.append(token)
        if token == "first":
            clock.advance(timedelta(seconds=READ_DEADLINE + GRACE + 1))
            released.wait(30)

    monkeypatch.setattr(provider, "find", hang)
    with pytest.raises(TransientError, match="not waited for any longer"):
        session.find("first")
    asking = threading.Thread(target=session.find, args=("second",), daemon=True)
    asking.start()
    asking.join(10)
    assert not asking.is_alive()
    assert calls == ["first", "second"]
    released.set()  # the thread that was left behind ends, and takes no more work
    assert session.find("third") is None


def test_many_keys_have_the_time_that_the_quota_of_a_provider_costs_them(
    released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    plugin = fake_plugin(paces_itself=True, rates={"read": 10.0}, read_batch=10_000)
    provider = plugin.open(FakeSettings(), OpenContext(Path(), clock.now()))
    session = ProviderSession("fake", plugin, provider, clock=clock)

    def slow(_: object) -> dict[str, object]:
        clock.advance(timedelta(seconds=READ_DEADLINE + GRACE + 300))
        released.wait(1)
        return {}

    monkeypatch.setattr(provider, "read", slow)
    assert session.read([f"key-{number}" for number in range(1000)]) == {}
    with pytest.raises(TransientError, match="not waited for any longer"):
        session.read(["key-1"])


def test_closing_does_not_wait_for_ever(
    released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    session, provider = _session(clock)

    def hang() -> None:
        clock.advance(timedelta(seconds=CLOSE_DEADLINE + GRACE + 1))
        released.wait(30)

    monkeypatch.setattr(provider, "close", hang)
    with pytest.raises(ProviderDefectError, match="TimeoutError"):
        session.close()


def test_a_key_in_a_call_that_hangs_is_not_waited_for(released: threading.Event) -> None:
    locks, held = KeyLocks(), threading.Event()

    def hold() -> None:
        with locks.holding(["key.a"]):
            held.set()
            released.wait(10)

    threading.Thread(target=hold, daemon=True).start()
    assert held.wait(10)
    with (
        pytest.raises(TransientError, match=r"key\.a: another operation"),
        locks.holding([Address("key.a")], 0.01),
    ):
        pass


def test_the_process_ends_whatever_hangs() -> None:
    program = (
        "import threading\n"
        "from keyplan.session.daemons import Daemons\n"
        "begun = threading.Event()\n"
        "Daemons(1, 'x').submit(lambda: (begun.set(), threading.Event().wait()))\n"
        "begun.wait()\n"
        "print('over')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "over\n"


def test_idle_threads_end_and_no_work_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyplan.session.daemons.IDLE", 0.001)
    pool = Daemons(4, "idle-test")
    for number in range(300):
        futures = [pool.submit(lambda number=number: number) for _ in range(3)]
        assert [future.result(timeout=10) for future in futures] == [number] * 3
        if number % 10 == 0:
            threading.Event().wait(0.003)
    for thread in threading.enumerate():
        if thread.name.startswith("idle-test"):
            thread.join(timeout=10)
    assert not any(item.name.startswith("idle-test") for item in threading.enumerate())
    assert pool.submit(lambda: "again").result(timeout=10) == "again"
