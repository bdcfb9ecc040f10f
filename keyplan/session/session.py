"""The only caller of a provider: it retries, limits, checks, and lets nothing else through.

Rules: whatever goes wrong in a provider leaves as a `ProviderError`; an exception of
any other kind becomes a `ProviderDefectError` whose message repeats none of its text,
because that could hold a secret. What promises that nothing was done is tried again;
a write whose answer was lost never is. No two operations run on one key at once.

A read that hangs inside a provider is left behind when its time is over; whoever executes
in a thread of its own asks `overdue` whether to go on waiting.

After a `ProviderDefectError` from `execute` nobody knows whether the operation was
done: treat it as a lost answer.
"""

from __future__ import annotations

import random as _random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from keyplan.errors import (
    DeniedError,
    KeyplanError,
    OutcomeUnknownError,
    ProviderDefectError,
    ProviderError,
    RejectedError,
    TransientError,
)
from keyplan.model.observations import Observation
from keyplan.model.operations import MoveAlias, RemoteOperation
from keyplan.sdk.capabilities import Capabilities
from keyplan.sdk.hidden import HiddenKeysError
from keyplan.sdk.provider import (
    Bindings,
    Identity,
    Outcome,
    Page,
    Plugin,
    Provider,
)
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.session.daemons import GRACE, Calls, Daemons
from keyplan.session.limits import KeyLocks, RateLimits
from keyplan.session.promises import check_observation, check_outcome, check_reading, defect
from keyplan.session.retry import RetryPolicy, with_retries

if TYPE_CHECKING:
    from pydantic import BaseModel

READ_DEADLINE = 120.0
"""Seconds that one reading call may take, retries included."""

IDENTIFY_DEADLINE = 15.0
"""Seconds for the first call of all: what does not answer it is not there, or is not the service,
and somebody waits in front of an empty terminal.
"""

QUEUEING = 4.0
"""How much longer than by its quota, which others use too, reading many keys may take."""

CLOSE_DEADLINE = 10.0
"""Seconds that a provider has to close its connection."""

T = TypeVar("T")


