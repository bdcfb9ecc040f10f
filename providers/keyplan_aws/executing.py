"""From an operation of the closed union to what does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

from keyplan.errors import RejectedError
from keyplan.model.address import Address
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
from keyplan_aws import changes, naming, versions
from keyplan_aws.api import Api, Work
from keyplan_aws.creation import create_key, replicate_key
from keyplan_aws.places import Place

CREATES = (CreateKey, ReplicateKey)
WRITES_TAGS = (PutLabels, SetOwner, RotateKey, ChangeState)

Bound: TypeAlias = Callable[[Address], str]
"""What a key that an operation names is called here. Raises `NotFoundError`."""


def create(
    api: Api,
    operation: CreateKey | ReplicateKey,
    bound: Bound,
    here: Place,
    deadline: float | None,
) -> str:
    """Make a key; its ARN."""
    match operation:
        case CreateKey():
            return create_key(api, operation, deadline)
        case ReplicateKey(primary=primary):
            return replicate_key(api, operation, here.arn(bound(primary)), here, deadline)
        case _:
            assert_never(operation)


def change(  # noqa: C901  (one arm per member of the union)
    work: Work, key: str, operation: RemoteOperation, bound: Bound, here: Place
) -> None:
    """Change a key that exists. Raises `RejectedError` for what AWS KMS does not do."""
    match operation:
        case ScheduleDeletion():
            changes.schedule_deletion(work, key, operation)
        case CancelDeletion():
            changes.cancel_deletion(work, key)
        case ChangeState():
            changes.change_state(work, key, operation)
        case SetOwner():
            changes.set_owner(work, key, operation)
        case SetAttribute():
            changes.set_attribute(work, key, operation)
        case PutLabels():
            changes.put_labels(work, key, operation)
        case PutPolicy():
            changes.put_policy(work, key, operation, here)
        case CreateGrant():
            naming.create_grant(work, key, operation)
        case RevokeGrant():
            naming.revoke_grant(work, key, operation)
        case CreateAlias(alias=alias):
            naming.create_alias(work, key, alias)
        case MoveAlias(alias=alias, source=source):
            naming.move_alias(work, key, alias, bound(source))
        case DeleteAlias(alias=alias):
            naming.delete_alias(work, key, alias)
        case RotateKey():
            versions.rotate_key(work, key, operation)
        case ChangePrimary(before=before, after=after):
            versions.change_primary(work, key, here.arn(bound(before)), here.arn(bound(after)))
        case (
            CreateKey()
            | ReplicateKey()
            | DestroyKey()
            | RewrapKey()
            | IssueCertificate()
            | ActivateVersion()
            | RetireVersion()
            | AcceptVersion()
            | DestroyVersion()
            | PutDocument()
        ):
            raise RejectedError(
                f"AWS KMS does not perform {operation.name}", target=key, operation=operation.name
            )
        case _:
            assert_never(operation)
