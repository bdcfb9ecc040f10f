"""What is wanted: one key, completely evaluated, with where each part was written.

Rules: `attributes` holds only what was declared, in canonical form. Omitted is not
managed (LANGUAGE.md §3); `None` as a value removes.

Canonical forms: durations as `format_duration`, instants as `format_instant`;
`labels` a map of text; `aliases` a sorted list; `rotation`
`{"every": "90d", "overlap"?: "14d", "keep"?: 3}` or `None`; `grants` a map of name to
`{"principal": [identity, ...], "operations": [...], "context": {...}, "expires_at"?: instant}`;
`deletion` `{"protection": bool, "soak": duration, "window": duration}` (all three);
`scope` the whole scope, inherited parts included; `parent` the parent's address;
`certificate` `{"subject": ..., "valid": duration, "usages": [...]}`;
`policy` the provider's own document, put there once it is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from keyplan.diagnostics import Position
from keyplan.model.address import Address
from keyplan.model.keys import ALGORITHMS, Algorithm, Relation, Tier, Usage
from keyplan.model.policies import EffectivePolicy, Unenforced
from keyplan.model.values import Value


class Manage(StrEnum):
    """How much of a key keyplan may touch."""

    FULL = "full"
    OBSERVE = "observe"


class OnDrift(StrEnum):
    """What a plan does about drift of a declared attribute."""

    REVERT = "revert"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How keyplan treats a key."""

    manage: Manage = Manage.FULL
    ignore_changes: frozenset[str] = frozenset()
    on_drift: OnDrift = OnDrift.REVERT


@dataclass(frozen=True, slots=True)
class DesiredKey:
    """One declared key.

    `provider` is an instance (`hsm`, `aws.dr`). `policy` is the merged neutral policy;
    `None` means that policies are not declared, and `keep_policy` that the live one
    stays byte for byte. `settings` is the provider's own block, validated by its model.
    `positions` maps an attribute (and `""` for the key itself) to where it stands;
    `snippets` has the source line of each.
    """

    address: Address
    provider: str
    tier: Tier
    usage: Usage | None
    algorithm: str | None
    parent: Address | None = None
    relation: Relation | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)
    policy: EffectivePolicy | None = None
    keep_policy: bool = False
    lifecycle: Lifecycle = Lifecycle()
    depends_on: tuple[Address, ...] = ()
    unenforced: tuple[Unenforced, ...] = ()
    settings: Mapping[str, Value] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)
    snippets: Mapping[str, str] = field(default_factory=dict)

    @property
    def provider_type(self) -> str:
        """`aws` for the instance `aws.dr`."""
        return self.provider.partition(".")[0]

    @property
    def replica_of(self) -> Address | None:
        """The key that this is a replica of; `None` for a key."""
        return self.address.replica_of

    @property
    def algorithm_facts(self) -> Algorithm | None:
        """Strength and family; `None` for an observed key that names no algorithm."""
        return ALGORITHMS.get(self.algorithm or "")

    def position(self, attribute: str = "") -> Position | None:
        """Where an attribute was written, or the key itself."""
        return self.positions.get(attribute) or self.positions.get("")

    def snippet(self, attribute: str = "") -> str:
        """The source line of `position`."""
        return self.snippets.get(attribute) or self.snippets.get("", "")

    def with_attributes(self, attributes: Mapping[str, Value]) -> DesiredKey:
        """The same key with other attributes."""
        return replace(self, attributes=attributes)


class RemovedMode(StrEnum):
    """What becomes of a key whose declaration was removed on purpose."""

    FORGET = "forget"
    SUSPEND = "suspend"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Moved:
    """One `moved` entry: a key of the state that has another address from now on."""

    source: Address
    target: Address
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """One `import` entry: the provider's id of an existing key that `target` declares."""

    target: Address
    id: str
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """One `removed` entry. `pattern` is an address; `*` in an index matches any."""

    pattern: str
    mode: RemovedMode
    position: Position | None = None
