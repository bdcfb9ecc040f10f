"""The drafts of a rollback as differences of keys, for all that reads differences.

Who gains and who loses, the changes of a plan and its brakes are worked out from these as
from those of any other plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    AdoptKey,
    CancelDeletion,
    ChangeState,
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    ForgetKey,
    MoveAlias,
    Operation,
    PutDocument,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RenameKey,
    RevokeGrant,
    RewrapKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.model.timing import format_instant, parse_duration
from keyplan.model.values import Value
from keyplan.planning.drafts import Draft
from keyplan.planning.intents import (
    Adopt,
    Forget,
    Intent,
    KeyDiff,
    Mark,
    Move,
    Rename,
    Rescue,
    Schedule,
)
from keyplan.plans.changes import Action, AttributeChange, Reason
from keyplan.state.model import ResourceState


def diffs_of(
    drafts: Iterable[Draft],
    *,
    resources: Mapping[Address, ResourceState],
    live: Mapping[Address, Observation],
    notes: Mapping[Address, tuple[str, ...]],
    now: datetime,
) -> dict[Address, KeyDiff]:
    """One difference for each key that a draft is about. `resources` are as the state has them."""
    grouped: dict[Address, list[Draft]] = {}
    for draft in drafts:
        grouped.setdefault(draft.address, []).append(draft)
    return {
        address: replace(
            _diff(items, resources.get(address), live.get(address), now),
            notes=notes.get(address, ()),
        )
        for address, items in grouped.items()
    }


def _diff(
    drafts: list[Draft],
    resource: ResourceState | None,
    live: Observation | None,
    now: datetime,
) -> KeyDiff:
    changes = _net(change for draft in drafts for change in _changes(draft.operation))
    return KeyDiff(
        address=drafts[0].address,
        provider=drafts[0].provider,
        action=_action(drafts),
        reason=Reason.ROLLBACK,
        resource=resource,
        live=live,
        attributes=tuple(change for change in changes if not change.recorded),
        recorded=(
            *(change for change in changes if change.recorded),
            *_settled(drafts, resource),
        ),
        intents=tuple(intent for draft in drafts for intent in _intents(draft.operation, now)),
    )


def _action(drafts: list[Draft]) -> Action:
    kinds = {type(draft.operation) for draft in drafts}
    if ScheduleDeletion in kinds:
        return Action.DELETE
    if ForgetKey in kinds:
        return Action.FORGET
    if AdoptKey in kinds:
        return Action.READ
    return Action.NO_OP if kinds == {RenameKey} else Action.UPDATE


def _net(changes: Iterable[AttributeChange]) -> list[AttributeChange]:
    """Several changes of one path as one, from the first value to the last."""
    found: dict[str, AttributeChange] = {}
    for change in changes:
        first = found.get(change.path)
        before = change.before if first is None else first.before
        found[change.path] = AttributeChange(
            change.path, before, change.after, Reason.ROLLBACK, change.recorded
        )
    return [change for change in found.values() if change.before != change.after]


def _changes(operation: Operation) -> Iterator[AttributeChange]:
    match operation:
        case SetAttribute(attribute=attribute, before=before, after=after):
            yield AttributeChange(attribute, before, after)
        case PutPolicy(before=before, after=after):
            yield AttributeChange("policy", before, after)
        case PutLabels(put=put, remove=remove, before=labels):
            for name in dict.fromkeys((*put, *remove)):
                yield AttributeChange(f"labels:{name}", labels.get(name), put.get(name))
        case CreateGrant(grant=grant, terms=terms):
            yield AttributeChange(f"grants:{grant}", None, terms)
        case RevokeGrant(grant=grant, terms=terms):
            yield AttributeChange(f"grants:{grant}", terms, None)
        case CreateAlias(alias=alias) | MoveAlias(alias=alias):
            yield AttributeChange(f"aliases:{alias}", None, alias)
        case DeleteAlias(alias=alias):
            yield AttributeChange(f"aliases:{alias}", alias, None)
        case RewrapKey(before=old, after=new):
            yield AttributeChange("parent", old, new, recorded=True)
        case PutDocument(kind=kind, document=document, before=before, after=after):
            yield AttributeChange(f"documents:{kind}/{document}", before, after)
        case RecordAttributes(before=values, after=written):
            for name in dict.fromkeys((*values, *written)):
                yield AttributeChange(name, values.get(name), written.get(name), recorded=True)
        case _:
            pass


def _settled(drafts: list[Draft], resource: ResourceState | None) -> Iterator[AttributeChange]:
    """Recorded attributes that come back with a step, beyond what its operation says."""
    if resource is None:
        return
    said = {change.path for draft in drafts for change in _changes(draft.operation)}
    final: dict[str, Value] = {}
    for draft in drafts:
        final |= {**dict.fromkeys(draft.settlement.drop), **draft.settlement.record}
    for name, value in sorted(final.items()):
        before = resource.attributes.get(name)
        if name not in said and before != value:
            yield AttributeChange(name, before, value, Reason.ROLLBACK, recorded=True)


def _intents(operation: Operation, now: datetime) -> Iterator[Intent]:
    match operation:
        case CancelDeletion(window=window):
            yield Rescue(window)
        case ScheduleDeletion(window=window):
            yield Schedule(window, format_instant(now + parse_duration(window)))
        case SetOwner(before=before, after=after):
            yield Mark(before, after)
        case ChangeState(before=was, after=becomes):
            yield Move(was, becomes, Reason.ROLLBACK)
        case RenameKey(source=source, id=key_id):
            yield Rename(source, key_id)
        case AdoptKey(id=key_id):
            yield Adopt(key_id)
        case ForgetKey():
            yield Forget()
        case _:
            pass
