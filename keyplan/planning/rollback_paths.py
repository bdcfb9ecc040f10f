"""What an operation changed, as paths with the values before and after.

A path is an attribute (`description`), an element (`labels:team`), or one of `state`,
`owner`, `deletion`, `version`, `version:2`, `documents:kind/name`. Paths of what only the
state knows begin with `record:`.

Rules: pure; a value that a provider does not report, or may not read, is `UNKNOWN` and
never taken for absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, assert_never

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation, OwnerMark
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
from keyplan.planning.compare import elements
from keyplan.state.model import ResourceState

RECORD = "record:"
"""Where paths begin that only the state knows."""

_COLLECTIONS = frozenset({"labels", "grants", "aliases", "documents"})


class Unseen(Enum):
    """The one value of what cannot be seen."""

    UNKNOWN = "unknown"


UNKNOWN = Unseen.UNKNOWN
Seen: TypeAlias = "Value | Unseen"


@dataclass(frozen=True, slots=True)
class Touch:
    """One path of one key, and its value before and after an operation."""

    address: Address
    path: str
    before: Value
    after: Value


def touched(operation: Operation) -> Iterator[Touch]:  # noqa: C901, PLR0912  (one arm per member)
    """What the operation changed of keys that exist. Making and ending a key touch nothing."""
    target = operation.target
    match operation:
        case ScheduleDeletion():
            yield Touch(target, "deletion", before=False, after=True)
        case CancelDeletion():
            yield Touch(target, "deletion", before=True, after=False)
        case SetOwner(before=was, after=now):
            yield Touch(target, "owner", _mark(was), _mark(now))
        case ChangeState(before=state, after=moved):
            yield Touch(target, "state", state.value, moved.value)
        case SetAttribute(attribute=attribute, before=before, after=after):
            yield Touch(target, attribute, before, after)
        case PutLabels(put=put, remove=remove, before=labels):
            for name in dict.fromkeys((*put, *remove)):
                yield Touch(target, f"labels:{name}", labels.get(name), put.get(name))
        case RewrapKey(before=old, after=new):
            yield Touch(target, "parent", old, new)
        case PutPolicy(before=before, after=after):
            yield Touch(target, "policy", before, after)
        case CreateGrant(grant=grant, terms=terms):
            yield Touch(target, f"grants:{grant}", None, terms)
        case RevokeGrant(grant=grant, terms=terms):
            yield Touch(target, f"grants:{grant}", terms, None)
        case CreateAlias(alias=alias):
            yield Touch(target, f"aliases:{alias}", None, alias)
        case DeleteAlias(alias=alias):
            yield Touch(target, f"aliases:{alias}", alias, None)
        case MoveAlias(alias=alias, source=source):
            yield Touch(target, f"aliases:{alias}", None, alias)
            yield Touch(source, f"aliases:{alias}", alias, None)
        case RotateKey(version=version):
            yield Touch(target, "version", version - 1, version)
        case ActivateVersion(before=first, after=second):
            yield Touch(target, "version", first, second)
        case RetireVersion(version=version):
            yield Touch(target, f"version:{version}", before=True, after=False)
        case AcceptVersion(version=version):
            yield Touch(target, f"version:{version}", before=False, after=True)
        case ChangePrimary(before=here, after=there):
            yield Touch(target, "primary", str(here), str(there))
        case PutDocument(kind=kind, document=document, before=before, after=after):
            yield Touch(target, f"documents:{kind}/{document}", before, after)
        case RecordAttributes(before=values, after=written):
            for name in dict.fromkeys((*values, *written)):
                yield Touch(target, RECORD + name, values.get(name), written.get(name))
        case CreateKey() | ReplicateKey() | DestroyKey() | DestroyVersion() | IssueCertificate():
            pass
        case AdoptKey() | ForgetKey() | RenameKey():
            pass
        case _:
            assert_never(operation)


def live_value(path: str, key: Observation, ids: Mapping[str, Address]) -> Seen:
    """The value as the provider reports it now; `ids` maps its ids to addresses."""
    name, _, element = path.partition(":")
    match name:
        case "deletion":
            return key.deletion_at is not None
        case "owner":
            return _mark(key.owner)
        case "version":
            return _accepted(int(element), key) if element else _in_use(key)
        case "parent":
            return _parent(key, ids)
        case "primary":
            return UNKNOWN  # the service names it in its own way
        case _ if name in key.unreadable or name not in key.attributes:
            return UNKNOWN
        case _:
            return _part(key.attributes[name], name, element)


def state_value(path: str, resource: ResourceState) -> Seen:
    """The value as the state remembers it, where that is of the same form."""
    name, _, element = path.removeprefix(RECORD).partition(":")
    if path.startswith(RECORD):
        return resource.attributes.get(path.removeprefix(RECORD))
    if name in ("deletion", "owner", "version", "parent", "primary"):
        return UNKNOWN
    return _part(resource.attributes.get(name), name, element)


def _part(value: Value, name: str, element: str) -> Value:
    return elements(value).get(element) if name in _COLLECTIONS else value


def _mark(mark: OwnerMark | None) -> Value:
    return None if mark is None else [mark.stack, mark.token]


def _parent(key: Observation, ids: Mapping[str, Address]) -> Seen:
    if "parent" not in key.attributes or "parent" in key.unreadable:
        return UNKNOWN
    parent = key.attributes["parent"]
    return None if parent is None else ids.get(str(parent), UNKNOWN)


def _in_use(key: Observation) -> Seen:
    """The version that protects: reported as such, or the only active one."""
    reported = key.attributes.get("version")
    if isinstance(reported, int):
        return reported
    active = [version.number for version in key.versions if version.state is KeyState.ACTIVE]
    return active[0] if len(active) == 1 else UNKNOWN


def _accepted(number: int, key: Observation) -> Seen:
    for version in key.versions:
        if version.number == number:
            return version.state.may_process
    return UNKNOWN