class ProviderSession:
    """An open provider, as the core uses it. Safe to use from several threads."""

    def __init__(
        self,
        instance: str,
        plugin: Plugin,
        provider: Provider,
        *,
        clock: Clock = SYSTEM_CLOCK,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  (frozen)
        random: Callable[[], float] = _random.random,
        settings: BaseModel | None = None,
    ) -> None:
        self._instance = instance
        self._settings = settings
        self._plugin = plugin
        self._provider = provider
        self._clock = clock
        self._retry = retry
        self._random = random
        paced = self.capabilities.paces_itself
        self._limits = RateLimits({} if paced else self.capabilities.rates, clock)
        self._locks = KeyLocks()
        self._calls = Calls(clock)
        self._readers = Daemons(max(1, self.capabilities.threads), f"read-{instance}")
        self._closers = Daemons(1, f"close-{instance}")
        self._closed = False

    @property
    def instance(self) -> str:
        """The provider block it serves: `hsm`, `aws.dr`."""
        return self._instance

    @property
    def plugin(self) -> Plugin:
        """The offline half."""
        return self._plugin

    @cached_property
    def located(self) -> Plugin:
        """The offline half as it is for this connection."""
        if self._settings is None:
            return self._plugin
        return self._plugin.located(self.identity, self._settings)

    @cached_property
    def capabilities(self) -> Capabilities:
        """The manifest."""
        return self._plugin.capabilities()

    @cached_property
    def identity(self) -> Identity:
        """Who and where the connection is; asked once."""
        return self._reading(
            "identify", lambda _: self._provider.identify(), deadline=IDENTIFY_DEADLINE
        )

    # -- reading -------------------------------------------------------------------------

    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Read keys by id, in batches and threads; ids that do not exist are left out.

        A limit on `read` counts keys, not batches: services that read one by one are
        the ones that limit it. Raises `HiddenKeysError`, with all the others, for keys of which
        nothing may be read.
        """
        wanted = list(dict.fromkeys(ids))
        size = max(1, self.capabilities.read_batch)
        chunks = [wanted[start : start + size] for start in range(0, len(wanted), size)]
        if len(chunks) <= 1:
            return self._read_chunk(len(wanted), chunks[0]) if chunks else {}
        found: dict[str, Observation] = {}
        hidden: dict[str, DeniedError] = {}
        pool = Daemons(min(self.capabilities.threads, len(chunks)), f"batch-{self._instance}")
        try:
            parts = [pool.submit(partial(self._read_chunk, len(wanted), chunk)) for chunk in chunks]
            for part in parts:
                try:
                    found.update(part.result())
                except HiddenKeysError as error:
                    found.update(error.seen)
                    hidden.update(error.hidden)
        finally:
            for part in parts:
                part.cancel()
            pool.close()
        if hidden:
            raise HiddenKeysError(hidden, found)
        return found

    def _read_chunk(self, queued: int, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Some of `queued` keys, which share the quota of a provider that paces itself."""
        rate = self.capabilities.rates.get("read", 0) if self.capabilities.paces_itself else 0
        try:
            found = self._reading(
                "read",
                lambda _: self._provider.read(ids),
                tokens=len(ids),
                deadline=READ_DEADLINE + (QUEUEING * queued / rate if rate else 0),
            )
        except HiddenKeysError as error:
            check_reading(error.seen, ids, self._plugin)
            raise
        return check_reading(found, ids, self._plugin)

    def scan(self) -> Iterator[Observation]:
        """Everything the provider holds, page by page."""
        cursor: str | None = None
        while True:
            page = self._page(cursor)
            for observation in page.observations:
                yield check_observation(observation, self._plugin.name, "scan")
            if page.cursor is None:
                return
            if page.cursor == cursor:
                raise defect(self._plugin.name, "scan", "a page's cursor must lead on")
            cursor = page.cursor

    def _page(self, cursor: str | None) -> Page:
        return self._reading("scan", lambda _: self._provider.scan(cursor))

    def find(self, token: str) -> Observation | None:
        """The key that carries an operation token, if any is visible yet."""
        found = self._reading("find", lambda _: self._provider.find(token))
        if found is None:
            return None
        check_observation(found, self._plugin.name, "find")
        if found.owner is not None and found.owner.token != token:
            raise defect(self._plugin.name, "find", "the key must carry the token asked for")
        return found

    def find_alias(self, alias: str) -> str | None:
        """The id of the key that an alias points to, if any."""
        return self._reading("find_alias", lambda _: self._provider.find_alias(alias))

    # -- writing -------------------------------------------------------------------------

    def execute(
        self,
        operation: RemoteOperation,
        bindings: Bindings,
        *,
        expects: str | None = None,
        deadline: float | None = None,
    ) -> Outcome:
        """Do one operation. `deadline` is in seconds and covers every try.

        Raises `OutcomeUnknownError` if the answer was lost, and `ProviderDefectError`
        if the provider failed in a way it should not: in both cases the effect may be
        there. Any other `ProviderError` says that nothing was done.
        """
        name = operation.name
        if name not in self.capabilities.operations:
            raise RejectedError(
                f"the provider {self._plugin.name} does not perform {name}",
                target=operation.target,
                operation=name,
                advice="A plan that asks for it was made with another version. Plan again.",
            )
        keys = (
            (operation.target, operation.source)
            if isinstance(operation, MoveAlias)
            else (operation.target,)
        )
        deadline = READ_DEADLINE if deadline is None else deadline
        with self._locks.holding(keys, deadline + GRACE):
            outcome = self._guarded(
                name,
                lambda remaining: self._provider.execute(
                    operation, bindings, expects=expects, deadline=remaining
                ),
                deadline=deadline,
                writes=True,
            )
        return check_outcome(outcome, self._plugin.name, name)

    def overdue(self, thread: int) -> bool:
        """Whether that thread hangs in a call of this provider: its deadline is long over."""
        return self._calls.overdue(thread)

    def close(self) -> None:
        """Release everything. Idempotent; a provider that fails here has nothing left to lose."""
        if self._closed:
            return
        self._closed = True
        self._readers.close()
        try:
            self._calls.wait(
                self._closers,
                lambda: self._calls.watched(lambda _: self._provider.close(), CLOSE_DEADLINE),
            )
        except Exception as error:
            raise self._converted(error, "close") from error
        finally:
            self._closers.close()

    # -- the guard -----------------------------------------------------------------------

    def _reading(
        self,
        operation: str,
        call: Callable[[float], T],
        *,
        tokens: float = 1.0,
        deadline: float = READ_DEADLINE,
    ) -> T:
        """A reading call that is left behind if it hangs."""
        try:
            return self._calls.wait(
                self._readers,
                lambda: self._guarded(operation, call, tokens=tokens, deadline=deadline),
            )
        except TimeoutError:
            raise TransientError(
                f"the provider {self._plugin.name} did not answer {operation} in"
                f" {deadline:.0f} s, and is not waited for any longer",
                target=self._instance,
                operation=operation,
                advice="See whether the service can be reached, then run the same command again.",
            ) from None

    def _guarded(
        self,
        operation: str,
        call: Callable[[float], T],
        *,
        tokens: float = 1.0,
        deadline: float = READ_DEADLINE,
        writes: bool = False,
    ) -> T:
        """The call under limits and retries. It is told how many seconds are left.

        A lost answer to a reading call is like none at all: it is asked again.

        Waiting for the first turn does not count against the deadline: the queue is
        keyplan's own, and its length says nothing about the service.
        """
        self._limits.acquire(operation, tokens)
        until = self._clock.monotonic() + deadline
        tries = 0

        def once() -> T:
            nonlocal tries
            if tries:
                self._limits.acquire(operation, tokens)
            tries += 1
            try:
                return self._calls.watched(call, max(0.0, until - self._clock.monotonic()))
            except OutcomeUnknownError as error:
                if writes:
                    raise
                raise TransientError(
                    error.what, target=error.target, operation=operation
                ) from error
            except ProviderError:
                raise
            except Exception as error:
                raise self._converted(error, operation) from error

        result = with_retries(
            once,
            policy=self._retry,
            until=until,
            clock=self._clock,
            random=self._random,
            throttled=lambda: self._limits.throttled(operation),
        )
        self._limits.passed(operation)
        return result

    def _converted(self, error: Exception, operation: str) -> ProviderError:
        """A stray exception as one of ours, without its text."""
        if isinstance(error, ProviderError):
            return error
        kind = error.error_class if isinstance(error, KeyplanError) else type(error).__name__
        return ProviderDefectError(
            f"the provider {self._plugin.name} failed in {operation} in a way it should not"
            f" ({kind})",
            target=self._instance,
            operation=operation,
            advice="This is a bug in the provider: --debug shows where. Report it to its authors.",
        )
