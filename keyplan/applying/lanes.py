"""Worker threads: one lane per provider, as wide as it allows, all of them together bounded.

Rules: a lane takes work ahead of its threads, so that one flush of the journal serves
many steps and no thread waits for the next flush; it is refilled when half of that is
used up. Work that has not begun, or waits for its turn behind other lanes, can be
withdrawn; work that hangs can be given up, and nobody waits for its thread then. Workers
say what happens through one queue and touch nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Lock, get_ident
from typing import TypeAlias

from keyplan.applying.executor import Attempt
from keyplan.plans.plan import Step
from keyplan.session.daemons import Daemons

AHEAD = 4
"""How many times its width a lane holds in started steps."""

PATIENCE = 30.0
"""Seconds for which calls in flight are waited for when an error ends the run itself."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A worker begins the step in that thread. `at` is on the monotonic clock."""

    step: Step
    at: float
    thread: int


@dataclass(frozen=True, slots=True)
class Crashed:
    """A worker met something that is no expected error. It ends the run as it stands."""

    error: BaseException


Message: TypeAlias = Begun | Attempt | Crashed


class Lane:
    """The steps of one provider: ready ones, and those that were started."""

    def __init__(self, name: str, width: int) -> None:
        self.limit = width * AHEAD
        self.ready: deque[Step] = deque()
        self.started: dict[int, Future[None]] = {}
        self.pool = Daemons(width, f"apply-{name}")

    def next(self) -> list[Step]:
        """Ready steps to start now: none while enough is started."""
        if len(self.started) > self.limit // 2:
            return []
        room = self.limit - len(self.started)
        return [self.ready.popleft() for _ in range(min(room, len(self.ready)))]


class Lanes:
    """All lanes of a run, and the queue their workers report to."""

    def __init__(self, widths: Mapping[str, int], parallelism: int) -> None:
        self._lanes = {name: Lane(name, min(width, parallelism)) for name, width in widths.items()}
        self._gate = BoundedSemaphore(parallelism)
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._claiming = Lock()
        self._claimed: set[int] = set()  # what has begun, and what never will

    @property
    def busy(self) -> bool:
        """Whether any started step has not been reported yet."""
        return any(lane.started for lane in self._lanes.values())

    def offer(self, step: Step) -> None:
        """A step is ready."""
        self._lanes[step.provider].ready.append(step)

    def next(self) -> list[Step]:
        """What to start now."""
        return [step for lane in self._lanes.values() for step in lane.next()]

    def submit(self, step: Step, begin: Callable[[], float], work: Callable[[], Attempt]) -> None:
        """Hand a started step to its lane. `begin` gives the instant at which a thread took it."""
        lane = self._lanes[step.provider]
        lane.started[step.number] = lane.pool.submit(partial(self._run, step, begin, work))

    def _run(self, step: Step, begin: Callable[[], float], work: Callable[[], Attempt]) -> None:
        try:
            with self._gate:
                if self._claim(step.number):
                    self._inbox.put(Begun(step, begin(), get_ident()))
                    self._inbox.put(work())
        except BaseException as error:  # noqa: BLE001  (raised again by who reads the queue)
            self._inbox.put(Crashed(error))

    def _claim(self, number: int) -> bool:
        """Whether the caller is the first who says what becomes of a step."""
        with self._claiming:
            first = number not in self._claimed
            self._claimed.add(number)
        return first

    def messages(self, timeout: float) -> list[Message]:
        """Everything reported by now, waiting up to `timeout` seconds for the first."""
        messages: list[Message] = []
        with suppress(Empty):
            messages.append(self._inbox.get(timeout=timeout))
            while True:
                messages.append(self._inbox.get_nowait())
        return messages

    def withdraw(self) -> list[int]:
        """Take back what has not begun; returns the numbers of those steps."""
        withdrawn: list[int] = []
        for lane in self._lanes.values():
            taken = [number for number in lane.started if self._claim(number)]
            for number in taken:
                del lane.started[number]
            withdrawn += taken
        return withdrawn

    def reported(self, step: Step) -> None:
        """A step's attempt was dealt with, or is not waited for any longer."""
        self._lanes[step.provider].started.pop(step.number, None)

    def close(self) -> None:
        """End the threads. What is still in flight here belongs to a run that met an error."""
        self.withdraw()
        wait([item for lane in self._lanes.values() for item in lane.started.values()], PATIENCE)
        for lane in self._lanes.values():
            lane.pool.close()
