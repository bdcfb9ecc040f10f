"""From differences to operations, key by key.

Rules: what a service takes with the create goes with it, everything else is an
operation of its own; every operation carries the value seen before it, so that its
inverse is known now. The order within a key is fixed by `RANK`: out of pending
deletion first, enabled before other changes, access before names, disabled late,
deletion last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
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
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    ForgetKey,
    IssueCertificate,
    MoveAlias,
    Operation,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RenameKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.model.values import Value
from keyplan.planning.compare import SPECIAL, managed_paths
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
    Version,
)
from keyplan.planning.wanted import is_recorded
from keyplan.plans.changes import AttributeChange, Reason
from keyplan.sdk.capabilities import Capabilities, Reading
from keyplan.state.entries import Settlement
from keyplan.state.model import Phase

RANK = {
    "rename_key": -2,
    "adopt_key": -1,
    "create_key": 0,
    "cancel_deletion": 1,
    "set_owner": 2,
    "enable": 3,
    "set_attribute": 4,
    "put_labels": 5,
    "put_policy": 6,
    "create_grant": 7,
    "revoke_grant": 8,
    "rewrap_key": 9,
    "rotate_key": 10,
    "issue_certificate": 11,
    "retire_version": 12,
    "delete_alias": 13,
    "create_alias": 14,
    "move_alias": 15,
    "change_state": 16,
    "destroy_version": 17,
    "schedule_deletion": 18,
    "destroy_key": 19,
    "record_attributes": 20,
    "release": 21,
    "forget_key": 22,
}
"""Where an operation stands within its key."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A step before it has a number."""

    address: Address
    provider: str
    operation: Operation
    reason: Reason
    settlement: Settlement
    detail: str = ""

    @property
    def rank(self) -> float:
        """Its place within the key."""
        match self.operation:
            case ChangeState(after=KeyState.ACTIVE):
                return RANK["enable"]
            case SetOwner(after=None):
                return RANK["release"]
            case _:
                return RANK[self.operation.name]


_NO_PARENT = Settlement(drop=("parent",))


def lower(diff: KeyDiff, capabilities: Capabilities) -> list[Draft]:
    """The operations that make one key as it should be, in their order within the key."""
    drafts = list(_from_intents(diff, capabilities))
    if not any(isinstance(intent, Create) for intent in diff.intents):
        drafts += _from_attributes(diff, diff.attributes)
        drafts += _records(diff)
    replaced = {
        draft.operation.grant for draft in drafts if isinstance(draft.operation, CreateGrant)
    }
    return sorted(drafts, key=lambda draft: _place(draft, replaced))


def _place(draft: Draft, replaced: set[str]) -> float:
    """The rank, except that a grant's old terms go before new ones of the same name come."""
    operation = draft.operation
    if isinstance(operation, RevokeGrant) and operation.grant in replaced:
        return RANK["create_grant"] - 0.5
    return draft.rank


def _draft(
    diff: KeyDiff,
    operation: Operation,
    reason: Reason,
    settlement: Settlement | None = None,
    detail: str = "",
) -> Draft:
    return Draft(diff.address, diff.provider, operation, reason, settlement or Settlement(), detail)


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
        yield _draft(diff, operation, diff.reason, settlement)


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
    | Forget,
) -> Draft:
    target = diff.address
    match intent:
        case Rescue(window):
            live = Settlement(phase=Phase.LIVE.value, until="")
            return _draft(diff, CancelDeletion(target, window), Reason.RESCUE, live)
        case Mark(before, after):
            reason = Reason.ADOPT if after else diff.reason
            return _draft(diff, SetOwner(target, before, after), reason)
        case Move(before, after, reason):
            manage = ("state",) if "state" in diff.wanted else ()
            return _draft(
                diff, ChangeState(target, before, after), reason, Settlement(manage=manage)
            )
        case Version(what, number):
            return _draft(diff, _VERSIONS[what](target, number), Reason.DUE)
        case TakeAlias(alias, source):
            operation: Operation = (
                MoveAlias(target, alias, source) if source else CreateAlias(target, alias)
            )
            settlement = Settlement(manage=(f"aliases:{alias}",))
            return _draft(diff, operation, Reason.DECLARED, settlement)
        case Certify(parent, profile, version, reason):
            return _draft(
                diff,
                IssueCertificate(target, parent, dict(profile), version),
                reason,
                Settlement(manage=("certificate",)),
            )
        case Schedule(window, until):
            settlement = Settlement(phase=Phase.PENDING_DELETION.value, until=until)
            return _draft(diff, ScheduleDeletion(target, window), diff.reason, settlement)
        case Destroy():
            return _draft(diff, DestroyKey(target), Reason.DUE)
        case Rename(source, identifier):
            return _draft(diff, RenameKey(target, source, identifier), Reason.MOVED)
        case Adopt(identifier):
            # The provider knows the parent by an id, the state by its address, if at all.
            above = diff.resource.attributes.get("parent") if diff.resource else None
            settlement = Settlement(record={"parent": above}) if above else _NO_PARENT
            return _draft(diff, AdoptKey(target, identifier), Reason.ADOPT, settlement)
        case Forget():
            identifier = diff.resource.id if diff.resource else ""
            return _draft(diff, ForgetKey(target, identifier), diff.reason)
        case _:
            assert_never(intent)


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
    operation = CreateKey(
        target=diff.address,
        owner=intent.owner,
        usage=key.usage.value,
        algorithm=key.algorithm,
        parent=key.parent,
        relation=key.relation.value if key.relation else None,
        attributes=carried,
        settings=dict(key.settings),
    )
    settlement = Settlement(
        record=record,
        manage=tuple(path for path in diff.manage if path not in later or path in _GIVEN),
        dependencies=diff.dependencies,
        phase=Phase.LIVE.value,
        until="",
    )
    yield _draft(diff, operation, diff.reason, settlement)
    taken = {intent.alias for intent in diff.intents if isinstance(intent, TakeAlias)}
    yield from _from_attributes(
        diff, tuple(change for change in rest if change.path.removeprefix("aliases:") not in taken)
    )


