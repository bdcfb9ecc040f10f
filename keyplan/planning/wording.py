"""What a step is called in a plan: the part after the service's own name of the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from keyplan.model.address import Address
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
)
from keyplan.model.values import Value
from keyplan.state.entries import Settlement

_PASSIVE = {
    "wraps": "wrapped by",
    "derives": "derived from",
    "signs": "signed by",
    "governs": "governed by",
}


def describe(operation: Operation, settlement: Settlement, makers: Mapping[Address, int]) -> str:
    """A few words on one operation; empty where the call says it all.

    `makers` maps keys that this plan makes to the steps that make them.
    """
    said = _of_operation(operation, settlement, makers)
    return ", ".join(filter(None, [said, _BYPASS if bypasses(operation) else ""]))


_BYPASS = "without the service's check of who applies"


def _of_operation(  # noqa: C901, PLR0911, PLR0912  (one arm per member)
    operation: Operation, settlement: Settlement, makers: Mapping[Address, int]
) -> str:
    match operation:
        case CreateKey(parent=parent, relation=relation):
            if parent is None or relation is None:
                return ""
            maker = f"step {makers[parent]}" if parent in makers else parent
            return f"{_PASSIVE[relation]} {maker}"
        case ScheduleDeletion(window=window):
            return f"after {window}"
        case CancelDeletion() | DestroyKey() | PutPolicy():
            return ""
        case SetOwner(after=None):
            return "take keyplan's mark off"
        case SetOwner(before=None):
            return "put keyplan's mark on"
        case SetOwner():
            return "take it over from another stack"
        case ChangeState(before=before, after=after):
            return f"{before} -> {after}"
        case SetAttribute(attribute=attribute, after=after):
            return f"{attribute} = {_brief(after)}"
        case PutLabels(put=put, remove=remove):
            return ", ".join([*sorted(put), *(f"-{name}" for name in remove)])
        case RewrapKey(after=after):
            return f"wrap by {after or 'the sealing key'}"
        case IssueCertificate(parent=parent, version=version):
            return f"version {version}, signed by {parent}"
        case CreateGrant(grant=grant) | RevokeGrant(grant=grant):
            return grant
        case CreateAlias(alias=alias) | DeleteAlias(alias=alias):
            return alias
        case MoveAlias(alias=alias, source=source):
            return f"{alias} from {source}"
        case RotateKey(version=version) | RetireVersion(version=version):
            return f"version {version}"
        case AcceptVersion(version=version) | DestroyVersion(version=version):
            return f"version {version}"
        case ActivateVersion(before=before, after=after):
            return f"version {before} -> {after}"
        case ReplicateKey(primary=primary):
            return f"of {primary}"
        case ChangePrimary(before=before, after=after):
            return f"{before} -> {after}"
        case PutDocument(kind=kind, document=document):
            return f"{kind} {document}"
        case RecordAttributes(after=after):
            return _recorded(sorted(after), settlement)
        case RenameKey(source=source):
            return f"from {source}"
        case AdoptKey(id=identifier) | ForgetKey(id=identifier):
            return identifier
        case _:
            assert_never(operation)


def _recorded(names: list[str], settlement: Settlement) -> str:
    if settlement.phase:
        until = f" until {settlement.until[:10]}" if settlement.until else ""
        return settlement.phase.replace("_", " ") + until
    parts = names or [*settlement.manage, *(f"-{path}" for path in settlement.unmanage)]
    if not parts and settlement.dependencies is not None:
        parts = ["dependencies"]
    return ", ".join(parts) or "as it is there"


def _brief(value: Value) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case dict():
            return ", ".join(f"{name} {_brief(item)}" for name, item in value.items())
        case list():
            return ", ".join(_brief(item) for item in value)
        case _:
            return str(value)
