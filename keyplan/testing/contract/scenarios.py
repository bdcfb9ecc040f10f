"""For each operation, a situation in which it has something to do.

Rules: a scenario prepares with operations that the manifest offers and raises
`NotOffered` where it cannot; what it returns has not been performed yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyplan.model.keys import KeyState, Relation, Usage
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    AcceptVersion,
    ActivateVersion,
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateAlias,
    CreateGrant,
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
from keyplan.model.policies import USE
from keyplan.model.values import Value
from keyplan.testing.contract.trial import Made, NotOffered, Trial


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation that is about to be performed, and the keys it touches (none: a create)."""

    operation: RemoteOperation
    touched: tuple[Made, ...]


def _create(trial: Trial) -> Scenario:
    return Scenario(trial.creation(), ())


def _schedule(trial: Trial) -> Scenario:
    made = trial.suspended()
    return Scenario(ScheduleDeletion(made.address, trial.window()), (made,))


def _cancel(trial: Trial) -> Scenario:
    made = trial.pending()
    return Scenario(CancelDeletion(made.address, trial.window()), (made,))


def _destroy(trial: Trial) -> Scenario:
    made = trial.suspended()
    return Scenario(DestroyKey(made.address), (made,))


def _owner(trial: Trial) -> Scenario:
    made = trial.create()
    return Scenario(SetOwner(made.address, made.owner, trial.mark()), (made,))


def _state(trial: Trial) -> Scenario:
    made = trial.create()
    return Scenario(ChangeState(made.address, KeyState.ACTIVE, KeyState.SUSPENDED), (made,))


def settable(trial: Trial) -> list[str]:
    """The attributes with samples that the manifest lets be changed back and forth."""
    return [name for name in trial.samples.attributes if trial.observed(name)]


def _attribute(trial: Trial) -> Scenario:
    names = settable(trial)
    if not names:
        raise NotOffered("an attribute to set")
    made = trial.create()
    return set_attribute(trial, made, names[0])


def set_attribute(trial: Trial, made: Made, name: str) -> Scenario:
    """Set one attribute of a key to a sample that it does not have yet."""
    before = trial.look(made).attributes.get(name)
    wanted = [
        trial.plugin.canonical({name: value})[name] for value in trial.samples.attributes[name]
    ]
    after = next(value for value in wanted if value != before)
    return Scenario(SetAttribute(made.address, name, before, after), (made,))


def _labels(trial: Trial) -> Scenario:
    made = trial.create()
    first, second = list(trial.samples.labels)[:2]
    start: dict[str, Value] = {first: "before"}
    trial.perform(PutLabels(made.address, start, [], {}))
    put: dict[str, Value] = {second: trial.samples.labels[second]}
    return Scenario(PutLabels(made.address, put, [first], start), (made,))


def _rewrap(trial: Trial) -> Scenario:
    if Relation.WRAPS not in trial.capabilities.relations:
        raise NotOffered("wrapping")
    old, new = trial.create(usage=Usage.WRAP), trial.create(usage=Usage.WRAP)
    child = trial.create(parent=old, relation=Relation.WRAPS)
    return Scenario(RewrapKey(child.address, old.address, new.address), (child,))


def _certificate(trial: Trial) -> Scenario:
    if Relation.SIGNS not in trial.capabilities.relations:
        raise NotOffered("signing")
    issuer = trial.create(usage=Usage.SIGN)
    child = trial.create(usage=Usage.SIGN, parent=issuer, relation=Relation.SIGNS)
    profile = dict(trial.samples.certificate)
    return Scenario(IssueCertificate(child.address, issuer.address, profile, 1), (child,))


def policies(trial: Trial, made: Made) -> tuple[Value, Value]:
    """Two different native policies for a key, the second one wider."""
    key = trial.samples.desired(trial.plugin, made.usage, trial.algorithm_for(made.usage))
    narrow, wide = (
        trial.plugin.compile_policy(trial.samples.policy(trial.plugin.name, wider=wider), key)
        for wider in (False, True)
    )
    return narrow, wide


def _policy(trial: Trial) -> Scenario:
    made = trial.create()
    narrow, wide = policies(trial, made)
    trial.perform(PutPolicy(made.address, trial.look(made).attributes.get("policy"), narrow))
    return Scenario(PutPolicy(made.address, narrow, wide), (made,))


def terms(trial: Trial, made: Made) -> dict[str, Value]:
    """Terms of a grant that fits the key."""
    return trial.samples.grant(USE[made.usage])


