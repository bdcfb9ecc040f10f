"""Faults on request: what a service does on a bad day, at the call that the test names.

Rules: a fault fires at most as often as it says; which calls have one is decided by
counting, never by chance, so that a failing test fails again. `SimulatedCrash` is no
`Exception`, because nothing may catch it: it stands for the process that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from keyplan.errors import (
    DeniedError,
    OutcomeUnknownError,
    QuotaError,
    ThrottledError,
    TransientError,
    UnauthenticatedError,
)

ANY_CALL = "*"
"""As the operation of a fault: every call, reads included."""


class SimulatedCrash(BaseException):
    """The process died here."""


class FaultKind(StrEnum):
    """What happens. Kinds with `after` in their name happen once the effect is there."""

    THROTTLED = "throttled"
    TRANSIENT = "transient"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    DENIED = "denied"
    UNAUTHENTICATED = "unauthenticated"
    QUOTA = "quota"
    DEFECT = "defect"
    CRASH_BEFORE = "crash_before"
    CRASH_AFTER = "crash_after"

    @property
    def after_effect(self) -> bool:
        """Whether the operation was done before the fault."""
        return self in (FaultKind.LOST_AFTER, FaultKind.CRASH_AFTER)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: at the `nth` call that matches, counted from 1, and the `times - 1` after it.

    `operation` is the name of an operation (`create_key`), of a reading call (`read`,
    `scan`, `find`, `find_alias`, `identify`), or `*`.
    """

    kind: FaultKind
    operation: str = ANY_CALL
    nth: int = 1
    times: int = 1


@dataclass(slots=True)
class Faults:
    """The faults of one service, counted across threads."""

    _counted: list[tuple[Fault, int]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(
        self, kind: FaultKind, operation: str = ANY_CALL, *, nth: int = 1, times: int = 1
    ) -> None:
        """Let it happen; see `Fault`."""
        with self._lock:
            self._counted.append((Fault(kind, operation, nth, times), 0))

    def clear(self) -> None:
        """A good day again."""
        with self._lock:
            self._counted.clear()

    def draw(self, operation: str) -> FaultKind | None:
        """Count this call and say what happens at it; of several faults the first wins."""
        drawn: FaultKind | None = None
        with self._lock:
            for index, (fault, seen) in enumerate(self._counted):
                if fault.operation not in (ANY_CALL, operation):
                    continue
                self._counted[index] = (fault, seen + 1)
                if fault.nth <= seen + 1 < fault.nth + fault.times:
                    drawn = drawn or fault.kind
        return drawn


def raise_fault(kind: FaultKind, operation: str) -> None:
    """Raise what the fault stands for. A defect is an exception that is not keyplan's."""
    match kind:
        case FaultKind.THROTTLED:
            raise ThrottledError("too many calls", retry_after=0.5, operation=operation)
        case FaultKind.TRANSIENT:
            raise TransientError("the service is not reachable", operation=operation)
        case FaultKind.LOST_BEFORE | FaultKind.LOST_AFTER:
            raise OutcomeUnknownError(
                "the connection closed before the answer came", operation=operation
            )
        case FaultKind.DENIED:
            raise DeniedError(
                "not permitted", why=f"The identity lacks fake:{operation}.", operation=operation
            )
        case FaultKind.UNAUTHENTICATED:
            raise UnauthenticatedError(
                "the session has expired", advice="Sign in again.", operation=operation
            )
        case FaultKind.QUOTA:
            raise QuotaError(
                "no more keys fit", advice="Ask for a higher quota.", operation=operation
            )
        case FaultKind.DEFECT:
            raise RuntimeError("a bug in the provider")
        case FaultKind.CRASH_BEFORE | FaultKind.CRASH_AFTER:
            raise SimulatedCrash(operation)
