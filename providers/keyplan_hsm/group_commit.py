"""Many callers, one transaction: who comes first commits for all who wait.

A durable commit costs a flush of the disk however much it holds. So a caller that finds
nobody committing takes everything that waits, runs it in one transaction and wakes the
others; who comes meanwhile waits for the next turn.

Rules: every job is decided exactly once, with a result or an error; a job that has not
been taken yet can be withdrawn when its time is over, and then nothing was done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from keyplan.errors import OutcomeUnknownError
from keyplan_hsm.audit import Call


@dataclass(slots=True, eq=False)
class Job:
    """One piece of work, for `run` to decide."""

    call: Call
    work: Callable[..., Any]
    decided: bool = False
    result: Any = None
    error: BaseException | None = None

    def succeed(self, result: object) -> None:
        """Decide it with a result."""
        self.decided, self.result = True, result

    def fail(self, error: BaseException) -> None:
        """Decide it with an error, unless it is decided."""
        if not self.decided:
            self.decided, self.error = True, error


class GroupCommit:
    """Hands batches of jobs to `run`, one batch at a time, in the thread of a caller."""

    def __init__(self, run: Callable[[Sequence[Job]], None]) -> None:
        self._run = run
        self._turn = threading.Condition()
        self._waiting: list[Job] = []
        self._busy = False

    def submit(self, job: Job, timeout: float | None = None) -> None:
        """Return when the job is decided. Raises `TimeoutError` if its turn did not come."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._turn:
            self._waiting.append(job)
            while self._busy and not job.decided:
                remaining = None if until is None else until - time.monotonic()
                if remaining is not None and remaining <= 0 and job in self._waiting:
                    self._waiting.remove(job)
                    raise TimeoutError
                self._turn.wait(None if remaining is None else max(remaining, 0.01))
            if job.decided:
                return
            self._busy = True
            batch, self._waiting = self._waiting, []
        try:
            self._run(batch)
        finally:
            for taken in batch:
                taken.fail(OutcomeUnknownError("the HSM stopped before it said what became of it"))
            with self._turn:
                self._busy = False
                self._turn.notify_all()
