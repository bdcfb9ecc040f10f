"""Not asking faster than an account's quotas allow.

One token bucket per call of the API. A bucket lends: a caller takes its token at once
and is told how long to wait, so that callers queue in order and none polls. When AWS
throttles all the same (the quota is shared with everybody in the account), the rate is
halved, and comes back slowly while calls pass.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Lock
from typing import Protocol

BURST = 0.1
"""How many seconds' worth of tokens may be used at once after a quiet time (at least one)."""

RECOVERY = 0.02
"""Part of the rate that comes back with each call that passes after a throttling."""

FLOOR = 1 / 32
"""The least part of the rate that throttling leaves."""


class Clock(Protocol):
    """Durations and waiting; the core's own clock is one."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary beginning."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class SystemClock:
    """The machine's own."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary beginning."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)


class Bucket:
    """At most `rate` calls a second."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._full_rate = rate
        self._rate = rate
        self._tokens = max(1.0, rate * BURST)
        self._filled_at = clock.monotonic()
        self._clock = clock
        self._lock = Lock()

    @property
    def rate(self) -> float:
        """Calls a second, as they are given out now."""
        return self._rate

    def reserve(self) -> float:
        """Take a token; the seconds to wait before it may be used."""
        with self._lock:
            now = self._clock.monotonic()
            gained = (now - self._filled_at) * self._rate
            self._filled_at = now
            self._tokens = min(max(1.0, self._rate * BURST), self._tokens + gained) - 1
            return max(0.0, -self._tokens / self._rate)

    def give_back(self) -> None:
        """A reserved token was not used."""
        with self._lock:
            self._tokens += 1

    def throttled(self) -> None:
        """AWS asked for less: halve, and spend what was saved up."""
        with self._lock:
            self._rate = max(self._full_rate * FLOOR, self._rate / 2)
            self._tokens = min(self._tokens, 0.0)

    def passed(self) -> None:
        """A call passed: give a little of the rate back."""
        if self._rate < self._full_rate:
            with self._lock:
                self._rate = min(self._full_rate, self._rate + self._full_rate * RECOVERY)


class Pace:
    """The buckets of one connection. Calls without a quota are not held back."""

    def __init__(self, quotas: Mapping[str, float], clock: Clock) -> None:
        self._clock = clock
        self._buckets = {name: Bucket(rate, clock) for name, rate in quotas.items()}

    def turn(self, call: str, until: float) -> bool:
        """Wait for the call's turn; `False`, at once, if that would be after `until`."""
        bucket = self._buckets.get(call)
        if bucket is None:
            return self._clock.monotonic() < until
        wait = bucket.reserve()
        if self._clock.monotonic() + wait >= until:
            bucket.give_back()
            return False
        if wait > 0:
            self._clock.sleep(wait)
        return True

    def throttled(self, call: str) -> None:
        """AWS throttled the call."""
        if (bucket := self._buckets.get(call)) is not None:
            bucket.throttled()

    def passed(self, call: str) -> None:
        """The call passed."""
        if (bucket := self._buckets.get(call)) is not None:
            bucket.passed()

    def rate(self, call: str) -> float:
        """Calls a second now; 0 where there is no limit."""
        bucket = self._buckets.get(call)
        return 0.0 if bucket is None else bucket.rate
