"""Neutral policies: who may do what with a key, before any provider's own form.

Rules (LANGUAGE.md §5): a deny always wins; policies merge as the union of their
allows, the union of their denies, and every constraint; order never matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from keyplan.model.address import Address
from keyplan.model.keys import Usage
from keyplan.model.principals import Principal
from keyplan.model.values import Value

USE: Mapping[Usage, frozenset[str]] = MappingProxyType(
    {
        Usage.ENCRYPT: frozenset({"encrypt", "decrypt", "reencrypt", "generate_data_key"}),
        Usage.SIGN: frozenset({"sign", "verify", "get_public_key"}),
        Usage.MAC: frozenset({"generate_mac", "verify_mac"}),
        Usage.AGREE: frozenset({"agree", "get_public_key"}),
        Usage.WRAP: frozenset({"wrap", "unwrap"}),
        Usage.DERIVE: frozenset({"derive"}),
        Usage.ENCAPSULATE: frozenset({"encapsulate", "decapsulate", "get_public_key"}),
    }
)
"""What the group `use` means for a key, by its usage."""

ADMINISTER = frozenset(
    {
        "rotate", "enable", "disable", "set_policy", "grant", "alias", "label",
        "import_material", "replicate", "schedule_deletion", "cancel_deletion", "describe",
    }
)  # fmt: skip
"""Everything that changes the key and nothing that uses it."""

AUDIT = frozenset({"describe", "get_public_key"})
"""Reading only."""

APPLYING = frozenset(
    {
        "encrypt", "reencrypt", "generate_data_key", "sign", "generate_mac", "wrap", "derive",
        "agree", "encapsulate",
    }
)  # fmt: skip
"""Operations that apply new protection: an active key only (SP 800-57 Part 1 section 7)."""

PROCESSING = frozenset({"decrypt", "verify", "verify_mac", "unwrap", "decapsulate", "export"})
"""Operations on what is protected already: an active or a deactivated key."""

OPERATIONS = frozenset.union(*USE.values()) | ADMINISTER | AUDIT | {"export"}
"""Every neutral operation."""

GROUPS = frozenset({"use", "administer", "audit"})


def possible(usage: Usage, *, public_key: bool = True) -> frozenset[str]:
    """Every operation that a key of that usage can have: its own use, and what is no use at all.

    To some services a wrapping key is one that encrypts, and they say so when they are asked.
    """
    own = USE[usage] | (USE[Usage.ENCRYPT] if usage is Usage.WRAP else frozenset())
    own |= {"get_public_key"} if public_key else frozenset()
    return (OPERATIONS - _USES) | own


_USES = frozenset.union(*USE.values())


def expand(operations: Iterable[str], usage: Usage) -> frozenset[str]:
    """Groups replaced by what they stand for on a key of that usage."""
    result: set[str] = set()
    for operation in operations:
        match operation:
            case "use":
                result |= USE[usage]
            case "administer":
                result |= ADMINISTER
            case "audit":
                result |= AUDIT
            case _:
                result.add(operation)
    return frozenset(result)


class Effect(StrEnum):
    """Whether a statement gives or takes; taking wins."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Unenforced:
    """An accepted gap: what a provider cannot honour, who accepted it, until when."""

    provider: str
    what: tuple[str, ...]
    then: str  # "skip" the statement, "drop" the condition
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """One rule of a policy.

    `principals` is `None` for any. `when` must hold and `unless` must not; both map a
    neutral condition (`context`, `source_ip`, ...) to its canonical value.
    `expires_at` ends the statement.
    """

    sid: str
    effect: Effect
    principals: tuple[Address, ...] | None
    operations: frozenset[str]
    when: Mapping[str, Value] = field(default_factory=dict)
    unless: Mapping[str, Value] = field(default_factory=dict)
    expires_at: datetime | None = None
    native: Mapping[str, Value] = field(default_factory=dict)
    unenforced: tuple[Unenforced, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a key must be to use a policy. `None` or empty: no limit."""

    algorithms: frozenset[str] = frozenset()
    min_strength: int | None = None
    usage: frozenset[str] = frozenset()
    protection: str | None = None
    max_rotation: timedelta | None = None
    max_ttl: timedelta | None = None
    regions: frozenset[str] = frozenset()
    exportable: bool | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One declared policy, already evaluated for one key where it speaks of `this`."""

    address: Address
    administrators: tuple[Address, ...] = ()
    statements: tuple[Statement, ...] = ()
    constraints: Constraints = Constraints()
    native: Mapping[str, Value] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)  # by provider type


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The policies of one key, merged. What a provider compiles to its own form.

    `principals` holds every principal that is named, by address. `native` and
    `settings` are by provider type.
    """

    sources: tuple[Address, ...]
    administrators: tuple[Address, ...]
    statements: tuple[Statement, ...]
    principals: Mapping[Address, Principal]
    native: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


def merge(policies: Iterable[Policy], principals: Mapping[Address, Principal]) -> EffectivePolicy:
    """The union of the policies in force on a key, in an order of its own (address, then Sid)."""
    ordered = sorted(policies, key=lambda policy: policy.address)
    administrators = sorted({admin for policy in ordered for admin in policy.administrators})
    statements = tuple(
        statement
        for policy in ordered
        for statement in sorted(policy.statements, key=lambda item: item.sid)
    )
    named = set(administrators)
    for statement in statements:
        named.update(statement.principals or ())
    native: dict[str, list[Value]] = {}
    settings: dict[str, dict[str, Value]] = {}
    for policy in ordered:
        for provider, document in policy.native.items():
            native.setdefault(provider, []).append(document)
        for provider, values in policy.settings.items():
            settings.setdefault(provider, {}).update(values)
    return EffectivePolicy(
        sources=tuple(policy.address for policy in ordered),
        administrators=tuple(administrators),
        statements=statements,
        principals={
            address: principals[address] for address in sorted(named) if address in principals
        },
        native={provider: tuple(documents) for provider, documents in native.items()},
        settings=settings,
    )
