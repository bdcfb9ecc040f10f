"""A small world for tests of apply: the fake provider, a store in memory, time by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keyplan.applying.apply import apply_plan
from keyplan.applying.options import ApplyOptions, Interrupt
from keyplan.applying.recovery import close_open_run, finish_open_run
from keyplan.model.address import Address
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import CreateKey, Operation, RemoteOperation
from keyplan.plans.changes import Action, OutputChange, Reason, ResourceChange
from keyplan.plans.findings import Brake, Finding
from keyplan.plans.plan import Plan, PlanMode, Step
from keyplan.plans.recovery import RecoveryReport
from keyplan.plans.reports import ApplyEvent, ApplyReport
from keyplan.plans.ways_back import way_back
from keyplan.sdk.provider import Bindings, OpenContext, Outcome, Provider
from keyplan.session.session import ProviderSession
from keyplan.state.entries import Entry, Settlement
from keyplan.state.integrity import verify
from keyplan.state.journal import read_journal
from keyplan.state.model import State, StateSnapshot
from keyplan.state.snapshot import load_snapshot
from keyplan.testing.clock import ManualClock
from keyplan.testing.fake import FakePlugin, FakeSettings, fake_plugin
from keyplan.testing.fake_service import FakeService
from keyplan.testing.memory_store import CrashPoint, Medium, MemoryStore

LINEAGE = "11111111-2222-4333-8444-555555555555"
"""The stack's lineage in every test."""


def key(name: str) -> Address:
    """`key.<name>`."""
    return Address(f"key.{name}")


