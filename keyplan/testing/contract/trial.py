"""A provider on trial: makes keys there, performs operations, and looks at the result.

Rules: a trial asks only for what the manifest offers; every key it makes has a mark of
its own; before it looks it lets the declared read lag pass.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from keyplan.model.address import Address
from keyplan.model.keys import KeyState, Relation, Usage
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.operations import (
    ChangeState,
    CreateKey,
    RemoteOperation,
    ReplicateKey,
    ScheduleDeletion,
)
from keyplan.model.timing import format_duration
from keyplan.model.values import Value
from keyplan.sdk.capabilities import Capabilities, Mutability, Reading
from keyplan.sdk.provider import Bindings, Outcome, Plugin, Provider
from keyplan.testing.contract.samples import Samples

_QUICK = (
    "aes-256", "aes-128", "hmac-sha256", "hmac-sha384", "hmac-sha512", "ed25519", "ec-p256",
    "ec-p384", "ec-p521", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87", "ec-secp256k1", "rsa-2048",
    "rsa-3072", "rsa-4096", "hmac-sha224", "sm2", "ml-kem-512", "ml-kem-768", "ml-kem-1024",
)  # fmt: skip
"""Algorithms in the order in which a trial prefers them: quick to make first."""


class NotOffered(Exception):  # noqa: N818  (a signal of this kit, not an error)
    """The manifest does not offer what a scenario needs; the scenario has nothing to prove."""


@dataclass(frozen=True, slots=True)
class Made:
    """A key that a trial made."""

    address: Address
    id: str
    owner: OwnerMark
    usage: Usage
    relation: Relation | None = None


@dataclass(slots=True)
class Trial:
    """One provider on trial. `settle` lets the read lag pass.

    `elsewhere` is a connection to another place of the service, which can hold replicas.
    """

    plugin: Plugin
    provider: Provider
    settle: Callable[[], None]
    samples: Samples
    stack: str = field(default_factory=lambda: f"contract-{uuid.uuid4().hex[:12]}")
    made: dict[Address, Made] = field(default_factory=dict)
    elsewhere: Provider | None = None

    @property
    def capabilities(self) -> Capabilities:
        """The manifest."""
        return self.plugin.capabilities()

    def performs(self, *operations: str) -> bool:
        """Whether the manifest names all of them."""
        return self.capabilities.operations.issuperset(operations)

    def require(self, *operations: str) -> None:
        """Raise `NotOffered` unless the manifest names all of them."""
        if not self.performs(*operations):
            raise NotOffered(", ".join(operations))

    def observed(self, attribute: str, *, mutable: bool = True) -> bool:
        """Whether an attribute is read back (and can be changed both ways)."""
        facts = self.capabilities.attributes.get(attribute)
        if facts is None or facts.reading is not Reading.OBSERVED:
            return False
        return not mutable or facts.mutability is Mutability.MUTABLE

    # -- making keys -----------------------------------------------------------------

    def mark(self) -> OwnerMark:
        """A mark that nothing has yet."""
        return OwnerMark(self.stack, uuid.uuid4().hex)

    def algorithm_for(self, usage: Usage) -> str:
        """The quickest algorithm that the manifest offers for a usage."""
        offered = self.capabilities.algorithms
        for name in _QUICK:
            if usage in offered.get(name, frozenset()):
                return name
        raise NotOffered(f"a key for {usage}")

    def any_usage(self) -> Usage:
        """A usage that the manifest offers, encryption if it can be."""
        for usage in Usage:
            if any(usage in usages for usages in self.capabilities.algorithms.values()):
                return usage
        raise NotOffered("a usage")

    def creation(
        self,
        *,
        usage: Usage | None = None,
        algorithm: str | None = None,
        parent: Made | None = None,
        relation: Relation | None = None,
        attributes: Mapping[str, Value] | None = None,
        settings: Mapping[str, Value] | None = None,
    ) -> CreateKey:
        """A create with a fresh mark and a fresh address, not yet performed."""
        self.require("create_key")
        usage = usage or self.any_usage()
        return CreateKey(
            target=Address.of("key", "trial", uuid.uuid4().hex[:10]),
            owner=self.mark(),
            usage=usage.value,
            algorithm=algorithm or self.algorithm_for(usage),
            parent=parent.address if parent else None,
            relation=relation.value if relation else None,
            attributes=dict(attributes or {}),
            settings=dict(settings or {}),
        )

    def create(
        self,
        *,
        usage: Usage | None = None,
        parent: Made | None = None,
        relation: Relation | None = None,
        attributes: Mapping[str, Value] | None = None,
    ) -> Made:
        """A new key, active."""
        operation = self.creation(
            usage=usage, parent=parent, relation=relation, attributes=attributes
        )
        return self.perform_creation(operation)

    def perform_creation(self, operation: CreateKey) -> Made:
        """Perform a create and remember the key."""
        outcome = self.perform(operation)
        made = Made(
            operation.target,
            outcome.id,
            operation.owner,
            Usage(operation.usage),
            Relation(operation.relation) if operation.relation else None,
        )
        self.made[made.address] = made
        return made

    def create_elsewhere(self) -> Made:
        """A key of several places whose primary is elsewhere, as bindings name it here."""
        self.require("replicate_key")
        if self.elsewhere is None:
            raise NotOffered("another place")
        operation = self.creation(attributes={"multi_region": True})
        outcome = self.elsewhere.execute(operation, self.bindings(), deadline=60.0)
        return self._known_elsewhere(operation.target, outcome.id, operation.owner)

    def replicate_elsewhere(self, made: Made) -> Made:
        """A replica of a key, in the other place."""
        self.require("replicate_key")
        if self.elsewhere is None:
            raise NotOffered("another place")
        operation = ReplicateKey(made.address.replica("there"), made.address, self.mark(), {})
        name = str(self.look(made).attributes.get("arn", made.id))
        outcome = self.elsewhere.execute(operation, {made.address: name}, deadline=60.0)
        return self._known_elsewhere(operation.target, outcome.id, operation.owner)

    def _known_elsewhere(self, address: Address, key_id: str, owner: OwnerMark) -> Made:
        assert self.elsewhere is not None
        self.settle()
        name = self.elsewhere.read([key_id])[key_id].attributes.get("arn", key_id)
        made = Made(address, str(name), owner, self.any_usage())
        self.made[address] = made
        return made

    def suspended(self) -> Made:
        """A new key that was suspended."""
        self.require("change_state")
        made = self.create()
        self.perform(ChangeState(made.address, KeyState.ACTIVE, KeyState.SUSPENDED))
        return made

    def pending(self) -> Made:
        """A new key that is pending deletion."""
        self.require("schedule_deletion")
        made = self.suspended()
        self.perform(ScheduleDeletion(made.address, self.window()))
        return made

    def window(self) -> str:
        """A deletion window within the manifest's limits, of at least an hour if possible."""
        window = max(self.capabilities.min_window, timedelta(hours=1))
        if self.capabilities.max_window is not None:
            window = min(window, self.capabilities.max_window)
        return format_duration(window)

    # -- doing and looking -----------------------------------------------------------

    def bindings(self) -> Bindings:
        """The ids of every key made so far."""
        return {address: made.id for address, made in self.made.items()}

    def perform(self, operation: RemoteOperation, *, expects: str | None = None) -> Outcome:
        """Perform one operation with the ids of every key made so far."""
        return self.provider.execute(operation, self.bindings(), expects=expects, deadline=60.0)

    def look(self, made: Made) -> Observation:
        """The key as it is read back."""
        found = self.look_at([made.id])
        assert made.id in found, f"read() leaves out {made.id}, which exists"
        return found[made.id]

    def look_at(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        """A batched read once the read lag has passed."""
        self.settle()
        return self.provider.read(ids)

    def all_pages(self) -> list[Observation]:
        """Everything that `scan` lists."""
        self.settle()
        found: list[Observation] = []
        cursor: str | None = None
        while True:
            page = self.provider.scan(cursor)
            found.extend(page.observations)
            if page.cursor is None:
                return found
            assert page.cursor != cursor, "scan() returns the cursor it was given: it never ends"
            cursor = page.cursor
