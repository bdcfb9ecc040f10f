"""Recognising an operation that was done already, from the key as it is now.

This is what lost answers and crashes are decided by. Each operation names its target
absolutely, so one look tells: `True` (it was done), `False` (it was not: the key is as
before), or `None` (neither fits, or the attribute cannot be read: only a person knows).

Rules: pure; nothing is guessed. Reads may lag writes, so a `False` counts only after
the read lag that the provider declares; a `True` counts at once.
"""

from __future__ import annotations

from typing import assert_never

from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation, OwnerMark, grant_name
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    IssueCertificate,
    MoveAlias,
    PutDocument,
    PutLabels,
    PutPolicy,
    RemoteOperation,
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
from keyplan.sdk.provider import Bindings

DOCUMENTS = "documents"
"""Where a provider reports the documents of `PutDocument`: `{"kind/document": value}`."""


def was_done(  # noqa: C901, PLR0911, PLR0912  (one arm per member)
    operation: RemoteOperation, key: Observation | None, bindings: Bindings
) -> bool | None:
    """Whether the operation's effect is there. `key` is its target as read, `None` if absent."""
    if key is None:
        return _done_without_key(operation)
    match operation:
        case CreateKey(owner=owner) | ReplicateKey(owner=owner):
            return _is_mark(key.owner, owner)
        case ScheduleDeletion():
            return key.deletion_at is not None or key.state is KeyState.DESTROYED
        case CancelDeletion():
            return key.deletion_at is None and key.state is not KeyState.DESTROYED
        case DestroyKey():
            return key.state is KeyState.DESTROYED
        case SetOwner(before=before, after=after):
            return _between(_mark(key.owner), _mark(before), _mark(after))
        case ChangeState(before=before, after=after):
            return _moved(key, "state", before.value, after.value)
        case SetAttribute(attribute=attribute, before=before, after=after):
            return _moved(key, attribute, before, after)
        case PutLabels():
            return _labelled(operation, key)
        case RewrapKey(before=before, after=after):
            ids = [None if item is None else bindings.get(item, "?") for item in (before, after)]
            return _moved(key, "parent", ids[0], ids[1])
        case IssueCertificate():
            return _certified(operation, bindings.get(operation.parent), key)
        case PutPolicy(before=before, after=after):
            return _moved(key, "policy", before, after)
        case CreateGrant(grant=grant, terms=terms):
            return _granted(grant, terms, key)
        case RevokeGrant(grant=grant, terms=terms):
            return None if (there := _granted(grant, terms, key)) is None else not there
        case CreateAlias(alias=alias) | MoveAlias(alias=alias):
            return _named(alias, key)
        case DeleteAlias(alias=alias):
            return None if (named := _named(alias, key)) is None else not named
        case RotateKey(version=version):
            return key.latest_version >= version if key.versions else None
        case ActivateVersion(before=before, after=after):
            return _activated(before, after, key)
        case RetireVersion(version=version):
            state = _version_state(version, key)
            return None if state is None else state in (KeyState.SUSPENDED, KeyState.DESTROYED)
        case AcceptVersion(version=version):
            state = _version_state(version, key)
            return None if state is None else state.may_process
        case DestroyVersion(version=version):
            states = (None, KeyState.DESTROYED)
            return _version_state(version, key) in states if key.versions else None
        case ChangePrimary(target=target, before=before, after=after):
            names = {**bindings, target: str(key.attributes.get("arn", key.id))}  # bound by its id
            return _moved(key, "primary", names.get(before, "?"), names.get(after, "?"))
        case PutDocument(kind=kind, document=document, before=before, after=after):
            found = _mapping(key, DOCUMENTS)
            name = f"{kind}/{document}"
            return None if found is None else _between(found.get(name), before, after)
        case _:
            assert_never(operation)


def _done_without_key(operation: RemoteOperation) -> bool | None:
    """An absent key is destroyed, or was never made; anything else cannot be told."""
    match operation:
        case DestroyKey() | ScheduleDeletion():
            return True
        case CreateKey() | ReplicateKey():
            return False
        case _:
            return None


def _moved(key: Observation, attribute: str, before: Value, after: Value) -> bool | None:
    """Whether an attribute went from `before` to `after`, if the provider reports it."""
    if attribute in key.unreadable or attribute not in key.attributes:
        return None
    return _between(key.attributes[attribute], before, after)


def _between(now: Value, before: Value, after: Value) -> bool | None:
    if now == after:
        return True
    return False if now == before else None


def _is_mark(mark: OwnerMark | None, wanted: OwnerMark) -> bool:
    return mark is not None and mark.token == wanted.token


def _mark(mark: OwnerMark | None) -> Value:
    return None if mark is None else [mark.stack, mark.token]


def _mapping(key: Observation, attribute: str) -> dict[str, Value] | None:
    """A collection attribute; `None` if the provider does not report it."""
    value = key.attributes.get(attribute)
    return value if isinstance(value, dict) and attribute not in key.unreadable else None


def _labelled(operation: PutLabels, key: Observation) -> bool | None:
    labels = _mapping(key, "labels")
    if labels is None:
        return None
    touched = {*operation.put, *operation.remove}
    now = {name: labels[name] for name in touched if name in labels}
    if now == operation.put:
        return True
    return False if now == operation.before else None


def _certified(operation: IssueCertificate, issuer: str | None, key: Observation) -> bool | None:
    """Whether the certificate is the one wanted; its issuer counts where it is reported."""
    if "certificate" in key.unreadable or "certificate" not in key.attributes:
        return None
    certificate = key.attributes.get("certificate")
    if not isinstance(certificate, dict):
        return False
    wanted: dict[str, Value] = {**operation.profile}
    if "version" in certificate:
        wanted["version"] = operation.version
    if "issuer" in certificate:
        if issuer is None:
            return None
        wanted["issuer"] = issuer
    return all(certificate.get(name) == value for name, value in wanted.items())


def _granted(grant: str, terms: dict[str, Value], key: Observation) -> bool | None:
    """Whether a grant of that name with these terms is there, whatever else has the name."""
    grants = _mapping(key, "grants")
    if grants is None:
        return None
    name = grant_name(grant)
    return any(grant_name(other) == name and grants[other] == terms for other in grants)


def _named(alias: str, key: Observation) -> bool | None:
    aliases = key.attributes.get("aliases")
    return alias in aliases if isinstance(aliases, list) else None


def _version_state(number: int, key: Observation) -> KeyState | None:
    return next((item.state for item in key.versions if item.number == number), None)


def _activated(before: int, after: int, key: Observation) -> bool | None:
    current = key.attributes.get("version")
    if current is None:
        active = [item.number for item in key.versions if item.state is KeyState.ACTIVE]
        current = active[0] if len(active) == 1 else None
    if current == after:
        return True
    return False if current == before else None
