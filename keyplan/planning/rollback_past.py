"""A run that is over, beside the world as it is now: what of it can still be taken back.

Rules: what is as the run left it can be taken back; what is as it was before the run was
taken back already, and is not done again; what is neither was changed by somebody since,
and is never overwritten. Several steps on one path are one chain, so that a rollback that
broke off in the middle of it goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from keyplan.errors import DeniedError
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    CreateKey,
    DestroyKey,
    ForgetKey,
    Operation,
    RecordAttributes,
    RenameKey,
    ReplicateKey,
)
from keyplan.model.values import Value
from keyplan.planning.rollback_paths import (
    RECORD,
    UNKNOWN,
    Touch,
    live_value,
    state_value,
    touched,
)
from keyplan.state.entries import Entry
from keyplan.state.fold import Effect, effects_of, fold
from keyplan.state.model import ResourceState, State


@dataclass(frozen=True)
class Run:
    """What a run did: the states around it and its effects, oldest first."""

    name: str
    before: State
    after: State
    effects: tuple[Effect, ...]

    @classmethod
    def of(cls, name: str, before: State, entries: Sequence[Entry]) -> Run:
        """The run of a journal that is closed; `before` is the state that it began with."""
        return cls(name, before, fold(before, entries), tuple(effects_of(before, entries)))

    @cached_property
    def made(self) -> frozenset[Address]:
        """Keys that exist because of the run."""
        return self._targets(CreateKey, ReplicateKey)

    @cached_property
    def destroyed(self) -> frozenset[Address]:
        """Keys that the run destroyed for good."""
        return self._targets(DestroyKey)

    @cached_property
    def forgotten(self) -> frozenset[Address]:
        """Keys that the run took out of the state."""
        return self._targets(ForgetKey)

    def _targets(self, *kinds: type[Operation]) -> frozenset[Address]:
        done = (item.started.operation for item in self.effects)
        return frozenset(operation.target for operation in done if isinstance(operation, kinds))

    @cached_property
    def ids(self) -> Mapping[Address, str]:
        """The provider's id of every key that the run touched, by each address it had."""
        found: dict[Address, str] = {}
        for item in self.effects:
            operation = item.started.operation
            held = {**item.before, **item.after}
            found.update({address: resource.id for address, resource in held.items()})
            if item.id:
                found[operation.target] = item.id
            if isinstance(operation, RenameKey):
                found[operation.source] = operation.id
        return found

    @cached_property
    def providers(self) -> Mapping[Address, str]:
        """The provider instance of every key that the run touched."""
        found: dict[Address, str] = {}
        for item in self.effects:
            found[item.started.operation.target] = item.started.provider
            for address, resource in {**item.before, **item.after}.items():
                found[address] = resource.provider
        return found

    @cached_property
    def renamed(self) -> Mapping[Address, Address]:
        """The address that a key had before, by the one that the run gave it."""
        return {
            item.started.operation.target: item.started.operation.source
            for item in self.effects
            if isinstance(item.started.operation, RenameKey)
        }


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A path that is neither as the run left it nor as it was before. `now` may be unseen."""

    address: Address
    path: str
    unseen: bool = False


@dataclass(frozen=True)
class Present:
    """The state and the world now, as far as the run is concerned. `live` has what exists.

    `hidden` are the refusals to read anything of a key that is there.
    """

    state: State
    live: Mapping[Address, Observation]
    hidden: Mapping[Address, DeniedError] = field(default_factory=dict)
    _resources: dict[Address, ResourceState | None] = field(default_factory=dict)

    def resource(self, run: Run, address: Address) -> ResourceState | None:
        """The key of that address, also where its rename was taken back; else `None`.

        Another key that took the address since is none of the run's.
        """
        resource = self.state.resources.get(address)
        if resource is None and address in run.renamed:
            resource = self.state.resources.get(run.renamed[address])
        if resource is None or resource.id != run.ids.get(address, resource.id):
            return None
        return resource

    @cached_property
    def addresses(self) -> Mapping[str, Mapping[str, Address]]:
        """The address of each id, by provider: an id is unique within one only."""
        found: dict[str, dict[str, Address]] = {}
        for address, item in self.state.resources.items():
            found.setdefault(item.provider, {})[item.id] = address
        return found


@dataclass(frozen=True)
class Chains:
    """Every path that the run changed, with its values in order, and where it is on them now."""

    run: Run
    present: Present
    mismatches: list[Mismatch] = field(default_factory=list)

    @cached_property
    def _chains(self) -> Mapping[tuple[Address, str], list[tuple[int, Touch]]]:
        chains: dict[tuple[Address, str], list[tuple[int, Touch]]] = {}
        for number, effect in enumerate(self.run.effects):
            for touch in _touches(effect):
                chains.setdefault((touch.address, touch.path), []).append((number, touch))
        return chains

    @cached_property
    def _reached(self) -> Mapping[tuple[Address, str], int | None]:
        """How many links of each chain are still in force; `None` where nobody can tell."""
        return {key: self._links(key, links) for key, links in self._chains.items()}

    def _links(self, key: tuple[Address, str], links: list[tuple[int, Touch]]) -> int | None:
        address, path = key
        resource = self.present.resource(self.run, address)
        left = self.run.after.resources.get(address)
        live = self.present.live.get(address)
        if path.startswith(RECORD):
            now = UNKNOWN if resource is None else state_value(path, resource)
        elif live is None:
            now = UNKNOWN
        elif left is not None and left.fingerprint == live.fingerprint:
            return len(links)
        else:
            now = live_value(path, live, self._ids(address))
        if now is UNKNOWN:
            return None
        values = [links[0][1].before, *(touch.after for _, touch in links)]
        for reached, value in enumerate(values):
            if now == value:
                return reached
        as_left = left is not None and state_value(path, left) == now
        return len(links) if as_left else None

    def in_force(self, number: int, effect: Effect) -> bool | None:
        """Whether an effect is still there; `None` (and a mismatch) where that cannot be told.

        An operation that touched several paths is there while any of them is. What only
        the state knows does not make a call necessary.
        """
        touches = list(_touches(effect))
        if not isinstance(effect.started.operation, RecordAttributes):
            touches = [item for item in touches if not item.path.startswith(RECORD)]
        answers: list[bool] = []
        for touch in touches:
            key = (touch.address, touch.path)
            reached = self._reached[key]
            if reached is None:
                self.mismatches.append(Mismatch(*key, unseen=self._is_unseen(key)))
                continue
            place = [index for index, _ in self._chains[key]].index(number)
            answers.append(place < reached)
        return None if len(answers) < len(touches) else any(answers)

    def _is_unseen(self, key: tuple[Address, str]) -> bool:
        address, path = key
        live = self.present.live.get(address)
        if path.startswith(RECORD) or live is None:
            return False
        return live_value(path, live, self._ids(address)) is UNKNOWN

    def _ids(self, address: Address) -> Mapping[str, Address]:
        return self.present.addresses.get(self.run.providers[address], {})


def _touches(effect: Effect) -> Iterator[Touch]:
    """What the operation touched, and what its settlement changed of recorded attributes."""
    operation = effect.started.operation
    seen: set[str] = set()
    for touch in touched(operation):
        seen.add(touch.path)
        yield touch
    before, after = effect.before.get(operation.target), effect.after.get(operation.target)
    if before is None or after is None:
        return
    for name in sorted(before.recorded | after.recorded):
        was, now = _recorded(before, name), _recorded(after, name)
        if was != now and RECORD + name not in seen:
            yield Touch(operation.target, RECORD + name, was, now)


def _recorded(resource: ResourceState, name: str) -> Value:
    return resource.attributes.get(name) if name in resource.recorded else None
