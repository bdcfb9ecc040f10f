"""The log of what was called, for tests that count calls and look at their order."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Call:
    """One call as it arrived, and how it was answered: `ok`, a code, or `dropped`, `lost`."""

    operation: str
    service: str
    region: str
    key: str
    """What the input names: a key, an alias, or nothing."""
    caller: str
    thread: str
    time: datetime
    bypass: bool = False
    """Whether it told AWS not to check that the caller could set the policy again."""
    outcome: str = ""


class Calls:
    """All calls so far, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Call] = []

    def add(self, call: Call) -> Call:
        """Write a call down."""
        with self._lock:
            self._all.append(call)
        return call

    def all(self, operation: str = "") -> list[Call]:
        """The calls, or those of one operation."""
        with self._lock:
            return [call for call in self._all if operation in ("", call.operation)]

    def count(self, operation: str = "") -> int:
        """How many calls there were."""
        return len(self.all(operation))

    def names(self) -> list[str]:
        """The operations, in order."""
        return [call.operation for call in self.all()]

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._all.clear()