_GIVEN = frozenset({"usage", "algorithm", "relation", "parent", "tier", "protection"})
"""What `CreateKey` sets by its own fields."""


def _from_attributes(diff: KeyDiff, changes: tuple[AttributeChange, ...]) -> Iterator[Draft]:
    labels = [change for change in changes if change.path.startswith("labels:")]
    if labels:
        yield _labels(diff, labels)
    taken = {intent.alias for intent in diff.intents if isinstance(intent, TakeAlias)}
    for change in changes:
        collection, _, element = change.path.partition(":")
        settlement = _settle(change)
        if collection == "aliases" and element not in taken:
            alias = CreateAlias if change.after is not None else DeleteAlias
            yield _draft(diff, alias(diff.address, element), change.reason, settlement)
        elif collection == "grants":
            yield from _grant(diff, change, element)
        elif collection == "policy":
            operation = PutPolicy(diff.address, change.before, change.after)
            yield _draft(diff, operation, change.reason, settlement)
        elif collection == "state" and diff.live is None:
            after = KeyState(str(change.after))
            if after is not KeyState.ACTIVE:
                move = ChangeState(diff.address, KeyState.ACTIVE, after)
                yield _draft(diff, move, change.reason, settlement)
        elif collection not in SPECIAL:
            operation_ = SetAttribute(diff.address, collection, change.before, change.after)
            yield _draft(diff, operation_, change.reason, settlement)


def _settle(change: AttributeChange) -> Settlement:
    if change.after is None:
        return Settlement(unmanage=(change.path,))
    return Settlement(manage=(change.path,))


def _labels(diff: KeyDiff, changes: list[AttributeChange]) -> Draft:
    """All label changes of a key in one operation."""
    put: dict[str, Value] = {
        c.path.partition(":")[2]: c.after for c in changes if c.after is not None
    }
    remove = sorted(c.path.partition(":")[2] for c in changes if c.after is None)
    before: dict[str, Value] = {
        c.path.partition(":")[2]: c.before for c in changes if c.before is not None
    }
    settlement = Settlement(
        manage=tuple(f"labels:{name}" for name in put),
        unmanage=tuple(f"labels:{name}" for name in remove),
    )
    return _draft(diff, PutLabels(diff.address, put, remove, before), changes[0].reason, settlement)


def _grant(diff: KeyDiff, change: AttributeChange, name: str) -> Iterator[Draft]:
    """Grants are immutable: other terms under one name are a revocation, then a grant."""
    settlement = _settle(change)
    if isinstance(change.before, dict):
        revoke = RevokeGrant(diff.address, name, change.before)
        yield _draft(diff, revoke, change.reason, replace(settlement, manage=()))
    if isinstance(change.after, dict):
        create = CreateGrant(diff.address, name, change.after)
        yield _draft(diff, create, change.reason, settlement)


def _records(diff: KeyDiff) -> Iterator[Draft]:
    """One state operation for everything that needs no call."""
    drafted = {change.path for change in diff.attributes} | _settled_by_intents(diff)
    manage = tuple(path for path in diff.manage if path not in drafted)
    unmanage = tuple(path for path in diff.unmanage if path not in drafted)
    parent = next((change for change in diff.recorded if change.path == "parent"), None)
    if parent is not None and _rewraps(diff):
        old = Address(str(parent.before)) if parent.before else None
        new = Address(str(parent.after)) if parent.after else None
        yield _draft(diff, RewrapKey(diff.address, old, new), Reason.DECLARED)
    if diff.recorded or manage or unmanage or diff.dependencies is not None:
        before: dict[str, Value] = {change.path: change.before for change in diff.recorded}
        after: dict[str, Value] = {
            change.path: change.after for change in diff.recorded if change.after is not None
        }
        settlement = Settlement(manage=manage, unmanage=unmanage, dependencies=diff.dependencies)
        yield _draft(
            diff, RecordAttributes(diff.address, before, after), Reason.DECLARED, settlement
        )


def _settled_by_intents(diff: KeyDiff) -> set[str]:
    """Paths whose management starts with an operation that an intent becomes."""
    settled: set[str] = set()
    for intent in diff.intents:
        match intent:
            case Move():
                settled.add("state")
            case Certify():
                settled.add("certificate")
            case TakeAlias(alias):
                settled.add(f"aliases:{alias}")
            case _:
                pass
    return settled


def _rewraps(diff: KeyDiff) -> bool:
    return diff.desired is not None and diff.desired.relation == "wraps"
