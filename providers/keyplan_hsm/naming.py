"""What is attached to a key: owner, attributes, labels, policy, grants, names, parent.

Each handler returns the record afterwards, unchanged if its operation was done already.

Rules: an alias names one key; a mark is taken over only from whom the operation expects;
`exportable` is never taken back, because what left may still be there.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.errors import ConflictError, RejectedError
from keyplan.model.keys import Relation
from keyplan.model.operations import (
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    IssueCertificate,
    MoveAlias,
    PutLabels,
    PutPolicy,
    RevokeGrant,
    RewrapKey,
    SetAttribute,
    SetOwner,
)
from keyplan.model.values import Value
from keyplan_hsm.attributes import SETTABLE, accepted, accepted_grant
from keyplan_hsm.certificates import Profile, certified_profile, issue
from keyplan_hsm.creation import require_parent
from keyplan_hsm.device import Session
from keyplan_hsm.records import KeyRecord


def set_owner(session: Session, key: KeyRecord, operation: SetOwner) -> KeyRecord:
    """Put a mark on the key, move it or take it off. Raises `ConflictError` over another's mark."""
    if key.owner == operation.after:
        return key
    if key.owner != operation.before:
        raise ConflictError(
            "another stack has marked this key as its own",
            target=key.id,
            advice="Let that stack forget the key first.",
            operation=operation.name,
        )
    if operation.after is not None:
        other = session.rows.key_by_token(operation.after.token)
        if other is not None and other.id != key.id:
            raise ConflictError(
                "the operation token is another key's", target=other.id, operation=operation.name
            )
    return replace(key, owner=operation.after)


def set_attribute(key: KeyRecord, operation: SetAttribute) -> KeyRecord:
    """Set description, rotation, expiry or exportability."""
    name = operation.attribute
    if name not in SETTABLE:
        raise RejectedError(
            f"{name} cannot be set on a key that exists",
            target=key.id,
            why="It is fixed when the key is made, or has an operation of its own.",
            operation=operation.name,
        )
    value = False if name == "exportable" and operation.after is None else operation.after
    value = accepted(name, value)
    if name == "exportable" and key.attributes[name] is True and value is not True:
        raise RejectedError(
            "an exportable key cannot be made unexportable again",
            target=key.id,
            why="Its material may have left, wrapped, and nothing calls it back.",
            advice="Make a new key.",
            operation=operation.name,
        )
    return key.with_attributes(**{name: value})


def put_labels(key: KeyRecord, operation: PutLabels) -> KeyRecord:
    """Set some labels and remove some."""
    labels = _mapping(key, "labels") | _as_mapping(accepted("labels", operation.put))
    for name in operation.remove:
        labels.pop(name, None)
    return key.with_attributes(labels=labels)


def put_policy(key: KeyRecord, operation: PutPolicy) -> KeyRecord:
    """Replace the policy; `None` is the default."""
    return key.with_attributes(policy=accepted("policy", operation.after))


def create_grant(key: KeyRecord, operation: CreateGrant) -> KeyRecord:
    """Add a named grant. Raises `ConflictError` if the name has other terms."""
    grants, terms = _mapping(key, "grants"), accepted_grant(operation.grant, operation.terms)
    present = grants.get(operation.grant)
    if present is not None and present != terms:
        raise ConflictError(
            f"the key has a grant {operation.grant} with other terms",
            target=key.id,
            why="Grants are not changed: one is revoked and another given.",
            operation=operation.name,
        )
    return key.with_attributes(grants=grants | {operation.grant: terms})


def revoke_grant(key: KeyRecord, operation: RevokeGrant) -> KeyRecord:
    """Take a named grant away."""
    grants = _mapping(key, "grants")
    grants.pop(operation.grant, None)
    return key.with_attributes(grants=grants)


def create_alias(session: Session, key: KeyRecord, operation: CreateAlias) -> KeyRecord:
    """Give the key a free name. Raises `ConflictError` if it is another key's."""
    points_to = session.rows.alias(operation.alias)
    if points_to is not None and points_to != key.id:
        raise _taken(operation.alias, points_to, operation.name)
    session.rows.put_alias(operation.alias, key.id)
    return _with_alias(key, operation.alias)


