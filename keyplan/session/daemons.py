"""Threads that may be given up, and a look at the calls that they are in.

A call that hangs inside a provider cannot be ended from outside. It can be left behind:
whoever waits for it is told when it is overdue, and its thread ends with the process,
which does not wait for it. (The threads of `concurrent.futures` are joined at exit.)

Rules: the time of a call is that of the injected clock; waiting for one's turn is no
call; an answer that comes after all is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Semaphore, Thread, get_ident
from typing import Any, TypeVar

from keyplan.session.clock import Clock

GRACE = 5.0
"""Seconds after its deadline for which a call may still come back with a reason of its own."""

IDLE = 1.0
"""Seconds for which a thread waits for work before it ends."""

TICK = 0.1
"""Seconds between two looks at a call that somebody waits for."""

T = TypeVar("T")


class Daemons:
    """At most `width` threads, started when there is work for them."""

    def __init__(self, width: int, name: str) -> None:
        self._width = width
        self._name = name
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._starting = Lock()
        self._threads = 0
        self._left: set[int] = set()
        self._closed = False

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Let a thread do the work. What was not begun can be cancelled."""
        future: Future[T] = Future()
        with self._starting:
            if self._closed:
                raise RuntimeError("these threads were ended")
            self._work.put((future, work))
            if not self._idle.acquire(blocking=False) and self._threads < self._width:
                self._start()
        return future

    def leave(self, thread: int) -> None:
        """Wait no longer for a thread that hangs: another does what waits for it."""
        with self._starting:
            self._left.add(thread)
            self._threads -= 1
            if not self._work.empty():
                self._start()

    def _start(self) -> None:
        self._threads += 1
        name = f"{self._name}-{self._threads}"
        Thread(target=self._run, name=name, daemon=True).start()

    def close(self) -> None:
        """End the threads, each when it has nothing to do any more. Waits for none."""
        with self._starting:
            self._closed = True
            for _ in range(self._threads):
                self._work.put(None)

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """The next work; `None` to end: there was none for a while, or never will be."""
        with suppress(Empty):
            return self._work.get_nowait()
        self._idle.release()
        while True:
            try:
                return self._work.get(timeout=IDLE)
            except Empty:
                with self._starting:
                    if self._work.empty():
                        self._idle.acquire(blocking=False)  # nobody counts on this thread now
                        self._threads -= 1
                        return None

    def _run(self) -> None:
        while (item := self._next()) is not None:
            future, work = item
            if future.set_running_or_notify_cancel():
                try:
                    result = work()
                except BaseException as error:  # noqa: BLE001  (raised again by who waits)
                    future.set_exception(error)
                else:
                    future.set_result(result)
            del item, future, work  # what was answered is kept by nobody while this one waits
            with self._starting:
                if (thread := get_ident()) in self._left:
                    self._left.remove(thread)  # another stands in its place
                    return


class Calls:
    """The calls of one provider that go on now, by thread, and when each should have ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[int, float] = {}

    def watched(self, call: Callable[[float], T], seconds: float) -> T:
        """The call, which is told how many seconds it has."""
        thread = get_ident()
        self._due[thread] = self._clock.monotonic() + seconds + GRACE
        try:
            return call(seconds)
        finally:
            del self._due[thread]

    def overdue(self, thread: int) -> bool:
        """Whether a thread is in a call that should have ended long ago."""
        due = self._due.get(thread)
        return due is not None and self._clock.monotonic() > due

    def wait(self, daemons: Daemons, work: Callable[[], T]) -> T:
        """What the work gives, done in a thread; raises `TimeoutError` once its call is overdue."""
        thread = 0

        def noted() -> T:
            nonlocal thread
            thread = get_ident()
            return work()

        future = daemons.submit(noted)
        late = False
        while True:
            try:
                return future.result(timeout=TICK)
            except TimeoutError:
                if future.done():
                    return future.result()
                if late and self.overdue(thread):
                    daemons.leave(thread)
                    raise TimeoutError from None
                late = self.overdue(thread)
