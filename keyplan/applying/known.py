"""What a run knows of each key: where it is, what it is called there, how it looks.

It starts from the state and the plan, and learns from each outcome. Bindings for
providers and the values of references come from here.

Rules: what the run itself has done is believed before what was known earlier; a value
is never guessed, so a reference that nothing answers fails its step. The scheduler's
thread alone teaches it and asks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from keyplan.errors import PlanningError
from keyplan.model.address import Address
from keyplan.model.inverses import Inverse
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    AdoptKey,
    ChangePrimary,
    CreateKey,
    Operation,
    ReplicateKey,
    RewrapKey,
)
from keyplan.model.values import Reference, Value, has_unknown, resolve
from keyplan.plans.plan import Plan
from keyplan.sdk.provider import Bindings
from keyplan.session.session import ProviderSession
from keyplan.state.entries import Entry, Settlement, StepStarted, StepSucceeded
from keyplan.state.model import State

R = TypeVar("R", Operation, Settlement)


class Known:
    """What a run knows of keys."""

    def __init__(
        self,
        state: State,
        sessions: Mapping[str, ProviderSession],
        refs: Mapping[Address, str] | None = None,
    ) -> None:
        self._state = state
        self._sessions = sessions
        self._ids = {address: resource.id for address, resource in state.resources.items()}
        self._ids.update(refs or {})
        self._providers = {
            address: resource.provider for address, resource in state.resources.items()
        }
        self._seen: dict[Address, Observation] = {}

    @classmethod
    def of_plan(cls, plan: Plan, state: State, sessions: Mapping[str, ProviderSession]) -> Known:
        """What is known when a plan begins."""
        known = cls(state, sessions, plan.refs)
        for step in plan.steps:
            known.place(step.address, step.provider)
        return known

    # -- learning ------------------------------------------------------------------------

    def place(self, address: Address, provider: str) -> None:
        """A key lives with that provider instance."""
        self._providers[address] = provider

    def learn(self, address: Address, key_id: str, observation: Observation | None) -> None:
        """A step on the key succeeded.

        Without an observation the one before stays: what can be referred to (an ARN, a
        serial) is fixed by the provider when it makes the key.
        """
        if key_id:
            self._ids[address] = key_id
        if observation is not None:
            self._seen[address] = observation

    def replay(self, entries: Iterable[Entry]) -> None:
        """Learn what a run that broke off had learnt."""
        started: dict[int, StepStarted] = {}
        for entry in entries:
            if isinstance(entry, StepStarted):
                started[entry.step] = entry
                self.place(entry.operation.target, entry.provider)
            elif isinstance(entry, StepSucceeded):
                self.learn(started[entry.step].operation.target, entry.id, entry.observation)

    # -- asking --------------------------------------------------------------------------

    def id_of(self, address: Address) -> str | None:
        """The provider's id of a key."""
        return self._ids.get(address)

    def provider_of(self, address: Address) -> str | None:
        """The provider instance of a key."""
        return self._providers.get(address)

    def known_ids(self, operation: Operation) -> Bindings:
        """The ids of the keys that an operation speaks of, as far as they are known."""
        found = {
            address: key_id
            for address, _ in _mentioned(operation)
            if (key_id := self._ids.get(address)) is not None
        }
        if isinstance(operation, ReplicateKey | ChangePrimary):
            place = self._providers.get(operation.target)
            return {item: self._name_from(place, item, found[item]) for item in found}
        return found

    def _name_from(self, place: str | None, address: Address, key_id: str) -> str:
        """What a key is called in another place: an id is unique in its own only."""
        if self._providers.get(address) == place:
            return key_id
        seen, resource = self._seen.get(address), self._state.resources.get(address)
        for attributes in (
            seen.attributes if seen else {},
            resource.attributes if resource else {},
        ):
            if isinstance(name := attributes.get("arn"), str):
                return name
        seen = self._read(address, key_id)
        name = seen.attributes.get("arn") if seen else None
        return name if isinstance(name, str) else key_id

    def bindings(self, operation: Operation) -> Bindings:
        """The same; raises `PlanningError` if a key that must exist is not known."""
        found = self.known_ids(operation)
        for address, must in _mentioned(operation):
            if must and address not in found:
                raise PlanningError(
                    "its id is not known, so that nothing can be done to it",
                    target=address,
                    why="It is neither in the state nor made by this run.",
                    advice="Plan again: keyplan plan",
                )
        return found

    def value_of(self, reference: Reference) -> Value:
        """What a reference stands for, read from the provider if nobody said it yet."""
        address, attribute = reference.address, reference.attribute
        key_id = self._ids.get(address)
        if attribute == "id" and key_id is not None:
            return key_id
        seen = self._seen.get(address)
        if seen is None or attribute not in seen.attributes:
            resource = self._state.resources.get(address)
            if resource is not None and attribute in resource.attributes:
                return resource.attributes[attribute]
            seen = self._read(address, key_id)
        if seen is not None and attribute in seen.attributes:
            return seen.attributes[attribute]
        raise PlanningError(
            f"{reference} is not known yet, so that nothing that refers to it can be done",
            target=address,
            why="The key does not exist, or its provider reports no such attribute.",
            advice="Plan again when the key exists: keyplan plan",
        )

    def _read(self, address: Address, key_id: str | None) -> Observation | None:
        session = self._sessions.get(self._providers.get(address, ""))
        if session is None or key_id is None:
            return None
        seen = session.read([key_id]).get(key_id)
        if seen is not None:
            self._seen[address] = seen
        return seen

    # -- resolving -----------------------------------------------------------------------

    def resolved_operation(self, operation: Operation) -> Operation:
        """The operation with no unknown left in it."""
        return self._resolved(operation)

    def resolved_inverse(self, inverse: Inverse) -> Inverse:
        """The inverse with no unknown left in it."""
        operations = tuple(self._resolved(operation) for operation in inverse.operations)
        return (
            inverse if operations == inverse.operations else replace(inverse, operations=operations)
        )

    def resolved_settlement(self, settlement: Settlement) -> Settlement:
        """The settlement with no unknown left in it."""
        if not any(has_unknown(value) for value in settlement.record.values()):
            return settlement
        return self._resolved(settlement)

    def _resolved(self, record: R) -> R:
        changes: dict[str, Any] = {
            item.name: resolve(value, self.value_of)
            for item in fields(record)
            if has_unknown(value := getattr(record, item.name))
        }
        return replace(record, **changes) if changes else record


def _mentioned(operation: Operation) -> list[tuple[Address, bool]]:
    """The keys an operation speaks of, and whether each must exist by now."""
    match operation:
        case CreateKey(target=target, parent=parent, relation=relation):
            found = [(target, False)]
            return found if parent is None else [*found, (parent, relation != "governs")]
        case ReplicateKey(target=target, primary=primary):
            return [(target, False), (primary, True)]
        case AdoptKey(target=target):
            return [(target, False)]
        case RewrapKey(target=target, before=before, after=after):
            found = [(target, True)]
            found += [(before, False)] if before is not None else []
            return found + ([(after, True)] if after is not None else [])
        case ChangePrimary(target=target, before=before, after=after):
            return [(item, True) for item in dict.fromkeys((target, before, after))]
        case _:
            others = (getattr(operation, name, None) for name in ("parent", "source"))
            return [(operation.target, True), *((other, True) for other in others if other)]
