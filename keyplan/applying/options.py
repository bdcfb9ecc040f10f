"""What the caller of an apply decides, and the flag by which it is stopped."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import TypeAlias

from keyplan.plans.reports import ApplyEvent
from keyplan.session.clock import Clock
from keyplan.session.session import ProviderSession

Observer: TypeAlias = Callable[[ApplyEvent], None]
"""Told what happens while it happens, from one thread only."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How a plan is applied.

    `parallelism` bounds the calls in flight over all providers; `lock_timeout` is how
    many seconds to wait for the lease; `holder` (user@host) and `operation` are what
    others are shown meanwhile; `deadline` is the time of one step in seconds, retries
    included. A live key that was compared with the plan more than `fresh` seconds ago
    is compared again before the first write to it. `on_failure` (`stop`, `rollback`) is
    written into the journal, for whoever finds the run after a crash.
    """

    parallelism: int = 10
    lock_timeout: float = 0.0
    holder: str = "unknown"
    operation: str = "apply"
    deadline: float = 60.0
    fresh: float = 2.0
    on_failure: str = "stop"


class Interrupt:
    """A wish to stop, from any thread or a signal handler. It cannot be taken back.

    Steps in flight finish, nothing new is started, and the state is made safe.
    """

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        """Ask for the stop."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run works with."""

    sessions: Mapping[str, ProviderSession]
    options: ApplyOptions
    clock: Clock
    observer: Observer
    interrupt: Interrupt


def unwatched(event: ApplyEvent) -> None:
    """The observer where nobody watches."""


def new_run_id(now: datetime) -> str:
    """A name for a run that sorts by time: `20270101T120000Z-9f31c0a2`."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
