"""Ctrl-C while a plan is performed: finish what is in flight, start nothing new, save.

Rules: the first signal sets the flag and says so; a later one says what is waited for;
none of them ends the process, because only a finished call has a known outcome. A call
has a deadline, so none of them waits for ever. A terminal that is lost (SIGHUP) and a
request to end (SIGTERM) do the same.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol, TextIO

from keyplan.cli.terminal import Terminal

FIRST = "\nInterrupted: finishing the calls in flight, then saving the state.\n"
LATER = (
    "Still waiting for a call in flight: what it did is not known before it ends, and it\n"
    "ends by its deadline at the latest.\n"
)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stoppable(Protocol):
    """A flag that asks for the stop."""

    def set(self) -> None:
        """Ask."""

    @property
    def is_set(self) -> bool:
        """Whether somebody asked."""


def _say(stream: TextIO, text: str) -> None:
    """Write past the stream's buffer: a handler may interrupt a write to that buffer."""
    try:
        os.write(stream.fileno(), text.encode())
    except (OSError, ValueError):
        with suppress(OSError, ValueError):  # the terminal may be what was lost
            stream.write(text)


@contextmanager
def stopping(interrupt: Stoppable, terminal: Terminal) -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP set the flag instead of ending the process."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's: an embedding program has its own way
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        _say(terminal.stderr, LATER if interrupt.is_set else FIRST)
        interrupt.set()

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