def move_alias(session: Session, key: KeyRecord, operation: MoveAlias, source: str) -> KeyRecord:
    """Point a name at this key instead of `source`, in one step."""
    points_to = session.rows.alias(operation.alias)
    if points_to == key.id:
        return key
    former = session.rows.key(source)
    if points_to != source or former is None:
        raise _taken(operation.alias, points_to or "no key", operation.name)
    session.rows.update(_without_alias(former, operation.alias))
    session.rows.put_alias(operation.alias, key.id)
    return _with_alias(key, operation.alias)


def delete_alias(session: Session, key: KeyRecord, operation: DeleteAlias) -> KeyRecord:
    """Take a name off the key; a name that is another key's by now stays."""
    if session.rows.alias(operation.alias) == key.id:
        session.rows.delete_alias(operation.alias)
    return _without_alias(key, operation.alias)


def rewrap_key(
    session: Session, key: KeyRecord, operation: RewrapKey, parent_id: str | None
) -> KeyRecord:
    """Protect the key's material with another parent, or with the sealing key (`None`)."""
    if key.parent == parent_id:
        return key
    if key.relation in (Relation.DERIVES, Relation.SIGNS):
        raise RejectedError(
            f"a key that its parent {'derives' if key.needs_parent else 'signs'} is not rewrapped",
            target=key.id,
            why="Its material comes from that parent."
            if key.needs_parent
            else "Its material is not wrapped by the parent: a certificate is issued instead.",
            operation=operation.name,
        )
    if key.relation is Relation.GOVERNS:
        return key.with_attributes(parent=parent_id)
    if parent_id is None:
        moved = key.with_attributes(parent=None, relation=None)
    else:
        _refuse_cycle(session, key, require_parent(session, Relation.WRAPS, parent_id))
        moved = key.with_attributes(parent=parent_id, relation=Relation.WRAPS.value)
    session.vault.rewrap(session.rows, key, moved)
    return moved


def _refuse_cycle(session: Session, key: KeyRecord, parent: KeyRecord | None) -> None:
    while parent is not None:
        if parent.id == key.id:
            raise RejectedError("a key cannot be wrapped under its own descendant", target=key.id)
        parent = session.rows.key(parent.parent or "")


def issue_certificate(
    session: Session, key: KeyRecord, operation: IssueCertificate, parent_id: str
) -> KeyRecord:
    """Let the parent certify a version of the key; another parent than before takes its place."""
    if key.relation is not Relation.SIGNS:
        raise RejectedError(
            "only a key whose parent signs it is certified",
            target=key.id,
            advice="Declare `relation: signs`.",
            operation=operation.name,
        )
    parent = require_parent(session, Relation.SIGNS, parent_id)
    try:
        profile = Profile.parse(operation.profile)
    except ValueError as error:
        raise RejectedError(
            f"the certificate's profile cannot be used: {error}",
            target=key.id,
            operation=operation.name,
        ) from None
    issue(session, key, parent, operation.version, profile)
    certified = certified_profile(session.rows, key, key.current.number)
    return key.with_attributes(parent=parent_id, certificate=certified)


def _mapping(key: KeyRecord, attribute: str) -> dict[str, Value]:
    return _as_mapping(key.attributes[attribute])


def _as_mapping(value: Value) -> dict[str, Value]:
    return dict(value) if isinstance(value, dict) else {}


def _aliases(key: KeyRecord) -> set[str]:
    aliases = key.attributes["aliases"]
    return {str(alias) for alias in aliases} if isinstance(aliases, list) else set()


def _with_alias(key: KeyRecord, alias: str) -> KeyRecord:
    return key.with_attributes(aliases=[*sorted(_aliases(key) | {alias})])


def _without_alias(key: KeyRecord, alias: str) -> KeyRecord:
    return key.with_attributes(aliases=[*sorted(_aliases(key) - {alias})])


def _taken(alias: str, points_to: str, operation: str) -> ConflictError:
    return ConflictError(
        f"the alias {alias} points to {points_to}",
        target=alias,
        why="A name points to one key, and this is not the one that was expected.",
        advice="Plan again: somebody moved the alias.",
        operation=operation,
    )
