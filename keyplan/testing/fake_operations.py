"""What each operation does to the fake's world, as strictly as the vocabulary reads.

Rules: an operation that is done already changes nothing and succeeds, whatever was
expected; after that a fingerprint that does not fit is a conflict; transitions are those
of `keyplan.model.keys.TRANSITIONS`; a key pending deletion takes nothing but the way
back; a parent goes after its children, a primary after its replicas. A refusal leaves
the world as it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import assert_never

from keyplan.errors import ConflictError, NotFoundError
from keyplan.model.address import Address
from keyplan.model.keys import TRANSITIONS, KeyState, Relation
from keyplan.model.observations import KeyVersion
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
from keyplan.model.timing import parse_duration
from keyplan.model.values import Value
from keyplan.sdk.capabilities import Finding, Mutability, Reading
from keyplan.testing.fake_canonical import canonical_value
from keyplan.testing.fake_changes import (
    activated,
    cancelled,
    documented,
    granted,
    mapping,
    moved,
    refuse,
    revoked,
    version_moved,
    version_of,
)
from keyplan.testing.fake_guards import Guards
from keyplan.testing.fake_service import UNSET, FakeKey

SETTABLE = frozenset({"description", "rotation", "expires_at", "exportable"})
"""What `SetAttribute` takes; every other attribute has an operation of its own."""


@dataclass(frozen=True, slots=True)
class Performer(Guards):
    """Performs operations on a service. Call it with the service's lock held."""

    def perform(self, operation: RemoteOperation) -> FakeKey | str:
        """The key afterwards, or the id of the one that is destroyed."""
        match operation:
            case CreateKey():
                return self._create(operation)
            case ReplicateKey():
                return self._replicate(operation)
            case DestroyKey(target):
                return self._destroy(target)
            case MoveAlias():
                return self._move_alias(operation)
            case _:
                key = self.bound(operation.target)
                changed = self._changed(key, operation)
                if changed == key:
                    return key
                self.check(key, operation)
                self.service.put(changed)
                return changed

    # -- existence -------------------------------------------------------------------

    def _create(self, operation: CreateKey) -> FakeKey:
        done = self.service.with_token(operation.owner.token)
        if done is not None:
            return done
        usages = self.capabilities.algorithms.get(operation.algorithm, frozenset())
        if operation.usage not in usages:
            refuse(operation.target, f"{operation.algorithm} keys cannot {operation.usage}")
        relation = Relation(operation.relation) if operation.relation else None
        parent = self.usable_parent(operation.parent, relation)
        key_id = self._new_id(operation.target)
        attributes = {**UNSET, **self._accepted(operation.target, operation.attributes)}
        arn = self.service.arn_of(key_id) if attributes["multi_region"] else ""
        key = FakeKey(
            id=key_id,
            usage=operation.usage,
            algorithm=operation.algorithm,
            attributes={**attributes, "primary": arn or None},
            owner=operation.owner,
            parent=parent.id if parent else None,
            relation=relation.value if relation else None,
            versions=(self._version(1),),
            material=arn,
            arn=arn,
        )
        self.service.put(key)
        return key

    def _new_id(self, target: Address) -> str:
        if self.capabilities.finding is not Finding.NAMED:
            return self.service.next_id()
        name = "key-" + re.sub(r"[^a-z0-9_]+", "-", str(target)).strip("-")
        if self.service.get(name) is not None:
            raise ConflictError("a key of that name exists already", target=name)
        return name

    def _accepted(self, target: Address, attributes: dict[str, Value]) -> dict[str, Value]:
        for name in attributes:
            facts = self.capabilities.attributes.get(name)
            if facts is None or not facts.at_create or facts.reading is not Reading.OBSERVED:
                refuse(target, f"{name} cannot be given when a key is made")
        return {name: canonical_value(name, value) for name, value in attributes.items()}

    def _replicate(self, operation: ReplicateKey) -> FakeKey:
        done = self.service.with_token(operation.owner.token)
        if done is not None:
            return done
        primary = self.elsewhere(operation.primary)
        self.check_primary(primary)
        key_id = self._new_id(operation.target)
        if any(other.material == primary.material for other in self.service.current()):
            refuse(operation.target, "this place has a replica of that key already")
        replica = replace(
            primary,
            id=key_id,
            arn=self.service.arn_of(key_id),
            parent=None,
            relation=None,
            owner=operation.owner,
            aliases=(),
            attributes={
                **primary.attributes,
                **{name: UNSET[name] for name in ("labels", "grants", "policy", "description")},
                **self._accepted(operation.target, operation.attributes),
            },
        )
        self.service.put(replica)
        return replica

    def _primary(self, key: FakeKey, after: Address) -> FakeKey:
        """The key with another primary, which must be one of its replicas."""
        wanted = self.elsewhere(after)
        if key.attributes["primary"] == wanted.arn:
            return key
        if wanted.material != key.material or not key.material:
            refuse(key.id, f"{wanted.id} is no replica of it")
        now = self.service.resolve(str(key.attributes["primary"]))[1]
        for member in (now, wanted):
            if member is None or not member.state.may_apply or member.deletion_at is not None:
                refuse(key.id, "the primary moves only between keys that work")
        return key.having("primary", wanted.arn)

    def _destroy(self, target: Address) -> str:
        key_id = self.bindings.get(target)
        if key_id is None:
            refuse(target, "no id is bound to it")
        key = self.service.get(key_id)
        if key is None:
            if self.service.existed(key_id):
                return key_id
            raise NotFoundError("there is no such key", target=key_id)
        if KeyState.DESTROYED not in TRANSITIONS[key.state]:
            refuse(key_id, f"it is {key.state.value}", "Suspend it first.")
        self.check_childless(key)
        self.check_alone(key)
        self.check_fingerprint(key)
        self.service.remove(key_id)
        return key_id

    # -- changes of one key ----------------------------------------------------------

    def _changed(self, key: FakeKey, operation: RemoteOperation) -> FakeKey:  # noqa: C901, PLR0911  (one arm per member)
        match operation:
            case ScheduleDeletion(window=window):
                return self._scheduled(key, window)
            case CancelDeletion():
                return cancelled(key)
            case SetOwner(before=before, after=after):
                if key.owner not in (before, after):
                    raise ConflictError("it belongs to another stack", target=key.id)
                return replace(key, owner=after)
            case ChangeState(before=before, after=after):
                return moved(key, before, after)
            case SetAttribute(attribute=attribute, after=after):
                return self._set(key, attribute, after)
            case PutLabels(put=put, remove=remove):
                labels = {**mapping(key, "labels"), **put}
                kept = {name: text for name, text in labels.items() if name not in remove}
                return key.having("labels", kept)
            case RewrapKey(after=after):
                parent = self.usable_parent(after, Relation.WRAPS)
                relation = Relation.WRAPS.value if parent else None
                return replace(key, parent=parent.id if parent else None, relation=relation)
            case IssueCertificate(parent=parent_address, profile=profile, version=version):
                self.usable_parent(parent_address, Relation.SIGNS)
                issued: Value = {**profile, "version": version}
                return key.having("certificate", issued)
            case PutPolicy(after=after):
                return key.having("policy", canonical_value("policy", after))
            case CreateGrant(grant=grant, terms=terms):
                by_terms = self.capabilities.grants_by_terms
                return granted(key, grant, terms, by_terms=by_terms)
            case RevokeGrant(grant=grant, terms=terms):
                by_terms = self.capabilities.grants_by_terms
                return revoked(key, grant, terms, by_terms=by_terms)
            case CreateAlias(alias=alias) | DeleteAlias(alias=alias):
                return self._named(key, operation, alias)
            case RotateKey() | ActivateVersion() | RetireVersion() | AcceptVersion():
                return self._versioned(key, operation)
            case DestroyVersion(version=number):
                return version_moved(key, number, KeyState.DESTROYED)
            case ChangePrimary(after=after):
                return self._primary(key, after)
            case PutDocument(kind=kind, document=document, after=after):
                return documented(key, f"{kind}/{document}", after)
            case CreateKey() | ReplicateKey() | DestroyKey() | MoveAlias():
                raise AssertionError("not a change of one existing key")
            case _:
                assert_never(operation)

    def _scheduled(self, key: FakeKey, window: str) -> FakeKey:
        if key.deletion_at is not None:
            return key
        length = parse_duration(window)
        longest = self.capabilities.max_window
        if length < self.capabilities.min_window or (longest is not None and length > longest):
            refuse(key.id, f"a window of {window} is not offered here")
        if KeyState.DESTROYED not in TRANSITIONS[key.state]:
            refuse(key.id, f"it is {key.state.value}", "Suspend it first.")
        self.check_childless(key)
        self.check_alone(key)
        return replace(key, deletion_at=self.service.clock.now() + length)

    def _set(self, key: FakeKey, attribute: str, after: Value) -> FakeKey:
        facts = self.capabilities.attributes.get(attribute)
        settable = attribute in SETTABLE and facts is not None
        if not settable or facts is None or facts.reading is not Reading.OBSERVED:
            refuse(key.id, f"{attribute} cannot be set")
        wanted = canonical_value(attribute, UNSET[attribute] if after is None else after)
        current = key.attributes[attribute]
        if wanted != current:
            if facts.mutability is Mutability.IMMUTABLE:
                refuse(key.id, f"{attribute} never changes once a key exists")
            if facts.mutability is Mutability.ONE_WAY and current != UNSET[attribute]:
                refuse(key.id, f"{attribute} cannot be taken back")
        return key.having(attribute, wanted)

    def _named(self, key: FakeKey, operation: CreateAlias | DeleteAlias, alias: str) -> FakeKey:
        owner = self.service.alias_owner(alias)
        if owner not in (None, key.id):
            raise ConflictError(f"the alias {alias} points to {owner}", target=key.id)
        names = set(key.aliases) - {alias}
        if isinstance(operation, CreateAlias):
            names.add(alias)
        return replace(key, aliases=tuple(sorted(names)))

    def _move_alias(self, operation: MoveAlias) -> FakeKey:
        target, source = self.bound(operation.target), self.bound(operation.source)
        owner = self.service.alias_owner(operation.alias)
        if owner == target.id:
            return target
        if owner != source.id:
            raise ConflictError(
                f"the alias {operation.alias} is not on the source", target=target.id
            )
        self.check(target, operation)
        moved = replace(target, aliases=tuple(sorted({*target.aliases, operation.alias})))
        rest = tuple(name for name in source.aliases if name != operation.alias)
        self.service.put(replace(source, aliases=rest), moved)
        return moved

    # -- versions --------------------------------------------------------------------

    def _version(self, number: int) -> KeyVersion:
        return KeyVersion(number, self.service.clock.now(), KeyState.ACTIVE)

    def _versioned(
        self, key: FakeKey, operation: RotateKey | ActivateVersion | RetireVersion | AcceptVersion
    ) -> FakeKey:
        match operation:
            case RotateKey(version=number):
                return self._rotated(key, number)
            case ActivateVersion(before=before, after=after):
                return activated(key, before, after)
            case RetireVersion(version=number):
                return version_moved(key, number, KeyState.SUSPENDED)
            case AcceptVersion(version=number):
                if version_of(key, number).state is KeyState.SUSPENDED:
                    return version_moved(key, number, KeyState.DEACTIVATED)
                return key

    def _rotated(self, key: FakeKey, number: int) -> FakeKey:
        latest = max(version.number for version in key.versions)
        if number <= latest:
            return key
        if number != latest + 1 or not key.state.may_apply:
            refuse(key.id, f"version {number} cannot be made of a key that is {key.state.value}")
        grown = replace(key, versions=(*key.versions, self._version(number)))
        return activated(grown, key.current, number)