def _grant(trial: Trial) -> Scenario:
    made = trial.create()
    return Scenario(CreateGrant(made.address, "batch", terms(trial, made)), (made,))


def _revoke(trial: Trial) -> Scenario:
    trial.require("create_grant")
    made = trial.create()
    given = terms(trial, made)
    trial.perform(CreateGrant(made.address, "batch", given))
    return Scenario(RevokeGrant(made.address, "batch", given), (made,))


def fresh_alias(trial: Trial) -> str:
    """An alias that nothing has yet."""
    return f"{trial.samples.alias}-{trial.mark().token[:10]}"


def _alias(trial: Trial) -> Scenario:
    made = trial.create()
    return Scenario(CreateAlias(made.address, fresh_alias(trial)), (made,))


def _delete_alias(trial: Trial) -> Scenario:
    trial.require("create_alias")
    made, alias = trial.create(), fresh_alias(trial)
    trial.perform(CreateAlias(made.address, alias))
    return Scenario(DeleteAlias(made.address, alias), (made,))


def _move_alias(trial: Trial) -> Scenario:
    trial.require("create_alias")
    source, target, alias = trial.create(), trial.create(), fresh_alias(trial)
    trial.perform(CreateAlias(source.address, alias))
    return Scenario(MoveAlias(target.address, alias, source.address), (target, source))


def _rotate(trial: Trial) -> Scenario:
    made = trial.create()
    version = max(trial.look(made).latest_version, 1) + 1
    return Scenario(RotateKey(made.address, version), (made,))


def rotated(trial: Trial) -> tuple[Made, int]:
    """A key with an older version beside the one in use, and the number of the newer one."""
    trial.require("rotate_key")
    made = trial.create()
    version = max(trial.look(made).latest_version, 1) + 1
    trial.perform(RotateKey(made.address, version))
    return made, version


def _activate(trial: Trial) -> Scenario:
    made, version = rotated(trial)
    return Scenario(ActivateVersion(made.address, version, version - 1), (made,))


def _retire(trial: Trial) -> Scenario:
    made, version = rotated(trial)
    return Scenario(RetireVersion(made.address, version - 1), (made,))


def _accept(trial: Trial) -> Scenario:
    trial.require("retire_version")
    made, version = rotated(trial)
    trial.perform(RetireVersion(made.address, version - 1))
    return Scenario(AcceptVersion(made.address, version - 1), (made,))


def _destroy_version(trial: Trial) -> Scenario:
    made, version = rotated(trial)
    if trial.performs("retire_version"):
        trial.perform(RetireVersion(made.address, version - 1))
    return Scenario(DestroyVersion(made.address, version - 1), (made,))


def _replicate(trial: Trial) -> Scenario:
    made = trial.create_elsewhere()
    spare = trial.creation()
    owner: OwnerMark = spare.owner
    return Scenario(ReplicateKey(spare.target, made.address, owner, {}), ())


def _primary(trial: Trial) -> Scenario:
    trial.require("replicate_key")
    made = trial.create(attributes={"multi_region": True})
    there = trial.replicate_elsewhere(made)
    return Scenario(ChangePrimary(made.address, made.address, there.address), (made,))


def _document(trial: Trial) -> Scenario:
    if trial.samples.document is None:
        raise AssertionError(
            "put_document is offered: give the fixture `samples` a document to write"
        )
    kind, name, body = trial.samples.document
    made = trial.create()
    return Scenario(PutDocument(made.address, kind, name, None, body), (made,))


SCENARIOS: Mapping[str, Callable[[Trial], Scenario]] = MappingProxyType(
    {
        "create_key": _create,
        "schedule_deletion": _schedule,
        "cancel_deletion": _cancel,
        "destroy_key": _destroy,
        "set_owner": _owner,
        "change_state": _state,
        "set_attribute": _attribute,
        "put_labels": _labels,
        "rewrap_key": _rewrap,
        "issue_certificate": _certificate,
        "put_policy": _policy,
        "create_grant": _grant,
        "revoke_grant": _revoke,
        "create_alias": _alias,
        "move_alias": _move_alias,
        "delete_alias": _delete_alias,
        "rotate_key": _rotate,
        "activate_version": _activate,
        "retire_version": _retire,
        "accept_version": _accept,
        "destroy_version": _destroy_version,
        "replicate_key": _replicate,
        "change_primary": _primary,
        "put_document": _document,
    }
)
"""One scenario for each member of `RemoteOperation`, by name."""
