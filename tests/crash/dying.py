"""How a process of a crash test dies: SIGKILL at a point that was chosen before it began.

A point is a method of the store (`append`, `commit`, `archive`, `truncate_log`) or of the
provider (`execute`), how often it was called, and a moment: `before` the call, `after` it, or in
the `middle`: half of a file written, a transaction not committed, a request sent whose
answer nobody waits for. Only this process is patched; the product has no hook.

Rules: the kill is the kernel's, so nothing is flushed, closed or told. A process that is
given no point counts what it could have died at.
"""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from keyplan_aws.provider import AwsProvider
from keyplan_hsm.device import Device
from keyplan_hsm.provider import HsmProvider
from keyplan_state import files
from keyplan_state.local import LocalStore
from keyplan_state.postgres import PostgresStore
from keyplan_state.postgres_link import Statements
from keyplan_state.s3_store import S3Store

STORES = (LocalStore, S3Store, PostgresStore)
PROVIDERS = (HsmProvider, AwsProvider)
WRITES = ("append", "commit", "archive", "truncate_log")
MOMENTS = ("before", "middle", "after")


@dataclass(frozen=True, slots=True)
class Point:
    """Where to die. `depth` is the how-manieth of several middles it is."""

    call: str
    nth: int
    moment: str
    depth: int = 1


def die() -> NoReturn:
    """Be gone: this very moment, like a machine without power."""
    os.kill(os.getpid(), signal.SIGKILL)
    while True:  # the signal is delivered before this line; other threads are as dead
        time.sleep(1)


class Dying:
    """Watches the calls of this process and ends it at its point."""

    def __init__(self, point: Point | None, *, leased: Callable[[], None]) -> None:
        self._point = point
        self._leased = leased
        self._lock = threading.Lock()
        self._depth = 0
        self._armed = False
        self.counts: Counter[str] = Counter()

    def install(self) -> None:
        """Patch the classes of this process."""
        for store in STORES:
            for name in WRITES:
                self._watch(store, name)
            self._announce(store)
        for provider in PROVIDERS:
            self._watch(provider, "execute")
        self._halve_writes()
        self._die_before_answers()
        self._die_inside_transactions()

    def _announce(self, store: Any) -> None:
        acquire = store.acquire

        def acquired(this: Any, *given: Any, **named: Any) -> Any:
            lease = acquire(this, *given, **named)
            self._leased()
            return lease

        store.acquire = acquired  # type: ignore[method-assign]

    def _watch(self, owner: type, name: str) -> None:
        inner = getattr(owner, name)

        def watched(this: Any, *given: Any, **named: Any) -> Any:
            with self._lock:
                self.counts[name] += 1
                mine = self._point is not None and (
                    self._point.call == name and self._point.nth == self.counts[name]
                )
            moment = self._point.moment if mine and self._point else ""
            if moment == "before":
                die()
            if moment == "middle":
                self._armed = True
            result = inner(this, *given, **named)
            if moment:  # also where there was no middle to die in
                die()
            return result

        setattr(owner, name, watched)

    def _is_here(self) -> bool:
        """Whether this is the middle that was asked for."""
        if not self._armed or self._point is None:
            return False
        with self._lock:
            self._depth += 1
            return self._depth >= self._point.depth

    def _halve_writes(self) -> None:
        """A file is written in part; or it is whole, and its directory was not flushed."""
        write, sync = files._write, files.sync_directory

        def halved(descriptor: int, content: bytes) -> None:
            if self._is_here():
                write(descriptor, content[: len(content) // 2])
                die()
            write(descriptor, content)

        def unsynced(directory: Any) -> None:
            if self._is_here():
                die()
            sync(directory)

        files._write, files.sync_directory = halved, unsynced

    def _die_before_answers(self) -> None:
        """A request was sent; what became of it nobody learns."""
        answer = http.client.HTTPConnection.getresponse

        def unheard(connection: http.client.HTTPConnection) -> Any:
            if self._is_here():
                time.sleep(0.02)  # it arrives
                die()
            return answer(connection)

        http.client.HTTPConnection.getresponse = unheard  # type: ignore[method-assign]

    def _die_inside_transactions(self) -> None:
        """Statements were run, and their transaction is not committed."""
        transact, statement = Device._transact, Statements.__call__

        def uncommitted(this: Device, connection: sqlite3.Connection, jobs: Sequence[Any]) -> Any:
            found = transact(this, connection, jobs)
            if self._is_here():
                die()
            return found

        def cut(this: Statements, text: str, *parameters: object) -> Any:
            rows = statement(this, text, *parameters)
            if self._is_here():
                die()
            return rows

        Device._transact = uncommitted  # type: ignore[method-assign]
        Statements.__call__ = cut  # type: ignore[method-assign]
