"""A stack opened for one run: its configuration, store and provider sessions.

Rules: everything is opened at most once and only when it is needed, so that `show`
connects to no provider and `validate` opens no store. Planning opens providers read
only: it needs no PIN and creates nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from keyplan.app.busy import broke_off, held
from keyplan.config.loader import VariableInputs, read
from keyplan.diagnostics import ConfigurationError, Diagnostic, Diagnostics, Severity
from keyplan.errors import KeyplanError, PlanningError, StateError
from keyplan.graph.link import load_graph
from keyplan.graph.resources import ResourceGraph
from keyplan.model.stack import ProviderBlock, Stack, StoreBlock
from keyplan.rules.declaration import declaration_checks
from keyplan.sdk.capabilities import Finding
from keyplan.sdk.provider import OpenContext
from keyplan.sdk.store import Lease, Store
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.session.opening import open_session
from keyplan.session.registry import Registry, load_registry
from keyplan.session.session import ProviderSession
from keyplan.state.model import StateSnapshot
from keyplan.state.snapshot import archive_closed_runs, load_snapshot

_POLL = 0.25
"""Seconds between two looks at a lock."""

_STALE = "a plan made now would be stale before it is read"
_LATER = "plan again when it has ended; keyplan apply waits for it with --lock-timeout 10m."


@dataclass(frozen=True, slots=True)
class Settings:
    """What of a configuration is needed without its keys: the stack and its providers."""

    stack: Stack
    providers: Mapping[str, ProviderBlock]


class Workspace:
    """One stack in one run."""

    def __init__(
        self,
        root: Path,
        *,
        environment: Mapping[str, str],
        inputs: VariableInputs | None = None,
        clock: Clock = SYSTEM_CLOCK,
        registry: Registry | None = None,
    ) -> None:
        self.root = root
        self.environment = environment
        self.inputs = inputs or VariableInputs()
        self.clock = clock
        self.registry = registry or load_registry()
        self._linked: tuple[ResourceGraph, Diagnostics] | None = None

    # -- configuration -------------------------------------------------------------------

    @property
    def graph(self) -> ResourceGraph:
        """The linked stack. Raises `ConfigurationError` with everything that is wrong."""
        return self._link()[0]

    @property
    def warnings(self) -> list[Diagnostic]:
        """Warnings and notes about the configuration, in file order."""
        return self._link()[1].in_order()

    def _link(self) -> tuple[ResourceGraph, Diagnostics]:
        if self._linked is None:
            self._linked = load_graph(
                self.root,
                inputs=self.inputs,
                plugins=self.registry.plugins,
                environment=self.environment,
                now=self.clock.now(),
                checks=declaration_checks(self.registry.plugins),
            )
        return self._linked

    @cached_property
    def settings(self) -> Settings:
        """The stack and its providers, whatever is wrong with the keys.

        A saved plan and an open run are performed as they were planned: a mistake made
        in a key since then must not stand in their way, a mistake in what says where
        state and providers are must.
        """
        if self._linked is not None:
            return Settings(self.graph.stack, self.graph.providers)
        diagnostics = Diagnostics()
        found = read(
            self.root,
            inputs=self.inputs,
            plugins=self.registry.plugins,
            environment=self.environment,
            diagnostics=diagnostics,
        )
        if found is None:
            raise ConfigurationError(diagnostics.in_order())
        relevant = [item for item in diagnostics.in_order() if _is_about_settings(item)]
        if any(item.severity is Severity.ERROR for item in relevant):
            raise ConfigurationError(relevant)
        return Settings(found.stack, found.providers)

    # -- state ---------------------------------------------------------------------------

    @cached_property
    def store(self) -> Store:
        """The stack's store. Raises `ConfigurationError` or `StoreError`."""
        block = self.settings.stack.store
        if block.name not in self.registry.stores:
            raise ConfigurationError([_no_store(block, sorted(self.registry.stores))])
        plugin = self.registry.stores[block.name]
        from pydantic import ValidationError  # noqa: PLC0415  (60 ms that --help does not need)

        try:
            settings = plugin.settings_model.model_validate(dict(block.settings))
        except ValidationError as error:
            raise ConfigurationError(_refused(block, error)) from None
        store = plugin.open(settings, stack=self.root, environment=self.environment)
        return store if block.sealed is None else self._sealed(store, block.sealed)

    def _sealed(self, store: Store, settings: Mapping[str, object]) -> Store:
        from keyplan.session import sealed_settings as sealed  # noqa: PLC0415  (cryptography)

        checked = sealed.SealedSettings.model_validate(dict(settings))
        return sealed.seal(store, checked, stack=self.root, environment=self.environment)

    def snapshot(self) -> StateSnapshot:
        """The state as it is now; a fresh lineage if there is none yet."""
        try:
            return load_snapshot(self.store, new_lineage=lambda: str(uuid.uuid4()))
        except StateError as error:
            error.target = error.target or self.store.describe()
            raise

    def wait_for_other_run(self, seconds: float) -> None:
        """Return when nobody holds the state any more, or when the time is over."""
        until = self.clock.monotonic() + seconds
        while self.store.holder() is not None:
            remaining = until - self.clock.monotonic()
            if remaining <= 0:
                return
            self.clock.sleep(min(_POLL, remaining))

    def idle_snapshot(self, *, harm: str = _STALE, again: str = _LATER) -> StateSnapshot:
        """As `snapshot`; raises `BusyError` if a run did not end, since the state then lags.

        It is an `OpenRunError` if nobody is at that run: it was open before and after
        nobody held the lease. `harm` and `again` are words for what is refused.
        """
        snapshot = self.snapshot()
        while snapshot.open_run is not None:
            self.refuse_holder(harm=harm, again=again)
            found = self.snapshot()
            if found.open_run == snapshot.open_run:
                raise broke_off(snapshot.open_run, store=self.store.describe())
            snapshot = found  # that run ended meanwhile
        return snapshot

    def refuse_holder(self, *, harm: str, again: str) -> None:
        """Raise `BusyError` if somebody holds the lease."""
        holder = self.store.holder()
        if holder is not None:
            raise held(
                holder,
                store=self.store.describe(),
                run=self.snapshot().open_run,
                now=self.clock.now(),
                harm=harm,
                again=again,
            )

    def archive_ended(self, lease: Lease) -> tuple[str, ...]:
        """Archive the journals of runs that died between the state and that; returns the runs."""
        return archive_closed_runs(self.store, self.snapshot().state, lease=lease)

    @property
    def has_unarchived(self) -> bool:
        """Whether the journal of a run that the state holds waits to be archived."""
        waiting = self.store.open_logs()
        return bool(waiting) and not set(waiting).isdisjoint(self.snapshot().state.closed_runs)

    # -- providers -----------------------------------------------------------------------

    def asks_by_repeating(self, instances: Iterable[str]) -> bool:
        """Whether any of these services is asked about a lost create by repeating the call."""
        plugins = (self.registry.plugins[name.partition(".")[0]] for name in instances)
        return any(plugin.capabilities().finding is Finding.NATIVE for plugin in plugins)

    @contextmanager
    def sessions(
        self, instances: Iterable[str], *, read_only: bool
    ) -> Iterator[Mapping[str, ProviderSession]]:
        """Connections to the providers with those names, closed at the end."""
        blocks = self.settings.providers
        context = OpenContext(
            stack=self.root.resolve(),
            now=self.clock.now(),
            read_only=read_only,
            environment=self.environment,
        )
        with ExitStack() as stack:
            opened: dict[str, ProviderSession] = {}
            for instance in sorted(set(instances)):
                if instance not in blocks:
                    raise PlanningError(
                        f"the provider {instance} is not declared, and the state has keys there",
                        why="Without it keyplan can neither read nor remove them.",
                        advice=f"Put the block `provider: {{{instance}: ...}}` back until its keys"
                        " are gone from the state.",
                    )
                block = blocks[instance]
                plugin = self.registry.plugins[block.type]
                session = open_session(block, plugin, context, clock=self.clock)
                stack.callback(_close, session)
                opened[instance] = session
            yield opened


def _close(session: ProviderSession) -> None:
    """A connection that cannot be closed changes nothing that was done over it."""
    try:
        session.close()
    except KeyplanError as error:
        logging.getLogger(__name__).warning("%s", error.what)


def _is_about_settings(item: Diagnostic) -> bool:
    return item.address.partition(".")[0] in ("keyplan", "provider")


def _no_store(block: StoreBlock, known: list[str]) -> Diagnostic:
    return Diagnostic(
        Severity.ERROR,
        "KP-STORE-001",
        f"there is no store {block.name}",
        advice=f"Installed: {', '.join(known)}.",
        position=block.position,
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _refused(block: StoreBlock, error: object) -> list[Diagnostic]:
    """One diagnostic a field; the value itself is never repeated."""
    problems = error.errors(  # type: ignore[attr-defined]  # pydantic is not imported above
        include_input=False, include_url=False, include_context=False
    )
    return [
        Diagnostic(
            Severity.ERROR,
            "KP-STORE-002",
            f"state.{block.name}.{'.'.join(str(part) for part in problem['loc'])}:"
            f" {_lower(problem['msg'].removeprefix('Value error, '))}",
            position=block.position,
        )
        for problem in problems
    ]
