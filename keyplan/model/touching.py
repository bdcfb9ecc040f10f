"""Which attribute of a key an operation changes, as drift names it."""

from __future__ import annotations

from typing import assert_never

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


def paths_of(operation: Operation) -> tuple[str, ...]:  # noqa: C901, PLR0911  (an arm a member)
    """The paths (`state`, `labels:team`) that the operation sets; none where it sets no value."""
    match operation:
        case ChangeState():
            return ("state",)
        case SetAttribute(attribute=name):
            return (name,)
        case PutLabels(put=put, remove=remove):
            return tuple(f"labels:{name}" for name in sorted({*put, *remove}))
        case PutPolicy():
            return ("policy",)
        case CreateGrant(grant=name) | RevokeGrant(grant=name):
            return (f"grants:{name}",)
        case CreateAlias(alias=name) | DeleteAlias(alias=name) | MoveAlias(alias=name):
            return (f"aliases:{name}",)
        case SetOwner():
            return ("mark",)
        case CancelDeletion() | ScheduleDeletion():
            return ("deletion_at",)
        case ChangePrimary():
            return ("primary",)
        case IssueCertificate():
            return ("certificate",)
        case RewrapKey():
            return ("parent",)
        case PutDocument():
            return ("documents",)
        case RotateKey() | ActivateVersion():
            return ("version",)
        case (
            RetireVersion(version=version)
            | AcceptVersion(version=version)
            | DestroyVersion(version=version)
        ):
            return (f"version:{version}",)
        case (
            CreateKey()
            | ReplicateKey()
            | DestroyKey()
            | RecordAttributes()
            | AdoptKey()
            | ForgetKey()
            | RenameKey()
        ):
            return ()
        case _:
            assert_never(operation)
