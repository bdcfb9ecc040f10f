"""From drafts to numbered steps: what must come before what.

Edges: within a key in the order of its drafts; a child after its parent exists and
works; what refers to a key after that key is made; an alias before the key that loses
it goes; children out before their parents. Steps without a way back come last.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from keyplan.errors import PlanningError
from keyplan.model.address import Address
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateKey,
    DestroyKey,
    DestroyVersion,
    ForgetKey,
    IssueCertificate,
    MoveAlias,
    ReplicateKey,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetOwner,
)
from keyplan.model.values import Unknown, Value
from keyplan.planning.drafts import Draft
from keyplan.plans.plan import Step
from keyplan.plans.ways_back import way_back
from keyplan.sdk.capabilities import Capabilities

Detail: TypeAlias = Callable[[Draft, Mapping[Address, int]], str]
"""Words a step, given the numbers of the steps that make keys."""


@dataclass(slots=True)
class _Node:
    draft: Draft
    inverse: Inverse
    after: set[int] = field(default_factory=set)
    followers: list[int] = field(default_factory=list)
    waits: int = 0


def order(
    drafts: Sequence[Draft],
    *,
    edges: Mapping[Address, tuple[Address, ...]],
    parents: Mapping[Address, Address | None],
    capabilities: Mapping[str, Capabilities],
    expects: Mapping[Address, str],
    detail: Detail,
) -> tuple[Step, ...]:
    """Number the drafts in an order that can be performed.

    `edges` are dependencies of declared keys, `parents` the parents of every key, also
    of those on the way out. `expects` are live fingerprints. `detail` words a step.
    """
    nodes = [
        _Node(draft, way_back(draft.operation, capabilities[draft.provider])) for draft in drafts
    ]
    by_key: dict[Address, list[int]] = {}
    for index, node in enumerate(nodes):
        by_key.setdefault(node.draft.address, []).append(index)
    for indices in by_key.values():
        final = any(_works_without_way_back(nodes[index]) for index in indices)
        indices.sort(
            key=lambda index: _runs_last(nodes[index]) or (final and _ends_work(nodes[index].draft))
        )
        for earlier, later in pairwise(indices):
            nodes[later].after.add(earlier)
    _link_keys(nodes, by_key, edges)
    _link_exits(nodes, by_key, parents)
    _link_replicas(nodes)
    _link_narrowed(nodes)
    sequence = _topological(nodes)
    numbers = {index: number for number, index in enumerate(sequence, start=1)}
    makers = {
        nodes[index].draft.address: numbers[index]
        for index in sequence
        if isinstance(nodes[index].draft.operation, CreateKey | ReplicateKey)
    }
    return tuple(
        _step(
            nodes[index],
            numbers,
            index,
            capabilities=capabilities,
            expects=expects,
            detail=detail(nodes[index].draft, makers),
        )
        for index in sequence
    )


def _without_way_back(node: _Node) -> bool:
    return node.inverse.grade is Grade.NONE


def _runs_last(node: _Node) -> bool:
    """Whether it moves behind the rest of its key: not what the rest is about."""
    makes = isinstance(node.draft.operation, CreateKey | ReplicateKey | CancelDeletion | RotateKey)
    return _without_way_back(node) and not makes


def _works_without_way_back(node: _Node) -> bool:
    """Whether it has no way back and needs a key that works, and the right to change it."""
    ends = isinstance(node.draft.operation, ScheduleDeletion | DestroyKey | DestroyVersion)
    return _runs_last(node) and not ends


def _ends_work(draft: Draft) -> bool:
    """Whether other operations may not be possible after it."""
    return draft.late or _suspends(draft)


def _link_keys(
    nodes: list[_Node],
    by_key: Mapping[Address, list[int]],
    edges: Mapping[Address, tuple[Address, ...]],
) -> None:
    """What a key needs of others: that they exist and work before it is touched."""
    ready: dict[Address, int] = {}
    for address, indices in by_key.items():
        for index in indices:
            if _brings_up(nodes[index].draft):
                ready[address] = index
    for address, indices in by_key.items():
        for dependency in edges.get(address, ()):
            if dependency in ready:
                nodes[indices[0]].after.add(ready[dependency])
        for index in indices:
            for other in _mentioned(nodes[index].draft):
                if other in ready and other != address:
                    nodes[index].after.add(ready[other])


def _brings_up(draft: Draft) -> bool:
    match draft.operation:
        case CreateKey() | ReplicateKey() | CancelDeletion() | ChangeState(after=KeyState.ACTIVE):
            return True
        case _:
            return False


def _mentioned(draft: Draft) -> set[Address]:
    """Other keys that an operation speaks of."""
    match draft.operation:
        case CreateKey(parent=parent) if parent is not None:
            return {parent} | _referenced(draft.operation.attributes)
        case ReplicateKey(primary=primary):
            return {primary} | _referenced(draft.operation.attributes)
        case ChangePrimary(before=before, after=after):
            return {before, after}
        case RewrapKey(after=after) if after is not None:
            return {after}
        case IssueCertificate(parent=parent):
            return {parent}
        case operation:
            attributes = [getattr(operation, name, None) for name in ("after", "put", "attributes")]
            return {address for value in attributes for address in _referenced(value)}


def _referenced(value: Value | object) -> set[Address]:
    match value:
        case Unknown():
            return {reference.address for reference in value.references}
        case dict():
            return {address for item in value.values() for address in _referenced(item)}
        case list():
            return {address for item in value for address in _referenced(item)}
        case _:
            return set()


def _link_exits(
    nodes: list[_Node],
    by_key: Mapping[Address, list[int]],
    parents: Mapping[Address, Address | None],
) -> None:
    """A parent goes out or is forgotten after its children; an alias leaves before its key."""
    first_exit: dict[Address, int] = {}
    last_exit: dict[Address, int] = {}
    for address, indices in by_key.items():
        for index in indices:
            if _goes_out(nodes[index].draft):
                first_exit.setdefault(address, index)
                last_exit[address] = index
    for child, indices in by_key.items():
        parent = parents.get(child)
        if parent is not None and parent in first_exit:
            nodes[first_exit[parent]].after.add(last_exit.get(child, indices[-1]))
    for index, node in enumerate(nodes):
        operation = node.draft.operation
        if isinstance(operation, MoveAlias) and operation.source in first_exit:
            nodes[first_exit[operation.source]].after.add(index)
        if isinstance(operation, RewrapKey) and operation.before in first_exit:
            nodes[first_exit[operation.before]].after.add(index)


def _link_replicas(nodes: list[_Node]) -> None:
    """A family is complete before its primary changes or a name moves to it; it works so long."""
    made: dict[Address, list[int]] = {}
    changed: dict[Address, list[int]] = {}
    leaving: dict[Address, list[int]] = {}
    named: dict[Address, list[int]] = {}
    for index, node in enumerate(nodes):
        root = node.draft.address.replica_of or node.draft.address
        match node.draft.operation:
            case ReplicateKey():
                made.setdefault(root, []).append(index)
            case MoveAlias():
                named.setdefault(root, []).append(index)
            case ChangePrimary():
                changed.setdefault(root, []).append(index)
            case _ if _goes_out(node.draft):
                leaving.setdefault(root, []).append(index)
    for root in made.keys() | changed.keys():
        for index in (*changed.get(root, ()), *named.get(root, ())):
            nodes[index].after.update(made.get(root, ()))
        for index in leaving.get(root, ()):
            nodes[index].after.update(made.get(root, ()), changed.get(root, ()))


def _link_narrowed(nodes: list[_Node]) -> None:
    """What other keys need of a key comes before its policy takes it away."""
    late = {node.draft.address: index for index, node in enumerate(nodes) if node.draft.late}
    for index, node in enumerate(nodes) if late else ():
        operation = node.draft.operation
        others = _mentioned(node.draft)
        if isinstance(operation, MoveAlias):
            others |= {operation.source}
        for other in (others & late.keys()) - {node.draft.address}:
            nodes[late[other]].after.add(index)


def _goes_out(draft: Draft) -> bool:
    match draft.operation:
        case ScheduleDeletion() | DestroyKey() | ForgetKey() | SetOwner(after=None):
            return True
        case _:
            return _suspends(draft)


def _suspends(draft: Draft) -> bool:
    return isinstance(draft.operation, ChangeState) and draft.operation.after is not KeyState.ACTIVE


def _topological(nodes: list[_Node]) -> list[int]:
    """Kahn's algorithm; among what is ready, reversible first, then the order given."""
    for index, node in enumerate(nodes):
        node.waits = len(node.after)
        for earlier in node.after:
            nodes[earlier].followers.append(index)
    ready = [(_without_way_back(node), index) for index, node in enumerate(nodes) if not node.waits]
    heapq.heapify(ready)
    sequence: list[int] = []
    while ready:
        _, index = heapq.heappop(ready)
        sequence.append(index)
        for follower in nodes[index].followers:
            nodes[follower].waits -= 1
            if not nodes[follower].waits:
                heapq.heappush(ready, (_without_way_back(nodes[follower]), follower))
    if len(sequence) != len(nodes):
        stuck = next(node for node in nodes if node.waits)
        raise PlanningError(
            "these changes wait for each other and cannot be ordered",
            target=str(stuck.draft.address),
            advice="Apply a part of them first with --target.",
        )
    return sequence


def _step(
    node: _Node,
    numbers: Mapping[int, int],
    index: int,
    *,
    capabilities: Mapping[str, Capabilities],
    expects: Mapping[Address, str],
    detail: str,
) -> Step:
    draft = node.draft
    return Step(
        number=numbers[index],
        address=draft.address,
        provider=draft.provider,
        operation=draft.operation,
        inverse=node.inverse,
        settlement=draft.settlement,
        reason=draft.reason,
        call=capabilities[draft.provider].call(draft.operation),
        detail=detail,
        expects=expects.get(draft.address, ""),
        depends_on=tuple(sorted(numbers[earlier] for earlier in node.after)),
    )
