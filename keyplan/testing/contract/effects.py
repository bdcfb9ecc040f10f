"""What each operation must be seen to have done, and what undoing it must leave."""

from __future__ import annotations

from typing import assert_never

from keyplan.model.inverses import Grade, Inverse
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
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
from keyplan.sdk.provider import Plugin


def visible(operation: RemoteOperation, seen: Observation, plugin: Plugin) -> bool:  # noqa: C901, PLR0911, PLR0912  (one arm per member)
    """Whether an observation of the target shows that the operation was done."""
    match operation:
        case CreateKey(owner=owner) | ReplicateKey(owner=owner):
            return seen.owner == owner and seen.deletion_at is None
        case ScheduleDeletion():
            return seen.deletion_at is not None
        case CancelDeletion():
            return seen.deletion_at is None and seen.state is KeyState.SUSPENDED
        case SetOwner(after=owner):
            return seen.owner == owner
        case ChangeState(after=state):
            return seen.state is state
        case SetAttribute(attribute=name, after=value):
            return seen.attributes.get(name) == canonical(plugin, name, value)
        case PutLabels(put=put, remove=remove):
            labels = mapping(seen, "labels")
            return labels.items() >= put.items() and labels.keys().isdisjoint(remove)
        case IssueCertificate(profile=profile):
            return mapping(seen, "certificate").items() >= profile.items()
        case PutPolicy(after=policy):
            return seen.attributes.get("policy") == canonical(plugin, "policy", policy)
        case CreateGrant(grant=grant, terms=terms):
            wanted = canonical(plugin, "grants", {grant: terms})
            return isinstance(wanted, dict) and mapping(seen, "grants").items() >= wanted.items()
        case RevokeGrant(grant=grant):
            return grant not in mapping(seen, "grants")
        case CreateAlias(alias=alias) | MoveAlias(alias=alias):
            return alias in names(seen)
        case DeleteAlias(alias=alias):
            return alias not in names(seen)
        case RotateKey(version=version):
            return seen.latest_version == version
        case RetireVersion(version=version):
            return not _accepts(seen, version)
        case AcceptVersion(version=version) | ActivateVersion(after=version):
            return _accepts(seen, version)
        case DestroyVersion(version=version):
            return _version_state(seen, version) in (None, KeyState.DESTROYED)
        case ChangePrimary(before=before, after=after):
            return before == after or seen.attributes["primary"] != seen.attributes["arn"]
        case RewrapKey() | PutDocument():
            return True
        case DestroyKey():
            return False
        case _:
            assert_never(operation)


def undone(
    operation: RemoteOperation, inverse: Inverse, before: Observation, now: Observation
) -> bool:
    """Whether the inverse has left the key as its grade promises."""
    if inverse.grade in (Grade.EXACT, Grade.TIME_LIMITED):
        return now.fingerprint == before.fingerprint
    match operation:
        case CreateKey() | ReplicateKey():
            return now.state is KeyState.SUSPENDED
        case CancelDeletion():
            return now.deletion_at is not None
        case RotateKey(version=version):
            return now.latest_version == version and now.state is before.state
        case RevokeGrant():
            return mapping(now, "grants") == mapping(before, "grants")
        case _:
            return True


def canonical(plugin: Plugin, name: str, value: Value) -> Value:
    """One attribute in the provider's spelling."""
    return plugin.canonical({name: value})[name]


def mapping(seen: Observation, attribute: str) -> dict[str, Value]:
    """An attribute that is a map; empty if it is not there."""
    value = seen.attributes.get(attribute)
    return value if isinstance(value, dict) else {}


def names(seen: Observation) -> list[Value]:
    """The aliases."""
    value = seen.attributes.get("aliases")
    return value if isinstance(value, list) else []


def _version_state(seen: Observation, number: int) -> KeyState | None:
    for version in seen.versions:
        if version.number == number:
            return version.state
    return None


def _accepts(seen: Observation, number: int) -> bool:
    state = _version_state(seen, number)
    return state is not None and state.may_process
