"""Trying again when nothing was done: exponential backoff with full jitter.

Rules: only `TransientError` and `ThrottledError` are tried again, because only they
promise that nothing was done; a wish of the service (`retry_after`) is honoured; no
wait begins that would end after the deadline. When tries or time are used up, the
last error of the provider goes to the caller as it is.

Full jitter (each wait is uniform between nothing and the cap of its try) lets many
clients that were refused together come back apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from keyplan.errors import ThrottledError, TransientError
from keyplan.session.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently. `base` and `cap` are in seconds.

    The wait after try `n` (from 0) is uniform in `[0, min(cap, base * 2**n)]`, on top of
    whatever `retry_after` asks for.
    """

    attempts: int = 10
    base: float = 0.1
    cap: float = 20.0

    def wait(self, attempt: int, retry_after: float | None, random: Callable[[], float]) -> float:
        """Seconds to wait after the failed try number `attempt`, counted from 0."""
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt, 60))
        return max(0.0, retry_after or 0.0) + random() * ceiling


def with_retries(
    call: Callable[[], T],
    *,
    policy: RetryPolicy,
    until: float,
    clock: Clock,
    random: Callable[[], float],
    throttled: Callable[[], None] = lambda: None,
) -> T:
    """The result of `call`, tried again while it is worth it.

    `until` is the deadline on `clock.monotonic`; `random` gives numbers in `[0, 1)`;
    `throttled` is told each time the service asks for less.
    """
    attempt = 0
    while True:
        try:
            return call()
        except TransientError as error:
            retry_after = None
            if isinstance(error, ThrottledError):
                throttled()
                retry_after = error.retry_after
            wait = policy.wait(attempt, retry_after, random)
            attempt += 1
            if attempt >= policy.attempts or clock.monotonic() + wait > until:
                raise
        clock.sleep(wait)
