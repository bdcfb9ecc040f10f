"""What an operation makes of a key, as far as that is known without asking the provider.

Rules: pure; nothing that is passed in is changed. `symbolic` is used where a provider did
not say how the key looks afterwards; a later read-back (`observed`) replaces it. An
attribute that is unset is `None`, as providers report it; one that is absent is not known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion, Observation
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    AdoptKey,
    CancelDeletion,
    ChangePrimary,
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
    PutDocument,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RenameKey,
    ReplicateKey,
    RetireVersion,
    RevokeGrant,
    RewrapKey,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.model.values import Value
from keyplan.state.model import ResourceState


def observed(resource: ResourceState, observation: Observation) -> ResourceState:
    """The key as it was read back.

    Recorded attributes stay: they are the state's own, also where the service reports
    something under the same name (`usage: wrap` reads back as `encrypt` on AWS). What
    could not be read this time stays as it was last known.
    """
    before = resource.attributes
    kept = (resource.recorded | observation.unreadable) & before.keys()
    attributes = {**observation.attributes, **{name: before[name] for name in kept}}
    return replace(
        resource,
        attributes=_never_looser(before, attributes),
        owner=observation.owner,
        fingerprint=observation.fingerprint,
        versions=tuple(sorted(observation.versions, key=lambda version: version.number)),
    )


def keeping(before: ResourceState, after: ResourceState, touched: Collection[str]) -> ResourceState:
    """What was read back, with each managed path that nobody meant to touch as it was applied.

    `touched` are the paths that were set since, as `keyplan.model.touching` names them.
    """
    attributes = dict(after.attributes)
    for path in sorted(before.managed - before.recorded):
        name, _, element = path.partition(":")
        if path in touched or name not in before.attributes or name not in attributes:
            continue
        if element:
            attributes[name] = _with_element(attributes[name], before.attributes[name], element)
        else:
            attributes[name] = before.attributes[name]
    mark = after.owner if before.owner is None or "mark" in touched else before.owner
    return replace(after, attributes=attributes, owner=mark)


def _with_element(now: Value, applied: Value, element: str) -> Value:
    """A collection with one element as it was applied, or without it."""
    if isinstance(applied, list):
        names = now if isinstance(now, list) else []
        others = {str(name) for name in names if name != element}
        return [*sorted(others | ({element} if element in applied else set()))]
    if not isinstance(applied, dict) or not isinstance(now, dict | None):
        return now
    kept = {name: item for name, item in (now or {}).items() if name != element}
    return {**kept, element: applied[element]} if element in applied else kept


def _never_looser(before: Mapping[str, Value], after: dict[str, Value]) -> dict[str, Value]:
    """A key that was marked compromised stays so, whoever enabled it (LANGUAGE.md §3)."""
    if before.get("state") != KeyState.COMPROMISED or after.get("state") == KeyState.DESTROYED:
        return after
    return {**after, "state": KeyState.COMPROMISED.value}


def symbolic(  # noqa: C901, PLR0911, PLR0912  (one arm per member)
    resource: ResourceState, operation: Operation, *, at: datetime
) -> ResourceState:
    """The key after the operation, were nothing else to happen. `at` dates a new version."""
    match operation:
        case CreateKey(owner=owner, attributes=attributes):
            facts = _facts(operation)
            return replace(resource, owner=owner, attributes={**facts, **attributes})
        case ReplicateKey(owner=owner, attributes=attributes):
            facts = {**resource.attributes, "state": KeyState.ACTIVE.value}
            return replace(resource, owner=owner, attributes={**facts, **attributes})
        case ScheduleDeletion() | CancelDeletion():
            return _set(resource, "state", KeyState.SUSPENDED.value)
        case SetOwner(after=owner):
            return replace(resource, owner=owner)
        case ChangeState(after=state):
            return _set(resource, "state", state.value)
        case SetAttribute(attribute=attribute, after=after):
            return _set(resource, attribute, after)
        case PutLabels(put=put, remove=remove):
            labels = {**_map(resource, "labels"), **put}
            return _set(resource, "labels", {n: labels[n] for n in labels if n not in remove})
        case RewrapKey(after=parent):
            return _set(resource, "parent", None if parent is None else str(parent))
        case IssueCertificate(profile=profile):
            return _set(resource, "certificate", dict(profile))
        case PutPolicy(after=policy):
            return _set(resource, "policy", policy)
        case CreateGrant(grant=grant, terms=terms):
            return _set(resource, "grants", {**_map(resource, "grants"), grant: dict(terms)})
        case RevokeGrant(grant=grant, terms=terms):
            grants = _map(resource, "grants")
            kept = {n: grants[n] for n in grants if n != grant or grants[n] != terms}
            return _set(resource, "grants", kept)
        case CreateAlias(alias=alias) | MoveAlias(alias=alias):
            return _aliases(resource, {*_names(resource), alias})
        case DeleteAlias(alias=alias):
            return without_alias(resource, alias)
        case RotateKey(version=number):
            return _rotated(resource, number, at)
        case ActivateVersion(before=before, after=number):
            return _versions(resource, {before: KeyState.DEACTIVATED, number: KeyState.ACTIVE})
        case RetireVersion(version=number):
            return _versions(resource, {number: KeyState.SUSPENDED})
        case AcceptVersion(version=number):
            return _versions(resource, {number: KeyState.DEACTIVATED})
        case DestroyVersion(version=number):
            return _versions(resource, {number: KeyState.DESTROYED})
        case ChangePrimary():
            return resource  # which key that is, its provider says in its own way
        case PutDocument(kind=kind, document=document, after=after):
            return _document(resource, kind, document, after)
        case RecordAttributes(before=before_values, after=after_values):
            gone = before_values.keys() - after_values.keys()
            return _taken_over(resource, {**dict.fromkeys(gone), **after_values})
        case AdoptKey() | ForgetKey() | RenameKey() | DestroyKey():
            return resource  # they change which keys there are, not what they are
        case _:
            assert_never(operation)


def _rotated(resource: ResourceState, number: int, at: datetime) -> ResourceState:
    """With a new active version, and the one before it for decryption only."""
    made = KeyVersion(number, at, KeyState.ACTIVE)
    older = {version.number: version for version in resource.versions}
    versioned = replace(resource, versions=tuple({**older, number: made}.values()))
    return _versions(versioned, {number - 1: KeyState.DEACTIVATED})


def _taken_over(resource: ResourceState, values: dict[str, Value]) -> ResourceState:
    """Recorded values written; a value of an observed attribute is taken over, and stays observed.

    Taking over is what `--refresh-only` does. Were the attribute recorded by it, no later
    reading could change it again.
    """
    observed = resource.attributes.keys() - resource.recorded
    seen = {name: value for name, value in values.items() if name in observed}
    rest = {name: value for name, value in values.items() if name not in observed}
    attributes = _never_looser(resource.attributes, {**resource.attributes, **seen})
    return recorded(replace(resource, attributes=attributes), rest)


def recorded(resource: ResourceState, values: dict[str, Value]) -> ResourceState:
    """The key with recorded attributes written; `None` removes one. Observed ones stay."""
    written = {name: value for name, value in values.items() if value is not None}
    removed = (values.keys() - written.keys()) & resource.recorded
    kept = {name: value for name, value in resource.attributes.items() if name not in removed}
    return replace(
        resource,
        attributes={**kept, **written},
        recorded=(resource.recorded - removed) | written.keys(),
    )


def renamed(resource: ResourceState, source: Address, target: Address) -> ResourceState:
    """The key after another one, or itself, was given another address."""
    if resource.address == source:
        resource = replace(resource, address=target)
    if source in resource.dependencies:
        dependencies = tuple(target if item == source else item for item in resource.dependencies)
        resource = replace(resource, dependencies=dependencies)
    if resource.attributes.get("parent") == source:
        resource = _set(resource, "parent", str(target))
    return resource


def without_alias(resource: ResourceState, alias: str) -> ResourceState:
    """The key without a name that moved to another one."""
    return replace(_aliases(resource, _names(resource) - {alias}), fingerprint="")


def _facts(operation: CreateKey) -> dict[str, Value]:
    facts: dict[str, Value] = {
        "usage": operation.usage,
        "algorithm": operation.algorithm,
        "state": KeyState.ACTIVE.value,
    }
    if operation.parent is not None:
        facts |= {"parent": str(operation.parent), "relation": operation.relation}
    return facts


def _set(resource: ResourceState, name: str, value: Value) -> ResourceState:
    attributes = {**resource.attributes, name: value}
    return replace(resource, attributes=_never_looser(resource.attributes, attributes))


def _map(resource: ResourceState, name: str) -> dict[str, Value]:
    found = resource.attributes.get(name)
    return found if isinstance(found, dict) else {}


def _names(resource: ResourceState) -> set[str]:
    found = resource.attributes.get("aliases")
    return {str(name) for name in found} if isinstance(found, list) else set()


def _aliases(resource: ResourceState, names: set[str]) -> ResourceState:
    return _set(resource, "aliases", [*sorted(names)])


def _versions(resource: ResourceState, states: dict[int, KeyState]) -> ResourceState:
    return replace(
        resource,
        versions=tuple(
            replace(version, state=states.get(version.number, version.state))
            for version in resource.versions
        ),
    )


def _document(resource: ResourceState, kind: str, document: str, after: Value) -> ResourceState:
    """Documents of a provider's own kinds stand under `documents`, as `kind/name`."""
    name = f"{kind}/{document}"
    kept = {known: body for known, body in _map(resource, "documents").items() if known != name}
    return _set(resource, "documents", kept if after is None else {**kept, name: after})
