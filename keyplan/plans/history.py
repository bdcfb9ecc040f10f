"""What became of a stack's runs, and what is wrong with its state. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunOutcome(StrEnum):
    """How a run ended, as far as its journal says."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    OPEN = "open"
    EMPTY = "empty"  # it stopped before it had written anything
    PUT_AWAY = "put_away"  # its journal was closed without an end: its steps count no more
    SEALED = "sealed"  # from before the state was unsealed
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Run:
    """One run. It began at `serial`; a run that ended left the state at the next one."""

    id: str
    outcome: RunOutcome
    operation: str = ""
    holder: str = ""
    at: str = ""
    serial: int = 0
    done: int = 0
    failed: int = 0
    allowed: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with what a store keeps, and what to do about it.

    What does not `matter` is only said: a damaged state stays kept after it was replaced.
    """

    subject: str
    what: str
    advice: str
    matters: bool = True