def create(name: str, *, parent: str | None = None, **attributes: Any) -> CreateKey:
    """A create of an encryption key; a wrapping one if its name begins with `root`."""
    wraps = name.startswith("root")
    return CreateKey(
        target=key(name),
        owner=OwnerMark(LINEAGE, f"token-{name}"),
        usage="wrap" if wraps else "encrypt",
        algorithm="aes-256",
        parent=None if parent is None else key(parent),
        relation=None if parent is None else "wraps",
        attributes=dict(attributes),
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """A step to be. `after` are positions of other drafts, counted from 1."""

    operation: Operation
    after: tuple[int, ...] = ()
    settlement: Settlement = field(default_factory=Settlement)
    expects: str | None = None
    reason: Reason = Reason.DECLARED


class Watched:
    """A fake connection that runs `before` and `after` around each execution."""

    def __init__(
        self,
        provider: Provider,
        before: Callable[[RemoteOperation], None],
        after: Callable[[RemoteOperation], None],
    ) -> None:
        self._provider = provider
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        self._before(operation)
        outcome = self._provider.execute(operation, bindings, **options)
        self._after(operation)
        return outcome


def _nothing(operation: RemoteOperation) -> None:
    """Let it happen."""


def instance(
    plugin: FakePlugin,
    name: str = "fake",
    *,
    before: Callable[[RemoteOperation], None] = _nothing,
    after: Callable[[RemoteOperation], None] = _nothing,
) -> ProviderSession:
    """A session with the fake service of the place called like the instance."""
    place = name.partition(".")[2] or "memory"
    context = OpenContext(stack=Path(), now=plugin.clock.now())
    provider: Any = Watched(plugin.open(FakeSettings(place=place), context), before, after)
    return ProviderSession(name, plugin, provider, clock=plugin.clock, random=lambda: 0.0)


class World:
    """Everything an apply needs, and a look at what came of it."""

    def __init__(self, plugin: FakePlugin | None = None, *, instances: Sequence[str] = ("fake",)):
        self.plugin = plugin or fake_plugin()
        self.clock: ManualClock = self.plugin.clock
        self.medium = Medium()
        self.instances = tuple(instances)
        self.events: list[ApplyEvent] = []
        self._runs = 0

    @property
    def service(self) -> FakeService:
        """The service behind `fake`."""
        return self.plugin.service()

    @property
    def sessions(self) -> dict[str, ProviderSession]:
        """Fresh connections, as a new process has."""
        return {name: instance(self.plugin, name) for name in self.instances}

    def store(self, crash: CrashPoint | None = None) -> MemoryStore:
        """The store, as a new process opens it."""
        return MemoryStore(self.medium, crash=crash)

    @property
    def snapshot(self) -> StateSnapshot:
        """What is committed."""
        return load_snapshot(self.store(), new_lineage=lambda: LINEAGE)

    @property
    def state(self) -> State:
        """The committed state, verified."""
        state = self.snapshot.state
        verify(state)
        return state

    def entries(self, run: str = "run-1") -> tuple[Entry, ...]:
        """What the journal of a run holds durably."""
        return read_journal(self.medium.logs.get(run, b"")).entries

    def plan(
        self,
        drafts: Iterable[Draft | Operation],
        *,
        outputs: Mapping[str, Any] | None = None,
        brakes: tuple[Brake, ...] = (),
        findings: tuple[Finding, ...] = (),
        observe: bool = False,
        provider: Callable[[Operation], str] = lambda operation: "fake",
    ) -> Plan:
        """A plan of these steps from the present state and world."""
        snapshot = self.snapshot
        resources = snapshot.state.resources
        steps: list[Step] = []
        for number, item in enumerate(drafts, 1):
            draft = item if isinstance(item, Draft) else Draft(item)
            operation = draft.operation
            address = operation.target
            expects = draft.expects
            if expects is None:
                held = resources.get(address)
                live = self.service.get(held.id) if held else None
                hidden = frozenset({"parent", "relation"})
                expects = live.observation(hidden).fingerprint if live else ""
            steps.append(
                Step(
                    number=number,
                    address=address,
                    provider=provider(operation),
                    operation=operation,
                    inverse=way_back(operation, self.plugin.capabilities()),
                    settlement=draft.settlement,
                    reason=draft.reason,
                    call=self.plugin.capabilities().call(operation),
                    expects=expects,
                    depends_on=draft.after,
                )
            )
        before = snapshot.state.outputs
        return Plan(
            stack="test",
            store="memory",
            keyplan_version="0",
            mode=PlanMode.NORMAL,
            lineage=snapshot.state.lineage,
            serial=snapshot.state.serial,
            state_version=snapshot.version,
            now=self.clock.now(),
            identities={name: item.identity for name, item in self.sessions.items()},
            changes=_changes(steps),
            steps=tuple(steps),
            refs={address: item.id for address, item in resources.items()},
            outputs=tuple(
                OutputChange(name, before.get(name), after)
                for name, after in (outputs or {}).items()
            ),
            brakes=brakes,
            findings=findings,
            observe=observe,
        )

    def apply(
        self,
        plan: Plan,
        *,
        allowed: Iterable[str] = (),
        crash: CrashPoint | None = None,
        interrupt: Interrupt | None = None,
        sessions: Mapping[str, ProviderSession] | None = None,
        store: MemoryStore | None = None,
        observer: Callable[[ApplyEvent], None] | None = None,
        **options: Any,
    ) -> ApplyReport:
        """Apply it as `run-1`, `run-2`, ..."""
        self._runs += 1
        name = f"run-{self._runs}"
        return apply_plan(
            plan,
            store=store or self.store(crash),
            sessions=self.sessions if sessions is None else sessions,
            allowed=frozenset(allowed),
            options=ApplyOptions(holder="tester@here", **options),
            observer=observer or self.events.append,
            clock=self.clock,
            interrupt=interrupt,
            new_run=lambda now: name,
        )

    def close(self, *, crash: CrashPoint | None = None, accept: bool = False) -> RecoveryReport:
        """What a rollback does first after a crash, once the dead one's lease is gone."""
        store = self.store(crash)
        store.break_lease()
        return close_open_run(store, self.sessions, clock=self.clock, accept=accept)

    def resume(
        self, *, crash: CrashPoint | None = None, accept: bool = False, **more: Any
    ) -> RecoveryReport:
        """What a new process does after a crash: the run is finished."""
        store = self.store(crash)
        store.break_lease()
        sessions = more.pop("sessions", None) or self.sessions
        return finish_open_run(store, sessions, clock=self.clock, accept=accept, **more)

    def agree(self) -> bool:
        """Whether every key of the world is in the state, and the other way round."""
        held = {item.id for item in self.state.resources.values()}
        return held == {item.id for item in self.service.current()}


def _changes(steps: Sequence[Step]) -> tuple[ResourceChange, ...]:
    numbers: dict[Address, list[int]] = {}
    created = {step.address for step in steps if isinstance(step.operation, CreateKey)}
    for step in steps:
        numbers.setdefault(step.address, []).append(step.number)
    return tuple(
        ResourceChange(
            address=address,
            provider="fake",
            action=Action.CREATE if address in created else Action.UPDATE,
            reason=Reason.DECLARED,
            before=None,
            after=None,
            steps=tuple(found),
        )
        for address, found in numbers.items()
    )
