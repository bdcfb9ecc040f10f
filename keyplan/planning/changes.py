"""What a plan tells people and machines about each key and output, from the same diffs
that its steps come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
from keyplan.model.values import Reference, Unknown, Value
from keyplan.planning.compare import elements
from keyplan.planning.intents import KeyDiff, Move, Rename, Rescue, Schedule
from keyplan.planning.wanted import resolve_known
from keyplan.plans.changes import Action, AttributeChange, OutputChange, ResourceChange
from keyplan.plans.plan import PlanMode, Step
from keyplan.state.model import State


def resource_changes(
    diffs: Mapping[Address, KeyDiff], steps: Sequence[Step], graph: ResourceGraph, state: State
) -> tuple[ResourceChange, ...]:
    """One entry per key that changes, in the order of the hierarchy: children below parents."""
    numbers: dict[Address, list[int]] = {}
    for step in steps:
        numbers.setdefault(step.address, []).append(step.number)
    parents = parents_of(graph, state)
    return tuple(
        _change(diffs[address], tuple(numbers.get(address, ())), parents.get(address), depth)
        for address, depth in _walk(diffs, parents)
    )


def parents_of(graph: ResourceGraph, state: State) -> dict[Address, Address | None]:
    """The parent of every key: as declared, else as the state remembers; of a replica its key."""
    parents: dict[Address, Address | None] = {}
    for address, resource in state.resources.items():
        parent = resource.attributes.get("parent")
        parents[address] = Address(parent) if isinstance(parent, str) and parent else None
        parents[address] = address.replica_of or parents[address]
    for address, key in graph.keys.items():
        parents[address] = key.replica_of or key.parent
    return parents


def _walk(
    diffs: Mapping[Address, KeyDiff], parents: Mapping[Address, Address | None]
) -> Iterable[tuple[Address, int]]:
    """Addresses with their depth below the nearest ancestor that changes too."""
    children: dict[Address | None, list[Address]] = {}
    for address in diffs:
        ancestor = parents.get(address)
        children.setdefault(ancestor if ancestor in diffs else None, []).append(address)
    waiting = [(address, 0) for address in sorted(children.get(None, ()), reverse=True)]
    while waiting:
        address, depth = waiting.pop()
        yield address, depth
        below = sorted(children.get(address, ()), reverse=True)
        waiting += [(child, depth + 1) for child in below]


def _change(
    diff: KeyDiff, steps: tuple[int, ...], parent: Address | None, depth: int
) -> ResourceChange:
    before = _before(diff)
    return ResourceChange(
        address=diff.address,
        provider=diff.provider,
        action=diff.action,
        reason=diff.reason,
        before=before,
        after=_after(diff, before),
        attributes=(*diff.attributes, *diff.recorded, *_management(diff)),
        steps=steps,
        notes=diff.notes,
        parent=parent,
        previous=_previous(diff),
        depth=depth,
        position=diff.desired.position() if diff.desired else None,
    )


def _previous(diff: KeyDiff) -> Address | None:
    return next((intent.source for intent in diff.intents if isinstance(intent, Rename)), None)


def _management(diff: KeyDiff) -> tuple[AttributeChange, ...]:
    """Paths whose management ends while their value stays, said so that nobody is surprised."""
    touched = {change.path for change in diff.attributes}
    return tuple(
        AttributeChange(
            path,
            _value(diff, path),
            _value(diff, path),
            recorded=True,
            note="stays as it is, no longer managed",
        )
        for path in diff.unmanage
        if path not in touched
    )


def _value(diff: KeyDiff, path: str) -> Value:
    name, _, element = path.partition(":")
    live = diff.live.attributes if diff.live else {}
    recorded = diff.resource.attributes if diff.resource else {}
    value = live.get(name, recorded.get(name))
    return elements(value).get(element) if element else value


def _before(diff: KeyDiff) -> dict[str, Value] | None:
    if diff.resource is None or diff.action is Action.CREATE:
        return None
    live = dict(diff.live.attributes) if diff.live else {}
    return {"id": diff.resource.id, **diff.resource.attributes, **live}


def _after(diff: KeyDiff, before: Mapping[str, Value] | None) -> dict[str, Value] | None:
    if diff.action in (Action.DELETE, Action.FORGET):
        return None
    if before is None:
        wanted = {name: value for name, value in diff.wanted.items() if value is not None}
        return {**wanted, "id": Unknown((Reference(diff.address, "id"),))}
    after = dict(before)
    for intent in diff.intents:
        match intent:
            case Rescue() | Schedule():
                after["state"] = KeyState.SUSPENDED.value
            case Move(after=state):
                after["state"] = state.value
            case _:
                pass
    for change in (*diff.attributes, *diff.recorded):
        name, _, element = change.path.partition(":")
        if not element:
            after[name] = change.after
            continue
        parts = dict(elements(after.get(name)))
        if change.after is None:
            parts.pop(element, None)
        else:
            parts[element] = change.after
        after[name] = [*sorted(parts)] if name == "aliases" else parts
    return after


def output_changes(
    graph: ResourceGraph,
    state: State,
    live: Mapping[Address, Observation],
    mode: PlanMode,
) -> tuple[OutputChange, ...]:
    """Outputs before and after; those that wait for a key stay unknown."""
    if mode is PlanMode.REFRESH_ONLY:
        return ()
    declared = {} if mode is PlanMode.DESTROY else graph.outputs
    changes = [
        OutputChange(
            name,
            state.outputs.get(name),
            resolve_known(output.value, live),
            output.description,
        )
        for name, output in declared.items()
    ]
    changes += [
        OutputChange(name, value, None)
        for name, value in state.outputs.items()
        if name not in declared
    ]
    return tuple(sorted(changes, key=lambda change: change.name))
