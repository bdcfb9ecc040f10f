"""Faults on request, so that tests can prove what keyplan does about them.

Rules: a refused call did nothing; a lost answer belongs to an operation that was done.
Counters are per connection and count operations, not retries of the caller's choosing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from keyplan.errors import OutcomeUnknownError, ThrottledError, TransientError
from keyplan_hsm.settings import Faults


class FaultLine:
    """Stands between a caller and the HSM. Safe to use from several threads."""

    def __init__(self, faults: Faults, sleep: Callable[[float], None]) -> None:
        self._faults = faults
        self._sleep = sleep
        self._count = 0
        self._done = 0
        self._lock = threading.Lock()
        self._active = faults != Faults()

    def reading(self, call: str) -> None:
        """Before a reading call: latency and outage."""
        if self._active:
            self._connect(call)

    def before(self, operation: str) -> None:
        """Before an operation: latency, outage, and every n-th refused."""
        if not self._active:
            return
        self._connect(operation)
        if not self._concerns(operation):
            return
        with self._lock:
            self._count += 1
            count = self._count
        if _every(self._faults.throttle_every, count):
            raise ThrottledError("the HSM emulator throttles on request", operation=operation)
        if _every(self._faults.fail_every, count):
            raise TransientError("the HSM emulator fails on request", operation=operation)

    def after(self, operation: str) -> None:
        """After an operation was done: every n-th answer is lost."""
        if not self._active or not self._concerns(operation):
            return
        with self._lock:
            self._done += 1
            done = self._done
        if _every(self._faults.lose_answer_every, done):
            raise OutcomeUnknownError(
                "the HSM emulator lost its answer on request",
                operation=operation,
                advice="Look for the operation token.",
            )

    def _connect(self, call: str) -> None:
        if self._faults.latency:
            self._sleep(self._faults.latency)
        if self._faults.outage:
            raise TransientError(
                "the HSM emulator is out of service on request",
                operation=call,
                advice="Remove `faults` from the provider block.",
            )

    def _concerns(self, operation: str) -> bool:
        return not self._faults.operations or operation in self._faults.operations


def _every(number: int, count: int) -> bool:
    return number > 0 and count % number == 0
