"""What goes wrong, and when: by operation and by occurrence.

double.faults.lose_answer("CreateKey", on=3)   # the third from now: done, no answer
double.faults.throttle("*", times=5)           # the next five calls of any operation
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from tests.aws_double import errors
from tests.aws_double.errors import ServiceError


@dataclass(slots=True)
class Fault:
    """What happens instead of an answer. `done`: only after the effect."""

    error: ServiceError | None = None
    hang: float = 0
    done: bool = False
    denies: bool = False
    """Refuse as IAM does: the text names caller and action."""


@dataclass(slots=True)
class _Planned:
    operation: str
    first: int
    last: int
    fault: Fault
    seen: int = 0


class Faults:
    """The faults that are planned. `on` counts calls from now, beginning with 1."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []

    def plan(self, operation: str, fault: Fault, *, on: int = 1, times: int = 1) -> None:
        """Plan any fault; `*` is every operation."""
        with self._lock:
            self._planned.append(_Planned(operation, on, on + times - 1, fault))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._planned.clear()

    def strike(self, operation: str) -> Fault | None:
        """The fault that this call meets."""
        with self._lock:
            met = None
            for planned in self._planned:
                if planned.operation in ("*", operation):
                    planned.seen += 1
                    if planned.first <= planned.seen <= planned.last:
                        met = met or planned.fault
            return met

    def lose_answer(self, operation: str = "*", *, on: int = 1, times: int = 1) -> None:
        """The effect is done; the connection closes without an answer."""
        self.plan(operation, Fault(done=True), on=on, times=times)

    def drop_request(self, operation: str = "*", *, on: int = 1, times: int = 1) -> None:
        """Nothing is done; the connection closes."""
        self.plan(operation, Fault(), on=on, times=times)

    def hang(
        self, operation: str = "*", *, on: int = 1, times: int = 1, seconds: float = 30,
        done: bool = False,
    ) -> None:  # fmt: skip
        """No answer for so long, or until the double ends; then the connection closes."""
        self.plan(operation, Fault(hang=seconds, done=done), on=on, times=times)

    def throttle(self, operation: str = "*", *, on: int = 1, times: int = 1) -> None:
        """More requests than AWS takes."""
        self.plan(operation, Fault(errors.throttled()), on=on, times=times)

    def internal(
        self, operation: str = "*", *, on: int = 1, times: int = 1, done: bool = False
    ) -> None:
        """HTTP 500, before the effect or after it."""
        self.plan(operation, Fault(errors.internal(), done=done), on=on, times=times)

    def expire_token(self, operation: str = "*", *, on: int = 1, times: int = 1) -> None:
        """The caller's session is over."""
        self.plan(operation, Fault(errors.expired_token()), on=on, times=times)

    def deny(self, operation: str, *, on: int = 1, times: int = 1_000_000) -> None:
        """IAM allows it no more."""
        self.plan(operation, Fault(denies=True), on=on, times=times)

    def error(
        self, operation: str, code: str, message: str = "", *, on: int = 1, times: int = 1
    ) -> None:
        """Any other error of the service."""
        self.plan(operation, Fault(ServiceError(code, message)), on=on, times=times)
