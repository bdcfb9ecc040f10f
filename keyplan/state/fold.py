"""The fold: a state and the entries of a run make the next state. Nothing else makes one.

Rules: pure; time grows with the entries, not with the state. A step's effect counts when
`StepSucceeded` says so: what the provider observed, or else what the operation means, and
then its settlement. A failed, skipped or undecided step changes nothing here. The fold of
a closed run raises the serial by one and remembers the run; folding a run that the state
already holds gives the same state, so that a crash between commit and archive is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from keyplan.errors import JournalError
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    AdoptKey,
    CancelDeletion,
    CreateKey,
    DestroyKey,
    ForgetKey,
    MoveAlias,
    Operation,
    PutDocument,
    RecordAttributes,
    RenameKey,
    ReplicateKey,
    ScheduleDeletion,
    is_remote,
)
from keyplan.model.timing import format_instant, parse_duration, parse_instant
from keyplan.model.touching import paths_of
from keyplan.model.values import Value
from keyplan.state import effects
from keyplan.state.entries import (
    Entry,
    OutputsSet,
    RunEnded,
    RunPlanned,
    RunStarted,
    Settlement,
    StateReplaced,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepUndecided,
    Verified,
)
from keyplan.state.model import Phase, ResourceState, State
from keyplan.state.reading import decode_state

_SAME = frozenset({"usage", "algorithm", "protection", "multi_region"})
"""What a replica is made with is what its primary was made with."""

CLOSED_RUNS = 100
"""How many ids of closed runs a state keeps, newest last."""


def fold(state: State, entries: Iterable[Entry]) -> State:
    """The state after the entries of one run, from its `RunStarted` on.

    Without `RunEnded` the run is still open: the keys are as they are by now, and the
    serial stays. Raises `JournalError` where entries and state do not belong together.
    """
    run: _Run | None = None
    for entry in entries:
        if isinstance(entry, RunStarted) and entry.run in state.closed_runs:
            return state
        if isinstance(entry, RunStarted) and run is None:
            run = _Run.of(entry, state)
        elif run is None or isinstance(entry, RunStarted):
            raise _misplaced(entry, "a journal begins with run_started, once")
        elif run.ended:
            raise _misplaced(entry, "a journal ends with run_ended", run=run.head.run)
        else:
            run.take(entry)
    return state if run is None else run.result()


@dataclass(frozen=True, slots=True)
class Effect:
    """A step that succeeded, with the keys that it is about as they were before and after."""

    started: StepStarted
    id: str
    before: Mapping[Address, ResourceState]
    after: Mapping[Address, ResourceState]


def effects_of(state: State, entries: Iterable[Entry]) -> Iterator[Effect]:
    """The steps of one run that succeeded, in that order; `state` is the one it began with."""
    run: _Run | None = None
    for entry in entries:
        if run is None:
            if not isinstance(entry, RunStarted):
                raise _misplaced(entry, "a journal begins with run_started, once")
            run = _Run.of(entry, state)
        elif isinstance(entry, StepSucceeded) and entry.step in run.open_steps:
            started = run.open_steps[entry.step]
            before = run.held(started.operation)
            run.take(entry)
            yield Effect(started, entry.id, before, run.held(started.operation))
        else:
            run.take(entry)


@dataclass(slots=True)
class _Run:
    """The fold of one run while it goes on. `resources` is its own copy."""

    head: RunStarted
    base: State
    at: datetime
    resources: dict[Address, ResourceState]
    outputs: Mapping[str, Value]
    open_steps: dict[int, StepStarted] = field(default_factory=dict)
    touched: dict[Address, set[str]] = field(default_factory=dict)
    fresh: set[Address] = field(default_factory=set)
    ended: bool = False

    @classmethod
    def of(cls, head: RunStarted, base: State) -> _Run:
        """Begin; the state must be the one that the run began with."""
        if (head.lineage, head.serial) != (base.lineage, base.serial):
            raise JournalError(
                "the journal belongs to another state",
                target=head.run,
                why=f"The run began with serial {head.serial} of lineage {head.lineage};"
                f" this is serial {base.serial} of lineage {base.lineage}.",
                advice="Nothing was changed. Check that state and journals were kept together.",
            )
        return cls(head, base, parse_instant(head.at), dict(base.resources), base.outputs)

    def take(self, entry: Entry) -> None:
        """Fold one entry in."""
        match entry:
            case StepStarted():
                self.open_steps[entry.step] = entry
            case StepSucceeded():
                self._succeed(entry)
            case StepFailed() | StepSkipped():
                self.open_steps.pop(entry.step, None)
            case StepUndecided():
                pass  # it stays open until a later entry decides it
            case RunPlanned():
                pass  # what was meant to be done; only what was done changes a state
            case Verified(address, observation):
                # A key that was destroyed or forgotten meanwhile has nothing to verify.
                if resource := self.resources.get(address):
                    self.resources[address] = self._read_back(resource, observation)
            case OutputsSet(values):
                self.outputs = dict(values)
            case StateReplaced(content, edited):
                state = decode_state(content.encode(), edited=edited)
                self.base = replace(self.base, lineage=state.lineage)
                self.resources, self.outputs = dict(state.resources), state.outputs
            case RunEnded():
                if self.open_steps:
                    step = min(self.open_steps)
                    raise _misplaced(entry, f"step {step} is not decided", run=self.head.run)
                self.ended = True
            case RunStarted():
                raise _misplaced(entry, "a journal begins with run_started, once")
            case _:
                assert_never(entry)

    def result(self) -> State:
        """The next state, or the present one with what was done by now if the run is open."""
        state = replace(self.base, resources=self.resources, outputs=self.outputs)
        if not self.ended:
            return state
        closed = (*state.closed_runs, self.head.run)[-CLOSED_RUNS:]
        return replace(state, serial=state.serial + 1, closed_runs=closed)

    def held(self, operation: Operation) -> dict[Address, ResourceState]:
        """The keys that an operation is about, as they are by now."""
        about = (operation.target, getattr(operation, "source", None))
        return {item: self.resources[item] for item in about if item in self.resources}

    def _succeed(self, entry: StepSucceeded) -> None:
        started = self.open_steps.pop(entry.step, None)
        if started is None:
            raise _misplaced(entry, f"step {entry.step} did not start", run=self.head.run)
        operation = started.operation
        match operation:
            case DestroyKey(target) | ForgetKey(target):
                self.resources.pop(target, None)
                return
            case RenameKey(target, source):
                self._rename(source, target, entry)
            case MoveAlias(source=source, alias=alias) if source in self.resources:
                self.resources[source] = _without_alias(self.resources[source], alias)
            case PutDocument(target) if target not in self.resources:
                return  # an object of the service itself, such as a mount: no key has it
            case _:
                pass
        resource = self._subject(started, entry)
        self._touch(operation)
        seen = entry.observation
        if seen is None:
            resource = effects.symbolic(resource, operation, at=self.at)
            if is_remote(operation):
                resource = replace(resource, fingerprint="")
        else:
            if seen.unreadable:  # what cannot be read back is what the operation made of it
                resource = effects.symbolic(resource, operation, at=self.at)
            resource = self._read_back(resource, seen)
        resource = self._staged(resource, operation, started.settlement, seen)
        self.resources[operation.target] = _settled(resource, started.settlement, seen)

    def _rename(self, source: Address, target: Address, entry: StepSucceeded) -> None:
        """One key under another address; its children remember their parent by the new one."""
        if source not in self.resources:
            raise _misplaced(entry, f"the state does not hold {source}", run=self.head.run)
        self.resources = {
            address: effects.renamed(item, source, target)
            for address, item in self.resources.items()
        }
        self.resources[target] = self.resources.pop(source)
        self.touched[target] = self.touched.pop(source, set())

    def _touch(self, operation: Operation) -> None:
        """Remember what the run itself set; a key that it made or adopted is all its own."""
        if isinstance(operation, CreateKey | ReplicateKey | AdoptKey):
            self.fresh.add(operation.target)
        self.touched.setdefault(operation.target, set()).update(paths_of(operation))

    def _read_back(self, resource: ResourceState, seen: Observation) -> ResourceState:
        """As observed, but what keyplan manages stays as applied until a run sets it.

        Else whatever somebody changed would be taken over with the first step that touches
        the key, and be drift no more.
        """
        observed = _observed(resource, seen)
        if resource.address in self.fresh:
            return observed
        return effects.keeping(resource, observed, self.touched.get(resource.address, set()))

    def _subject(self, started: StepStarted, entry: StepSucceeded) -> ResourceState:
        """The key that the step is about: a new one, or one that the state holds."""
        target = started.operation.target
        if isinstance(started.operation, ReplicateKey):
            known = self.resources.get(started.operation.primary)
            same = (
                {name: known.attributes[name] for name in _SAME & known.attributes.keys()}
                if known
                else {}
            )
            return ResourceState(target, started.provider, entry.id, same)
        if isinstance(started.operation, CreateKey | AdoptKey):
            return ResourceState(target, started.provider, entry.id, {})
        if target not in self.resources:
            raise _misplaced(entry, f"the state does not hold {target}", run=self.head.run)
        return self.resources[target]

    def _staged(
        self,
        resource: ResourceState,
        operation: Operation,
        settlement: Settlement,
        seen: Observation | None,
    ) -> ResourceState:
        """What the operation itself says of the way out."""
        match operation:
            case ScheduleDeletion(window=window):
                end = format_instant(self.at + parse_duration(window))
                if seen is not None and seen.deletion_at is not None:
                    end = format_instant(seen.deletion_at)
                elif settlement.until is not None:
                    end = settlement.until
                return replace(resource, phase=Phase.PENDING_DELETION, until=end)
            case CancelDeletion():
                return replace(resource, phase=Phase.LIVE, until="")
            case RecordAttributes() if seen is not None:
                # No provider knows of it, so what was observed does not show it.
                return effects.symbolic(resource, operation, at=self.at)
            case _:
                return resource


def _observed(resource: ResourceState, seen: Observation) -> ResourceState:
    """Read back. A date of destruction is the service's own, so it decides the phase.

    None there says nothing: where a provider destroys at once, keyplan holds the clock.
    """
    resource = effects.observed(resource, seen)
    if seen.deletion_at is None:
        return resource
    return replace(resource, phase=Phase.PENDING_DELETION, until=format_instant(seen.deletion_at))


def _settled(
    resource: ResourceState, settlement: Settlement, seen: Observation | None
) -> ResourceState:
    """What the plan wants remembered, on top of the operation's own effect."""
    resource = effects.recorded(resource, {**settlement.record, **dict.fromkeys(settlement.drop)})
    phase = resource.phase if settlement.phase is None else Phase(settlement.phase)
    until = resource.until
    if phase is Phase.LIVE:
        until = ""
    elif settlement.until is not None and (seen is None or seen.deletion_at is None):
        until = settlement.until
    return replace(
        resource,
        managed=(resource.managed | set(settlement.manage)) - set(settlement.unmanage),
        dependencies=(
            resource.dependencies if settlement.dependencies is None else settlement.dependencies
        ),
        phase=phase,
        until=until,
    )


def _without_alias(resource: ResourceState, alias: str) -> ResourceState:
    resource = effects.without_alias(resource, alias)
    return replace(resource, managed=resource.managed - {f"aliases:{alias}"})


def _misplaced(entry: Entry, why: str, *, run: str = "") -> JournalError:
    return JournalError(
        f"the entry {entry.kind} cannot stand where it does",
        target=run,
        why=f"{why[0].upper()}{why[1:]}.",
        advice="Nothing was changed. Check that the journal was not edited or mixed with another.",
    )
