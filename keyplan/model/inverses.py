"""The way back from each operation, known before it is done.

Grades, best first:

- `exact`: the inverse restores precisely what was there;
- `compensating`: the inverse makes it harmless and leaves a named residue;
- `time_limited`: exact until a date, nothing afterwards;
- `unproven`: the inverse is known, and whoever acts may not be allowed to perform it;
- `none`: there is no way back. Such a step runs last and must be allowed by name.

Rules: an inverse never destroys a key and never loosens access beyond what was
observed before. Where a service cannot perform an inverse, the grade is `none`,
whatever this table hopes for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from keyplan.model.keys import TRANSITIONS, KeyState
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
    bypasses,
    is_remote,
)


class Grade(StrEnum):
    """How good the way back is."""

    EXACT = "exact"
    COMPENSATING = "compensating"
    TIME_LIMITED = "time_limited"
    UNPROVEN = "unproven"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Inverse:
    """The way back: operations in the order to perform them, and what they leave behind."""

    grade: Grade
    operations: tuple[Operation, ...] = ()
    residue: str = ""


NO_WAY_BACK = Inverse(Grade.NONE)


def _exact(*operations: Operation) -> Inverse:
    return Inverse(Grade.EXACT, operations)


def _compensating(residue: str, *operations: Operation) -> Inverse:
    return Inverse(Grade.COMPENSATING, operations, residue)


def inverse_of(
    operation: Operation, *, supported: Collection[str], one_way: Collection[str] = ()
) -> Inverse:
    """The inverse of an operation on a provider.

    `supported` names the operations that the provider performs, `one_way` the
    attributes that it never takes back once they are set.
    """
    inverse = _ideal(operation)
    if isinstance(operation, SetAttribute) and operation.attribute in one_way:
        return NO_WAY_BACK
    if any(is_remote(step) and step.name not in supported for step in inverse.operations):
        return NO_WAY_BACK
    if bypasses(operation):  # whoever acts gives the policy away with it
        return replace(inverse, grade=Grade.UNPROVEN)
    return inverse


def _ideal(operation: Operation) -> Inverse:  # noqa: C901, PLR0911, PLR0912  (one arm per member)
    match operation:
        case CreateKey(target=target) | ReplicateKey(target=target):
            return _compensating(
                "a suspended key, kept and tracked in the state",
                ChangeState(target, KeyState.ACTIVE, KeyState.SUSPENDED),
            )
        case ScheduleDeletion(target, window):
            return Inverse(Grade.TIME_LIMITED, (CancelDeletion(target, window),))
        case CancelDeletion(target, window):
            return _compensating("the window starts again", ScheduleDeletion(target, window))
        case DestroyKey() | DestroyVersion():
            return NO_WAY_BACK
        case SetOwner(target, before, after):
            return _exact(SetOwner(target, after, before))
        case ChangeState(target, before, after):
            if before in TRANSITIONS[after]:
                return _exact(ChangeState(target, after, before))
            return NO_WAY_BACK
        case SetAttribute(target, attribute, before, after):
            return _exact(SetAttribute(target, attribute, after, before))
        case PutLabels():
            return _exact(*_labels_back(operation))
        case RewrapKey(target, before, after):
            return _exact(RewrapKey(target, after, before))
        case IssueCertificate():
            return _compensating("the certificate stays valid until its end")
        case PutPolicy(target, before, after):
            return _exact(PutPolicy(target, after, before))
        case CreateGrant() | RevokeGrant() | CreateAlias() | DeleteAlias() | MoveAlias():
            return _element_back(operation)
        case RotateKey() | ActivateVersion() | RetireVersion() | AcceptVersion():
            return _version_back(operation)
        case ChangePrimary(target, before, after):
            return _exact(ChangePrimary(target, after, before))
        case PutDocument(target, kind, document, before, after):
            return _exact(PutDocument(target, kind, document, after, before))
        case RecordAttributes(target, before, after):
            return _exact(RecordAttributes(target, after, before))
        case AdoptKey(target, id):
            return _exact(ForgetKey(target, id))
        case ForgetKey(target, id):
            return _exact(AdoptKey(target, id))
        case RenameKey(target, source, id):
            return _exact(RenameKey(source, target, id))
        case _:
            assert_never(operation)


def _element_back(
    operation: CreateGrant | RevokeGrant | CreateAlias | DeleteAlias | MoveAlias,
) -> Inverse:
    match operation:
        case CreateGrant(target, grant, terms):
            return _exact(RevokeGrant(target, grant, terms))
        case RevokeGrant(target, grant, terms):
            return _compensating(
                "the grant comes back with a new id", CreateGrant(target, grant, terms)
            )
        case CreateAlias(target, alias):
            return _exact(DeleteAlias(target, alias))
        case DeleteAlias(target, alias):
            return _exact(CreateAlias(target, alias))
        case MoveAlias(target, alias, source):
            return _exact(MoveAlias(source, alias, target))


def _version_back(
    operation: RotateKey | ActivateVersion | RetireVersion | AcceptVersion,
) -> Inverse:
    match operation:
        case RotateKey(target, version):
            return _compensating(
                f"version {version} stays, unused", ActivateVersion(target, version, version - 1)
            )
        case ActivateVersion(target, before, after):
            return _exact(ActivateVersion(target, after, before))
        case RetireVersion(target, version):
            return _exact(AcceptVersion(target, version))
        case AcceptVersion(target, version):
            return _exact(RetireVersion(target, version))


def _labels_back(operation: PutLabels) -> Iterator[PutLabels]:
    """Old values put back, then new ones taken off: two steps, as most services need two calls."""
    target, put, before = operation.target, operation.put, operation.before
    if before:
        now = {name: put[name] for name in before if name in put}
        yield PutLabels(target, put=dict(before), remove=[], before=now)
    if added := sorted(name for name in put if name not in before):
        yield PutLabels(target, put={}, remove=added, before={name: put[name] for name in added})
