"""Not asking faster than a service allows, and never twice at once about one key.

`RateLimits` holds one token bucket per operation that `Capabilities.rates` limits.
A bucket lends: a caller takes its tokens at once and is told how long to wait, so
that callers queue in order and none polls. When the service throttles all the same
(others share its quota), the rate is halved, and comes back slowly while calls pass.

`KeyLocks` is the last guard behind the scheduler's order: some services lose data
when two writes meet on one key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Condition, Lock

from keyplan.errors import TransientError
from keyplan.session.clock import Clock

RECOVERY = 0.02
"""Part of the configured rate that comes back with each call that passes after a throttling."""

FLOOR = 1 / 32
"""The least part of the configured rate that throttling leaves."""

BURST = 0.1
"""How many seconds' worth of tokens may be used at once after a quiet time (at least one token)."""


class TokenBucket:
    """At most `rate` tokens a second."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._configured = rate
        self._rate = rate
        self._tokens = self._size
        self._filled_at = clock.monotonic()
        self._clock = clock
        self._lock = Lock()

    @property
    def _size(self) -> float:
        return max(1.0, self._rate * BURST)

    @property
    def rate(self) -> float:
        """Tokens a second, as they are given out now."""
        return self._rate

    def reserve(self, tokens: float = 1.0) -> float:
        """Take tokens; returns the seconds to wait before they may be used."""
        with self._lock:
            now = self._clock.monotonic()
            gained = (now - self._filled_at) * self._rate
            self._filled_at = now
            self._tokens = min(self._size, self._tokens + gained) - tokens
            return max(0.0, -self._tokens / self._rate)

    def throttled(self) -> None:
        """The service asked for less: halve, and spend what was saved up."""
        with self._lock:
            self._rate = max(self._configured * FLOOR, self._rate / 2)
            self._tokens = min(self._tokens, 0.0)

    def passed(self) -> None:
        """A call passed: give a little of the rate back."""
        if self._rate < self._configured:
            with self._lock:
                self._rate = min(self._configured, self._rate + self._configured * RECOVERY)


class RateLimits:
    """The buckets of one provider. Operations without a positive rate are not limited."""

    def __init__(self, rates: Mapping[str, float], clock: Clock) -> None:
        self._clock = clock
        self._buckets = {name: TokenBucket(rate, clock) for name, rate in rates.items() if rate > 0}

    def acquire(self, operation: str, tokens: float = 1.0) -> None:
        """Wait for the operation's turn."""
        bucket = self._buckets.get(operation)
        if bucket is not None and (wait := bucket.reserve(tokens)) > 0:
            self._clock.sleep(wait)

    def throttled(self, operation: str) -> None:
        """The service throttled the operation."""
        if (bucket := self._buckets.get(operation)) is not None:
            bucket.throttled()

    def passed(self, operation: str) -> None:
        """The operation passed."""
        if (bucket := self._buckets.get(operation)) is not None:
            bucket.passed()

    def rate(self, operation: str) -> float:
        """Requests a second now; 0 where there is no limit."""
        bucket = self._buckets.get(operation)
        return 0.0 if bucket is None else bucket.rate


class KeyLocks:
    """Mutual exclusion per key. All keys of an operation are taken together: no deadlock."""

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._changed = Condition()

    @contextmanager
    def holding(self, keys: Collection[str], timeout: float | None = None) -> Iterator[None]:
        """Wait until none of the keys is in use, and use them.

        Raises `TransientError` if one is still in use after `timeout` seconds: the call
        that uses it hangs.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._busy.isdisjoint(keys), timeout):
                raise TransientError(
                    "another operation on the key has not ended",
                    target=", ".join(sorted(self._busy.intersection(keys))),
                    advice="Nothing was done to it. See what the service says, then run again.",
                )
            self._busy.update(keys)
        try:
            yield
        finally:
            with self._changed:
                self._busy.difference_update(keys)
                self._changed.notify_all()
