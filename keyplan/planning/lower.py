"""From differences to operations, key by key.

Rules: what a service takes with the create goes with it, everything else is an
operation of its own; every operation carries the value seen before it, so that its
inverse is known now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    AdoptKey,
    CancelDeletion,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DestroyKey,
    DestroyVersion,
    ForgetKey,
    IssueCertificate,
    MoveAlias,
    Operation,
    PutPolicy,
    RecordAttributes,
    RenameKey,
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RotateKey,
    ScheduleDeletion,
    SetOwner,
)
from keyplan.model.values import Value
from keyplan.planning.attributes import attribute_drafts, record_drafts
from keyplan.planning.compare import managed_paths
from keyplan.planning.drafts import RANK, Draft, draft
from keyplan.planning.intents import (
    Adopt,
    Certify,
    Create,
    Destroy,
    Enter,
    Forget,
    KeyDiff,
    Mark,
    Move,
    Rename,
    Rescue,
    Schedule,
    TakeAlias,
    TakeNote,
    Version,
)
from keyplan.planning.wanted import is_recorded
from keyplan.plans.changes import Reason
from keyplan.sdk.capabilities import Capabilities, Reading
from keyplan.state.entries import Settlement
from keyplan.state.model import Phase

_NO_PARENT = Settlement(drop=("parent",))


def lower(diff: KeyDiff, capabilities: Capabilities, *, narrows: bool = False) -> list[Draft]:
    """The operations that make one key as it should be, in their order within the key.

    `narrows`: its new policy only takes away, so that it comes late.
    """
    drafts = list(_from_intents(diff, capabilities))
    if not any(isinstance(intent, Create) for intent in diff.intents):
        drafts += attribute_drafts(diff, diff.attributes, capabilities.max_labels)
        drafts += record_drafts(diff)
    if narrows:
        late = (isinstance(item.operation, PutPolicy) for item in drafts)
        drafts = [replace(item, late=flag) for item, flag in zip(drafts, late, strict=True)]
    replaced = {
        draft.operation.grant for draft in drafts if isinstance(draft.operation, CreateGrant)
    }
    if capabilities.grants_by_terms:
        replaced = set()
    return sorted(drafts, key=lambda draft: _place(draft, replaced))


def _place(draft: Draft, replaced: set[str]) -> float:
    """The rank, except that a grant goes before another one can have its name."""
    operation = draft.operation
    if isinstance(operation, RevokeGrant) and operation.grant in replaced:
        return RANK["create_grant"] - 0.5
    return draft.rank


def _from_intents(diff: KeyDiff, capabilities: Capabilities) -> Iterator[Draft]:
    for intent in diff.intents:
        if isinstance(intent, Create):
            yield from _create(diff, intent, capabilities)
        elif not isinstance(intent, Enter):
            yield _from_intent(diff, intent)
    enters = [intent for intent in diff.intents if isinstance(intent, Enter)]
    for enter in enters:
        operation = RecordAttributes(diff.address, {}, {})
        settlement = Settlement(phase=enter.phase.value, until=enter.until)
        yield draft(diff, operation, diff.reason, settlement)


_VERSIONS: Mapping[str, Callable[[Address, int], Operation]] = {
    "rotate_key": RotateKey,
    "retire_version": RetireVersion,
    "destroy_version": DestroyVersion,
}


def _from_intent(
    diff: KeyDiff,
    intent: Rescue
    | Mark
    | Move
    | Version
    | TakeAlias
    | Certify
    | Schedule
    | Destroy
    | Rename
    | Adopt
    | Forget
    | TakeNote,
) -> Draft:
    target = diff.address
    match intent:
        case Rescue(window):
            live = Settlement(phase=Phase.LIVE.value, until="")
            return draft(diff, CancelDeletion(target, window), Reason.RESCUE, live)
        case Mark(before, after):
            reason = Reason.ADOPT if after else diff.reason
            return draft(diff, SetOwner(target, before, after), reason)
        case Move(before, after, reason):
            manage = ("state",) if "state" in diff.wanted else ()
            return draft(
                diff, ChangeState(target, before, after), reason, Settlement(manage=manage)
            )
        case Version(what, number):
            return draft(diff, _VERSIONS[what](target, number), Reason.DUE)
        case TakeAlias(alias, source):
            operation: Operation = (
                MoveAlias(target, alias, source) if source else CreateAlias(target, alias)
            )
            settlement = Settlement(manage=(f"aliases:{alias}",))
            return draft(diff, operation, Reason.DECLARED, settlement)
        case Certify(parent, profile, version, reason):
            return draft(
                diff,
                IssueCertificate(target, parent, dict(profile), version),
                reason,
                Settlement(manage=("certificate",)),
            )
        case Schedule(window, until):
            settlement = Settlement(phase=Phase.PENDING_DELETION.value, until=until)
            return draft(diff, ScheduleDeletion(target, window), diff.reason, settlement)
        case Destroy():
            return draft(diff, DestroyKey(target), Reason.DUE)
        case Rename(source, identifier):
            return draft(diff, RenameKey(target, source, identifier), Reason.MOVED)
        case Adopt(identifier):
            return draft(diff, AdoptKey(target, identifier), Reason.ADOPT, _known_parent(diff))
        case Forget():
            identifier = diff.resource.id if diff.resource else ""
            return draft(diff, ForgetKey(target, identifier), diff.reason)
        case TakeNote():
            return draft(diff, RecordAttributes(target, {}, {}), Reason.ADOPT)
        case _:
            assert_never(intent)


def _known_parent(diff: KeyDiff) -> Settlement:
    """The provider knows the parent by an id, the state by its address, if at all."""
    above = diff.resource.attributes.get("parent") if diff.resource else None
    return Settlement(record={"parent": above}) if above else _NO_PARENT


def _create(diff: KeyDiff, intent: Create, capabilities: Capabilities) -> Iterator[Draft]:
    """The create with all that it can carry, then the rest as operations of their own."""
    key = diff.desired
    if key is None or key.usage is None or key.algorithm is None:
        raise ValueError(f"{diff.address}: a key without usage or algorithm cannot be created")
    carried: dict[str, Value] = {}
    record: dict[str, Value] = {}
    for name, value in diff.wanted.items():
        facts = capabilities.attributes.get(name)
        if value is None or facts is None:
            continue
        if facts.reading is Reading.RECORDED:
            record[name] = value
        elif facts.at_create and name not in ("usage", "algorithm", "relation", "parent"):
            carried[name] = value
    rest = [
        change
        for change in diff.attributes
        if change.path.partition(":")[0] not in carried
        and not is_recorded(capabilities, change.path.partition(":")[0])
    ]
    later = managed_paths(
        {name: value for name, value in diff.wanted.items() if name not in carried}
    )
    later -= record.keys()
    if diff.wanted.get("state") == KeyState.ACTIVE:
        later -= {"state"}  # a new key is active
    operation: Operation = CreateKey(
        target=diff.address,
        owner=intent.owner,
        usage=key.usage.value,
        algorithm=key.algorithm,
        parent=key.parent,
        relation=key.relation.value if key.relation else None,
        attributes=carried,
        settings=dict(key.settings),
    )
    if key.replica_of is not None:
        primary = diff.primary or key.replica_of
        operation = ReplicateKey(diff.address, primary, intent.owner, carried)
    settlement = Settlement(
        record=record,
        manage=tuple(path for path in diff.manage if path not in later or path in _GIVEN),
        dependencies=diff.dependencies,
        phase=Phase.LIVE.value,
        until="",
    )
    yield draft(diff, operation, diff.reason, settlement)
    taken = {intent.alias for intent in diff.intents if isinstance(intent, TakeAlias)}
    yield from attribute_drafts(
        diff, tuple(change for change in rest if change.path.removeprefix("aliases:") not in taken)
    )


_GIVEN = frozenset({"usage", "algorithm", "relation", "parent", "tier", "protection", "primary"})
"""What a new key has by the operation's own fields, or by being new."""
