"""Making keys: the one operation that expects nothing to be there.

Rules: the operation token makes creating idempotent, so a lost answer costs nothing:
the same token finds the same key. Material is generated before the store is locked.
A parent must be able to do what the relation says, and be usable, now.
"""

from __future__ import annotations

import secrets

from keyplan.errors import ConflictError, NotFoundError, RejectedError
from keyplan.model.hierarchy import PARENT_USAGE
from keyplan.model.keys import (
    ALGORITHMS,
    TRANSITIONS,
    Algorithm,
    KeyState,
    Relation,
    Usage,
)
from keyplan.model.operations import CreateKey
from keyplan.model.values import Value
from keyplan_hsm.attributes import AT_CREATE, accepted
from keyplan_hsm.device import Session
from keyplan_hsm.manifest import algorithms
from keyplan_hsm.material import public_pem
from keyplan_hsm.records import DEPENDENT, KeyRecord, VersionRecord
from keyplan_hsm.rules import require_parents, require_usable


def create_key(
    session: Session, operation: CreateKey, parent_id: str | None, material: bytes | None
) -> KeyRecord:
    """The key that the operation's token names: made now, or found if it was made before.

    `material` is `None` for a derived key. Raises `ConflictError` if the token belongs
    to another stack, `RejectedError` or `NotFoundError` for what cannot be made.
    """
    existing = session.rows.key_by_token(operation.owner.token)
    if existing is not None:
        if existing.owner != operation.owner:
            raise ConflictError(
                "the operation token is another stack's",
                target=existing.id,
                operation=operation.name,
            )
        return existing
    if operation.settings:
        raise RejectedError("the HSM emulator has no settings of its own on a key")
    algorithm = _algorithm(operation)
    relation = _relation(operation)
    if relation is not None:
        _check_parent(session, relation, parent_id, algorithm)
    record = KeyRecord(
        id=f"hk-{secrets.token_hex(8)}",
        owner=operation.owner,
        attributes={
            "usage": operation.usage,
            "algorithm": algorithm.name,
            "relation": None if relation is None else relation.value,
            "parent": parent_id,
            "aliases": [],
            "grants": {},
            "certificate": None,
            "public_key": None,
            **_initial(operation.attributes),
        },
        versions=(VersionRecord(1, session.rows.now, KeyState.ACTIVE),),
    )
    if material is not None and not algorithm.symmetric:
        record = record.with_attributes(public_key=public_pem(material))
    session.vault.keep(session.rows, record, 1, material)
    session.rows.insert(record)
    return record


def _algorithm(operation: CreateKey) -> Algorithm:
    algorithm = ALGORITHMS.get(operation.algorithm)
    offered = algorithms().get(operation.algorithm, frozenset())
    if algorithm is None or operation.usage not in {usage.value for usage in offered}:
        raise RejectedError(
            f"the HSM emulator makes no {operation.algorithm} keys for {operation.usage}",
            target=str(operation.target),
            advice="See `keyplan providers hsm` for what it makes.",
            operation=operation.name,
        )
    return algorithm


def _relation(operation: CreateKey) -> Relation | None:
    if operation.parent is None:
        return None
    return Relation(operation.relation or Relation.WRAPS.value)


def _check_parent(
    session: Session, relation: Relation, parent_id: str | None, algorithm: Algorithm
) -> None:
    if relation is Relation.GOVERNS:
        return  # authority only: the parent may live anywhere
    if parent_id is None:
        raise NotFoundError("the key's parent has no id yet", operation="create_key")
    require_parent(session, relation, parent_id)
    if relation is Relation.DERIVES and not algorithm.symmetric:
        raise RejectedError(
            f"{algorithm.name} keys cannot be derived",
            why="The emulator derives octets: AES and HMAC keys.",
            advice="Use `relation: wraps` or `signs`.",
        )
    if relation is Relation.SIGNS and algorithm.symmetric:
        raise RejectedError(
            f"an {algorithm.name} key has no public key to certify",
            advice="Use `relation: wraps` or `derives`.",
        )


def require_parent(session: Session, relation: Relation, parent_id: str) -> KeyRecord:
    """The parent, if it can do what the relation says. Raises `NotFoundError`, `RejectedError`."""
    parent = session.rows.key(parent_id)
    if parent is None:
        raise NotFoundError("the key's parent is not in this HSM", target=parent_id)
    wanted = PARENT_USAGE[relation]
    if wanted is not None and parent.usage is not wanted:
        raise RejectedError(
            f"a key for {parent.usage.value} cannot be the parent of one it {relation.value}",
            target=parent_id,
            why=f"That takes a key for {Usage(wanted).value}: a key has one usage.",
        )
    require_usable(parent, applies=True)
    if relation in DEPENDENT or parent.needs_parent:
        require_parents(session.rows, parent, applies=False)
    return parent


def _initial(given: dict[str, Value]) -> dict[str, Value]:
    unknown = given.keys() - AT_CREATE.keys()
    if unknown:
        raise RejectedError(
            f"a key is not made with {', '.join(sorted(unknown))}",
            why="Each has an operation of its own, or is not the HSM's to keep.",
            operation="create_key",
        )
    initial = AT_CREATE | {
        name: accepted(name, value) for name, value in given.items() if value is not None
    }
    states = {KeyState.ACTIVE, KeyState.PRE_ACTIVATION, *TRANSITIONS[KeyState.ACTIVE]}
    if initial["state"] not in {state.value for state in states}:
        raise RejectedError(f"a key is not made {initial['state']}", operation="create_key")
    return initial
