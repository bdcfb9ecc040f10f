"""States and versions of a key over its life: each handler returns the record afterwards.

Rules: a handler that finds its operation done already returns the record unchanged.
Retirement goes from the leaves up: nothing is destroyed, retired or scheduled for it
while the material of another key rests on it.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.errors import ConflictError, RejectedError
from keyplan.model.keys import TRANSITIONS, KeyState, Relation
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    ChangeState,
    DestroyVersion,
    RetireVersion,
    RotateKey,
    ScheduleDeletion,
)
from keyplan.model.timing import parse_duration
from keyplan_hsm.certificates import certified_profile
from keyplan_hsm.device import Session
from keyplan_hsm.material import public_pem
from keyplan_hsm.records import KeyRecord, VersionRecord
from keyplan_hsm.rules import require_admission, require_parents

_ENDING = frozenset({KeyState.DEACTIVATED, KeyState.COMPROMISED})


def change_state(key: KeyRecord, operation: ChangeState) -> KeyRecord:
    """Move the key to another NIST state; while its deletion is pending, only further down."""
    if key.state is operation.after:
        return key
    if operation.after is KeyState.DESTROYED or operation.after not in TRANSITIONS[key.state]:
        raise RejectedError(
            f"a key that is {key.state.value} cannot become {operation.after.value}",
            target=key.id,
            why="SP 800-57 §7 has no such transition.",
            operation=operation.name,
        )
    if key.pending and operation.after not in _ENDING:
        raise RejectedError(
            f"a key that is pending deletion cannot become {operation.after.value}",
            target=key.id,
            advice="Cancel the deletion first.",
            operation=operation.name,
        )
    return key.with_attributes(state=operation.after.value)


def schedule_deletion(session: Session, key: KeyRecord, operation: ScheduleDeletion) -> KeyRecord:
    """Start the window; refused while the material of another key would outlive it."""
    if key.pending:
        return key
    require_admission(key, operation.name)
    window = parse_duration(operation.window)
    deletion_at = session.rows.now + int(window.total_seconds())
    for child in session.rows.dependents(key.id):
        if child.deletion_at is None or child.deletion_at > deletion_at:
            raise RejectedError(
                "the key protects others that would be lost with it",
                target=key.id,
                why=f"The material of {child.id} rests on it and lives longer.",
                advice="Destroy its children first, or move them to another parent.",
                operation=operation.name,
            )
    return replace(key, deletion_at=deletion_at)


def cancel_deletion(session: Session, key: KeyRecord) -> KeyRecord:
    """Stop the window. The key keeps the state in which it was scheduled: suspended, or worse."""
    if not key.pending:
        return key
    if key.needs_parent:
        parent = session.vault.parent_of(session.rows, key)
        if parent.pending:
            raise RejectedError(
                "the key's parent is pending deletion",
                target=key.id,
                why=f"The key's material rests on {parent.id} and would be lost with it.",
                advice=f"Cancel the deletion of {parent.id} first.",
                operation="cancel_deletion",
            )
    return replace(key, deletion_at=None)


def rotate_key(
    session: Session, key: KeyRecord, operation: RotateKey, material: bytes | None
) -> KeyRecord:
    """Make the version, let new protection use it, and wrap the children under it."""
    if operation.version <= key.latest:
        return key
    if operation.version != key.latest + 1:
        raise ConflictError(
            f"version {operation.version} cannot follow version {key.latest}",
            target=key.id,
            advice="Plan again: the key was rotated by somebody else.",
            operation=operation.name,
        )
    require_admission(key, operation.name)
    if key.needs_parent:
        require_parents(session.rows, key, applies=True)
    former = key.current.number
    rotated = replace(
        key,
        versions=(
            *key.with_version_states({former: KeyState.DEACTIVATED}).versions,
            VersionRecord(operation.version, session.rows.now, KeyState.ACTIVE),
        ),
    )
    session.vault.keep(session.rows, rotated, operation.version, material)
    return _with_current(session, rotated)


def activate_version(session: Session, key: KeyRecord, operation: ActivateVersion) -> KeyRecord:
    """Let new protection use another version that is accepted, and wrap the children under it."""
    wanted = _version(key, operation.after)
    if wanted.state is KeyState.ACTIVE:
        return key
    require_admission(key, operation.name)
    if wanted.state is not KeyState.DEACTIVATED:
        raise RejectedError(
            f"version {operation.after} is {wanted.state.value} and cannot be used",
            target=key.id,
            advice="Accept the version first." if wanted.state is KeyState.SUSPENDED else "",
            operation=operation.name,
        )
    states = {key.current.number: KeyState.DEACTIVATED, operation.after: KeyState.ACTIVE}
    return _with_current(session, key.with_version_states(states))


def _with_current(session: Session, key: KeyRecord) -> KeyRecord:
    """What follows from another current version: children, public key, certificate."""
    session.rows.update(key)
    session.vault.rewrap_children(session.rows, key)
    if key.algorithm.symmetric:
        return key
    number = key.current.number
    public = public_pem(session.vault.material(session.rows, key, number))
    return key.with_attributes(
        public_key=public, certificate=certified_profile(session.rows, key, number)
    )


def retire_version(session: Session, key: KeyRecord, operation: RetireVersion) -> KeyRecord:
    """Stop accepting a version that is not the current one."""
    version = _version(key, operation.version)
    if version.state in (KeyState.SUSPENDED, KeyState.DESTROYED):
        return key
    require_admission(key, operation.name)
    _require_spare(session, key, version, "retired")
    return key.with_version_states({version.number: KeyState.SUSPENDED})


def accept_version(key: KeyRecord, operation: AcceptVersion) -> KeyRecord:
    """Let a retired version process again."""
    version = _version(key, operation.version)
    if version.state in (KeyState.ACTIVE, KeyState.DEACTIVATED):
        return key
    require_admission(key, operation.name)
    if version.state is KeyState.DESTROYED:
        raise RejectedError(
            f"version {version.number} was destroyed and cannot be accepted again",
            target=key.id,
            operation=operation.name,
        )
    return key.with_version_states({version.number: KeyState.DEACTIVATED})


def destroy_version(session: Session, key: KeyRecord, operation: DestroyVersion) -> KeyRecord:
    """Destroy the material of a version that is not the current one, for good."""
    version = _version(key, operation.version)
    if version.state is KeyState.DESTROYED:
        return key
    require_admission(key, operation.name)
    _require_spare(session, key, version, "destroyed")
    session.rows.destroy_material(key.id, version.number)
    session.vault.forget(key.id)
    return key.with_version_states({version.number: KeyState.DESTROYED})


def _version(key: KeyRecord, number: int) -> VersionRecord:
    version = key.version(number)
    if version is None:
        raise RejectedError(
            f"the key has no version {number}; the newest is {key.latest}", target=key.id
        )
    return version


def _require_spare(session: Session, key: KeyRecord, version: VersionRecord, verb: str) -> None:
    if version.state is KeyState.ACTIVE:
        raise RejectedError(
            f"version {version.number} is the current one and cannot be {verb}",
            target=key.id,
            advice="Rotate the key, or activate another version, first.",
        )
    child = session.rows.rests_on(key.id, version.number)
    if child is not None:
        how = "is derived from it"
        record = session.rows.key(child)
        if record is not None and record.relation is Relation.WRAPS:
            how = "is wrapped under it"
        raise RejectedError(
            f"version {version.number} is still needed and cannot be {verb}",
            target=key.id,
            why=f"A version of {child} {how}.",
            advice="Rotate and destroy the versions of that key which rest on it first.",
        )
