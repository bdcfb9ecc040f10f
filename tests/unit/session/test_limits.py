from __future__ import annotations

import threading

import pytest

from keyplan.session.limits import KeyLocks, RateLimits, TokenBucket
from keyplan.testing.clock import ManualClock


@pytest.mark.parametrize("rate", [0.5, 5.0, 100.0])
def test_calls_come_at_the_rate(rate: float) -> None:
    clock = ManualClock()
    limits = RateLimits({"create_key": rate}, clock)
    for _ in range(int(rate * 10)):
        limits.acquire("create_key")
    assert clock.monotonic() == pytest.approx(10, abs=2 / rate + 0.2)


def test_a_quiet_time_saves_up_little() -> None:
    clock = ManualClock()
    limits = RateLimits({"create_key": 5.0}, clock)
    clock.sleep(3600)
    began = clock.monotonic()
    for _ in range(11):
        limits.acquire("create_key")
    assert clock.monotonic() - began == pytest.approx(2.0, abs=0.01)


def test_operations_without_a_rate_are_not_limited() -> None:
    clock = ManualClock()
    limits = RateLimits({"create_key": 0}, clock)
    for name in ("create_key", "read") * 1000:
        limits.acquire(name)
        limits.throttled(name)
        limits.passed(name)
    assert clock.slept == ()
    assert limits.rate("create_key") == 0


def test_throttling_halves_and_calls_that_pass_bring_the_rate_back() -> None:
    limits = RateLimits({"read": 64.0}, ManualClock())
    limits.throttled("read")
    limits.throttled("read")
    assert limits.rate("read") == 16
    limits.passed("read")
    assert 16 < limits.rate("read") < 20
    for _ in range(100):
        limits.passed("read")
    assert limits.rate("read") == 64
    for _ in range(100):
        limits.throttled("read")
    assert limits.rate("read") == 2


def test_many_tokens_at_once_are_paid_by_who_comes_next() -> None:
    bucket = TokenBucket(10.0, ManualClock())
    assert bucket.reserve(100) == pytest.approx(9.9)
    assert bucket.reserve() == pytest.approx(10.0)


def test_one_key_is_used_once_at_a_time() -> None:
    locks = KeyLocks()
    order: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with locks.holding(["a", "b"]):
            inside.set()
            go_on.wait(10)
            order.append("first")

    def second() -> None:
        with locks.holding(["b", "c"]):
            order.append("second")

    threads = [threading.Thread(target=first)]
    threads[0].start()
    inside.wait(10)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    with locks.holding(["d"]):
        order.append("other")
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert order == ["other", "first", "second"]


def test_a_key_is_free_again_after_a_failure() -> None:
    locks = KeyLocks()
    with pytest.raises(ValueError, match="x"), locks.holding(["a"]):
        raise ValueError("x")
    with locks.holding(["a"]):
        pass
