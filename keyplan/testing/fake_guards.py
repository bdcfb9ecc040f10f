"""What must be true before the fake does anything: targets, parents, children, fingerprints.

Rules: a guard raises `keyplan.errors` and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.errors import ConflictError, NotFoundError
from keyplan.model.address import Address
from keyplan.model.hierarchy import PARENT_USAGE
from keyplan.model.keys import Relation
from keyplan.model.operations import CancelDeletion, RemoteOperation
from keyplan.sdk.capabilities import Capabilities
from keyplan.sdk.provider import Bindings
from keyplan.testing.fake_changes import refuse
from keyplan.testing.fake_service import FakeKey, FakeService


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of one call: the world, what it offers, and what the caller said."""

    service: FakeService
    capabilities: Capabilities
    bindings: Bindings
    expects: str | None
    hidden: frozenset[str]

    def bound(self, address: Address) -> FakeKey:
        """The key that the bindings name for an address; there must be one."""
        key_id = self.bindings.get(address)
        if key_id is None:
            refuse(address, "no id is bound to it")
        key = self.service.get(key_id)
        if key is None:
            raise NotFoundError("there is no such key", target=key_id)
        return key

    def elsewhere(self, address: Address) -> FakeKey:
        """The key that the bindings name for an address, in whatever place it is."""
        name = self.bindings.get(address)
        if name is None:
            refuse(address, "no id is bound to it")
        key = self.service.resolve(name)[1]
        if key is None:
            raise NotFoundError("there is no such key", target=name)
        return key

    def check_primary(self, key: FakeKey) -> None:
        """Refuse to replicate what is no working primary."""
        if not key.arn:
            refuse(key.id, "a key of one region cannot be replicated")
        if key.attributes["primary"] != key.arn:
            refuse(key.id, "it is a replica itself", "Replicate the primary.")
        if not key.state.may_apply or key.deletion_at is not None:
            refuse(key.id, f"it is {key.state.value} and cannot be replicated")

    def check_alone(self, key: FakeKey) -> None:
        """Refuse to destroy a primary that has replicas."""
        family = self.service.family(key) if key.attributes["primary"] == key.arn else []
        if family:
            refuse(key.id, f"it has the replica {family[0][1].arn}", "Its replicas go first.")

    def check(self, key: FakeKey, operation: RemoteOperation) -> None:
        """Guards of everything that changes an existing key."""
        if key.deletion_at is not None and not isinstance(operation, CancelDeletion):
            refuse(key.id, "it is pending deletion", "Cancel the deletion first.")
        self.check_fingerprint(key)

    def check_fingerprint(self, key: FakeKey) -> None:
        """Raise `ConflictError` if the key is not what the caller expects."""
        if self.expects and self.expects != key.observation(self.hidden).fingerprint:
            raise ConflictError("it changed since it was read", target=key.id, advice="Plan again.")

    def usable_parent(self, address: Address | None, relation: Relation | None) -> FakeKey | None:
        """The parent that protects the material; `None` if the relation protects none."""
        if address is None or relation is None or not relation.protects_material:
            return None
        parent = self.bound(address)
        if parent.usage != PARENT_USAGE[relation]:
            refuse(parent.id, f"a key for {parent.usage} cannot be a parent that {relation}")
        if not parent.state.may_apply or parent.deletion_at is not None:
            refuse(parent.id, f"it is {parent.state.value} and cannot protect another key")
        return parent

    def check_childless(self, key: FakeKey) -> None:
        """Refuse to destroy what still protects another key."""
        children = [
            child.id
            for child in self.service.current()
            if child.parent == key.id and child.deletion_at is None
        ]
        if children:
            refuse(key.id, f"it still protects {children[0]}", "Retire its children first.")
