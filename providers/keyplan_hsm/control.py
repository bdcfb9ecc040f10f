"""The control plane: keyplan's operations, one at a time, each in one transaction.

Rules: whoever acts must be allowed by the key's policy, unless it is the security
officer; the key's state must permit the operation; a finished operation is recognised
and changes nothing; what a plan expected of the key is compared before it is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from keyplan.errors import ConflictError, NotFoundError, RejectedError
from keyplan.model.address import Address
from keyplan.model.keys import ALGORITHMS, Algorithm, Relation
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
from keyplan_hsm import lifecycle, naming
from keyplan_hsm.audit import Call
from keyplan_hsm.authority import authorise_child, authorise_control, neutral_operation
from keyplan_hsm.creation import create_key
from keyplan_hsm.device import Device, Session
from keyplan_hsm.material import generate
from keyplan_hsm.records import KeyRecord
from keyplan_hsm.rules import require_admission

_SELF_CHECKED = (
    CancelDeletion, ScheduleDeletion, RotateKey, ActivateVersion, RetireVersion, AcceptVersion,
    DestroyVersion,
)  # fmt: skip
"""Operations whose handlers ask for admission once they know that they are not done already."""


def execute(
    device: Device,
    operation: RemoteOperation,
    bindings: Bindings,
    *,
    actor: str,
    expects: str | None = None,
    deadline: float | None = None,
) -> KeyRecord:
    """Do one operation, durably and audited; the key afterwards. Raises `ProviderError`."""
    call = Call(actor, operation.name, bindings.get(operation.target, ""), _detail(operation))
    if isinstance(operation, CreateKey):
        material = _material(operation.relation, ALGORITHMS.get(operation.algorithm))
        created = operation

        def create(session: Session) -> KeyRecord:
            parent = None if created.parent is None else bindings.get(created.parent)
            authorise_child(session, created, parent, actor)
            record = create_key(session, created, parent, material)
            session.call.key = record.id
            return record

        return device.perform(call, create, timeout=deadline)
    target = _bound(bindings, operation.target)
    change = _change(device, operation, bindings, target)

    def work(session: Session) -> KeyRecord:
        key = session.rows.key(target)
        if key is None:
            raise NotFoundError(
                "the key does not exist (any more)", target=target, operation=operation.name
            )
        authorise_control(key, neutral_operation(operation), actor, session)
        if not isinstance(operation, _SELF_CHECKED):
            require_admission(key, operation.name)
        changed = change(session, key)
        if changed != key:
            if expects is not None and key.observe().fingerprint != expects:
                raise ConflictError(
                    "the key is not as the plan expects it",
                    target=target,
                    why="It was changed after the plan was made.",
                    advice="Plan again.",
                    operation=operation.name,
                )
            session.rows.update(changed)
        return changed

    return device.perform(call, work, timeout=deadline)


def _change(  # noqa: C901, PLR0911, PLR0912  (one arm per member of the union)
    device: Device, operation: RemoteOperation, bindings: Bindings, target: str
) -> Callable[[Session, KeyRecord], KeyRecord]:
    """The handler of an operation on a key that exists."""
    match operation:
        case ScheduleDeletion():
            return lambda session, key: lifecycle.schedule_deletion(session, key, operation)
        case CancelDeletion():
            return lifecycle.cancel_deletion
        case SetOwner():
            return lambda session, key: naming.set_owner(session, key, operation)
        case ChangeState():
            return lambda _, key: lifecycle.change_state(key, operation)
        case SetAttribute():
            return lambda _, key: naming.set_attribute(key, operation)
        case PutLabels():
            return lambda _, key: naming.put_labels(key, operation)
        case RewrapKey(after=after):
            parent = None if after is None else _bound(bindings, after)
            return lambda session, key: naming.rewrap_key(session, key, operation, parent)
        case IssueCertificate(parent=issuer):
            authority = _bound(bindings, issuer)
            return lambda session, key: naming.issue_certificate(session, key, operation, authority)
        case PutPolicy():
            return lambda _, key: naming.put_policy(key, operation)
        case CreateGrant():
            return lambda _, key: naming.create_grant(key, operation)
        case RevokeGrant():
            return lambda _, key: naming.revoke_grant(key, operation)
        case CreateAlias():
            return lambda session, key: naming.create_alias(session, key, operation)
        case MoveAlias(source=source):
            former = _bound(bindings, source)
            return lambda session, key: naming.move_alias(session, key, operation, former)
        case DeleteAlias():
            return lambda session, key: naming.delete_alias(session, key, operation)
        case RotateKey():
            material = _next_material(device, target)
            return lambda session, key: lifecycle.rotate_key(session, key, operation, material)
        case ActivateVersion():
            return lambda session, key: lifecycle.activate_version(session, key, operation)
        case RetireVersion():
            return lambda session, key: lifecycle.retire_version(session, key, operation)
        case AcceptVersion():
            return lambda _, key: lifecycle.accept_version(key, operation)
        case DestroyVersion():
            return lambda session, key: lifecycle.destroy_version(session, key, operation)
        case CreateKey() | DestroyKey() | ReplicateKey() | ChangePrimary() | PutDocument():
            raise RejectedError(
                f"the HSM emulator does not perform {operation.name}",
                target=str(operation.target),
                operation=operation.name,
            )
        case _:
            assert_never(operation)


# -- material, made before the store is locked -------------------------------------------


def _material(relation: str | None, algorithm: Algorithm | None) -> bytes | None:
    if algorithm is None or relation == Relation.DERIVES.value:
        return None
    return generate(algorithm)


def _next_material(device: Device, target: str) -> bytes | None:
    with device.reading() as rows:
        key = None if rows is None else rows.key(target)
    return None if key is None else _material(key.relation, key.algorithm)


# -- small things ------------------------------------------------------------------------


def _bound(bindings: Bindings, address: Address) -> str:
    bound = bindings.get(address)
    if bound is None:
        raise NotFoundError("it has no id in this HSM", target=str(address))
    return bound


def _detail(operation: RemoteOperation) -> dict[str, Value]:
    """What the audit record says beside the operation's name: names and numbers, no values."""
    detail: dict[str, Value] = {"target": str(operation.target)}
    match operation:
        case ChangeState(after=after):
            return detail | {"state": after.value}
        case SetAttribute(attribute=attribute):
            return detail | {"attribute": attribute}
        case PutLabels(put=put, remove=remove):
            return detail | {"put": [*sorted(put)], "remove": [*sorted(remove)]}
        case CreateGrant(grant=grant) | RevokeGrant(grant=grant):
            return detail | {"grant": grant}
        case CreateAlias(alias=alias) | MoveAlias(alias=alias) | DeleteAlias(alias=alias):
            return detail | {"alias": alias}
        case RotateKey(version=version) | RetireVersion(version=version):
            return detail | {"version": version}
        case AcceptVersion(version=version) | DestroyVersion(version=version):
            return detail | {"version": version}
        case ActivateVersion(after=version) | IssueCertificate(version=version):
            return detail | {"version": version}
        case ScheduleDeletion(window=window):
            return detail | {"window": window}
        case _:
            return detail
