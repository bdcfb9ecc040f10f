"""A key while it is linked, and the canonical form of what its block says.

Rules: `attributes` holds what was declared, in the forms that `keyplan.model.resources`
names, and nothing else. Scope is inherited: a child's own entries add to its parent's.
Removing a collection (`labels: none`) is an empty one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keyplan.config.blocks import Block
from keyplan.config.report import Report, suggest_or_list
from keyplan.graph.instances import Instance
from keyplan.model.address import Address
from keyplan.model.keys import Relation, Tier, Usage
from keyplan.model.policies import Unenforced, expand
from keyplan.model.principals import Principal
from keyplan.model.resources import Lifecycle, Manage, OnDrift
from keyplan.model.timing import parse_duration, parse_instant
from keyplan.model.values import Value

PLAIN = frozenset(
    {
        "tier", "relation", "usage", "algorithm", "protection", "state", "rotation",
        "expires_at", "multi_region", "primary", "certificate", "owner", "description",
        "exportable", "parent",
    }
)  # fmt: skip
"""Attributes whose decoded value is canonical."""

_COLLECTIONS: Mapping[str, Value] = {"aliases": [], "labels": {}, "grants": {}, "replicas": {}}
_DELETION: Mapping[str, Value] = {"protection": True, "soak": "0d", "window": "30d"}
"""What an entry of `deletion` is if only others are written (LANGUAGE.md §4)."""


@dataclass(slots=True)
class Draft:
    """One key without its policies. `policies` are addresses; `None`: not declared."""

    instance: Instance
    provider: str
    tier: Tier
    usage: Usage | None
    algorithm: str | None
    lifecycle: Lifecycle
    parent: Draft | None = None
    relation: Relation | None = None
    attributes: dict[str, Value] = field(default_factory=dict)
    scope: Mapping[str, Value] = field(default_factory=dict)
    policies: tuple[Address, ...] | None = None
    keep_policy: bool = False
    depends_on: tuple[Address, ...] = ()
    unenforced: tuple[Unenforced, ...] = ()
    settings: Mapping[str, Value] = field(default_factory=dict)
    children: list[Draft] = field(default_factory=list)

    @property
    def address(self) -> Address:
        """Its address."""
        return self.instance.address

    @property
    def block(self) -> Block:
        """What it was declared by."""
        return self.instance.block

    @property
    def provider_type(self) -> str:
        """`aws` for the instance `aws.dr`."""
        return self.provider.partition(".")[0]


def canonical_attributes(values: Mapping[str, Value], parent: Draft | None) -> dict[str, Value]:
    """What was declared, in canonical form, except `grants`, which need a provider."""
    attributes = {name: value for name, value in values.items() if name in PLAIN}
    for name, empty in _COLLECTIONS.items():
        if name in values:
            value = values[name]
            attributes[name] = empty if value is None else _without_none(value)
    deletion = values.get("deletion")
    if isinstance(deletion, dict):
        attributes["deletion"] = {**_DELETION, **deletion}
    scope = values.get("scope")
    own = scope if isinstance(scope, dict) else {}
    whole = {**parent.scope, **own} if parent is not None else own
    if whole:
        attributes["scope"] = whole
    return attributes


def _without_none(value: Value) -> Value:
    """A collection without the elements that `none` takes out."""
    if isinstance(value, dict) and None in value.values():
        return {name: item for name, item in value.items() if item is not None}
    return value


def canonical_grants(
    values: Mapping[str, Value],
    principals: Mapping[Address, Principal],
    provider: str,
    usage: Usage | None,
) -> dict[str, Value]:
    """Grants with the provider's names of their principals, groups written out."""
    grants = values.get("grants")
    result: dict[str, Value] = {}
    for name, terms in grants.items() if isinstance(grants, dict) else ():
        if not isinstance(terms, dict):
            continue
        named = terms.get("principal")
        principal = principals.get(named) if isinstance(named, Address) else None
        operations = terms.get("operations")
        wanted = [str(item) for item in operations] if isinstance(operations, list) else []
        entry: dict[str, Value] = {
            "principal": [] if principal is None else [*principal.identities_on(provider)],
            "operations": [*sorted(wanted if usage is None else expand(wanted, usage))],
            "context": terms.get("context") or {},
        }
        if terms.get("expires_at") is not None:
            entry["expires_at"] = terms["expires_at"]
        result[name] = entry
    return result


def lifecycle_of(written: Value, block: Block, report: Report) -> Lifecycle:
    """`lifecycle`, with what it ignores checked against the attributes there are."""
    if not isinstance(written, dict):
        return Lifecycle()
    ignored = written.get("ignore_changes")
    names = frozenset(str(name) for name in ignored) if isinstance(ignored, list) else frozenset()
    known = PLAIN | _COLLECTIONS.keys() | {"scope", "deletion", "policies"}
    for name in sorted(names - known):
        report.error(
            "KP-DECL-005",
            block.at("lifecycle"),
            f"lifecycle.ignore_changes names {name}, which is no attribute",
            advice=suggest_or_list(name, known, "Attributes"),
        )
    return Lifecycle(
        Manage(str(written.get("manage", Manage.FULL))),
        names,
        OnDrift(str(written.get("on_drift", OnDrift.REVERT))),
    )


def unenforced_of(written: Value) -> tuple[Unenforced, ...]:
    """`unenforced` of a key or a statement, by provider type."""
    if not isinstance(written, dict):
        return ()
    result = []
    for provider, terms in sorted(written.items()):
        if isinstance(terms, dict) and {"what", "then", "reason", "until"} <= terms.keys():
            what = terms["what"] if isinstance(terms["what"], list) else [terms["what"]]
            result.append(
                Unenforced(
                    provider,
                    tuple(str(item) for item in what),
                    str(terms["then"]),
                    str(terms["reason"]),
                    parse_instant(str(terms["until"])),
                )
            )
    return tuple(result)


def typed(name: str, value: Value) -> object:
    """An attribute as expressions compare it: durations and dates as such, not as text."""
    match name, value:
        case "expires_at", str():
            return parse_instant(value)
        case "rotation" | "deletion" | "certificate", dict():
            return {part: _typed_part(part, item) for part, item in value.items()}
        case _:
            return value


def _typed_part(part: str, value: Value) -> Value | timedelta | datetime:
    if part in ("every", "overlap", "soak", "window", "valid") and isinstance(value, str):
        return parse_duration(value)
    return value
