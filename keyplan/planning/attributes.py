"""Operations for attributes: one each, labels together, what is recorded without a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RevokeGrant,
    RewrapKey,
    SetAttribute,
)
from keyplan.model.values import Value
from keyplan.planning.compare import SPECIAL, elements
from keyplan.planning.drafts import Draft, draft
from keyplan.planning.intents import (
    Certify,
    KeyDiff,
    Move,
    TakeAlias,
)
from keyplan.planning.replicas import chosen_primary
from keyplan.plans.changes import AttributeChange, Reason
from keyplan.state.entries import Settlement


def attribute_drafts(
    diff: KeyDiff, changes: tuple[AttributeChange, ...], max_labels: int | None = None
) -> Iterator[Draft]:
    """An operation for each changed attribute or element."""
    labels = [change for change in changes if change.path.startswith("labels:")]
    if labels:
        yield from _labels(diff, labels, max_labels)
    taken = {intent.alias for intent in diff.intents if isinstance(intent, TakeAlias)}
    for change in changes:
        collection, _, element = change.path.partition(":")
        settlement = _settle(change)
        if collection == "aliases" and element not in taken:
            alias = CreateAlias if change.after is not None else DeleteAlias
            yield draft(diff, alias(diff.address, element), change.reason, settlement)
        elif collection == "grants":
            yield from _grant(diff, change, element)
        elif collection == "policy":
            operation = PutPolicy(diff.address, change.before, change.after)
            yield draft(diff, operation, change.reason, settlement)
        elif collection == "primary" and diff.desired is not None:
            before = diff.primary or diff.address
            promote = ChangePrimary(diff.address, before, chosen_primary(diff.desired))
            yield draft(diff, promote, change.reason, settlement)
        elif collection == "state" and diff.live is None:
            after = KeyState(str(change.after))
            if after is not KeyState.ACTIVE:
                move = ChangeState(diff.address, KeyState.ACTIVE, after)
                yield draft(diff, move, change.reason, settlement)
        elif collection not in SPECIAL:
            operation_ = SetAttribute(diff.address, collection, change.before, change.after)
            yield draft(diff, operation_, change.reason, settlement)


def _settle(change: AttributeChange) -> Settlement:
    if change.after is None:
        return Settlement(unmanage=(change.path,))
    return Settlement(manage=(change.path,))


def _labels(
    diff: KeyDiff, changes: list[AttributeChange], max_labels: int | None
) -> Iterator[Draft]:
    """All labels to put in one operation, all to remove in another, which makes room first if
    the key cannot have them all at once.

    Services have a call for each; a step that is one call is never found half done.
    """
    before: dict[str, Value] = {
        c.path.partition(":")[2]: c.before for c in changes if c.before is not None
    }
    put: dict[str, Value] = {
        c.path.partition(":")[2]: c.after for c in changes if c.after is not None
    }
    removed = sorted(c.path.partition(":")[2] for c in changes if c.after is None)
    held = elements(diff.live.attributes.get("labels")) if diff.live else ()
    crowded = max_labels is not None and len({*held, *put}) > max_labels
    calls: list[tuple[dict[str, Value], list[str]]] = [(put, []), ({}, removed)]
    for values, names in reversed(calls) if crowded else calls:
        if not values and not names:
            continue
        settlement = Settlement(
            manage=tuple(f"labels:{name}" for name in values),
            unmanage=tuple(f"labels:{name}" for name in names),
        )
        touched = {name: before[name] for name in (*values, *names) if name in before}
        operation = PutLabels(diff.address, values, names, touched)
        yield draft(diff, operation, changes[0].reason, settlement)


def _grant(diff: KeyDiff, change: AttributeChange, name: str) -> Iterator[Draft]:
    """Grants are immutable: other terms under one name are a revocation, then a grant."""
    settlement = _settle(change)
    if isinstance(change.before, dict):
        revoke = RevokeGrant(diff.address, name, change.before)
        yield draft(diff, revoke, change.reason, replace(settlement, manage=()))
    if isinstance(change.after, dict):
        create = CreateGrant(diff.address, name, change.after)
        yield draft(diff, create, change.reason, settlement)


def record_drafts(diff: KeyDiff) -> Iterator[Draft]:
    """One state operation for everything that needs no call."""
    drafted = {change.path for change in diff.attributes} | _settled_by_intents(diff)
    manage = tuple(path for path in diff.manage if path not in drafted)
    unmanage = tuple(path for path in diff.unmanage if path not in drafted)
    parent = next((change for change in diff.recorded if change.path == "parent"), None)
    if parent is not None and _rewraps(diff):
        old = Address(str(parent.before)) if parent.before else None
        new = Address(str(parent.after)) if parent.after else None
        yield draft(diff, RewrapKey(diff.address, old, new), Reason.DECLARED)
    if diff.recorded or manage or unmanage or diff.dependencies is not None:
        before: dict[str, Value] = {change.path: change.before for change in diff.recorded}
        after: dict[str, Value] = {
            change.path: change.after for change in diff.recorded if change.after is not None
        }
        settlement = Settlement(manage=manage, unmanage=unmanage, dependencies=diff.dependencies)
        yield draft(
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
