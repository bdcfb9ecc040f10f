"""The invariants of a key hierarchy that hold whatever a policy pack says.

Rules: each violation names both keys and both lines. Numbers are those of the rule
table (`KP-HIER-*`); sources are SP 800-57 Part 1 rev. 5 §5.2, §5.3.6, §5.6.2, §8.2.4,
RFC 5649 §7, and PCI DSS 4.0.1 3.6.1. What a key does not declare is not assumed.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.diagnostics import Diagnostic, Related, Severity
from keyplan.graph.resources import ResourceGraph
from keyplan.model.hierarchy import PARENT_USAGE, tier_may_follow
from keyplan.model.keys import Protection, Relation, Tier
from keyplan.model.resources import DesiredKey, Manage

_RANK = {item.value: index for index, item in enumerate(Protection)}
_ENVIRONMENT = "environment"


def check_hierarchy(graph: ResourceGraph) -> tuple[Diagnostic, ...]:
    """Every violation, and a warning for each key that has no place in the hierarchy."""
    found: list[Diagnostic] = []
    for key in graph.keys.values():
        if key.replica_of is not None:
            continue  # its place in the hierarchy is that of its key
        found += _alone(key)
        parent = None if key.parent is None else graph.keys.get(key.parent)
        if parent is not None:
            found += _tiers(key, parent)
            found += _scope(key, parent)
            found += _relation(key, parent)
            found += _material(key, parent)
            found += _lifetime(key, parent)
    return tuple(found)


def _alone(key: DesiredKey) -> Iterator[Diagnostic]:
    """What can be said about a key without its parent."""
    facts = key.algorithm_facts
    if facts is not None and key.usage is not None and key.usage not in facts.usages:
        possible = ", ".join(sorted(facts.usages))
        yield _error(
            "KP-HIER-009",
            key,
            "usage",
            f"{key.address} cannot {key.usage} with {key.algorithm}",
            why="a key has one purpose, and its algorithm must suit it",
            advice=f"{key.algorithm} can {possible}.",
            related=(_place(key, "algorithm", f"{key.algorithm} is chosen here"),),
        )
    if "certificate" in key.attributes and key.relation is not Relation.SIGNS:
        yield _error(
            "KP-HIER-007",
            key,
            "certificate",
            f"{key.address} has a certificate that nobody signs",
            advice="Add `relation: signs` and a parent that signs.",
        )
    orphan = "parent" not in key.positions or key.attributes.get("parent", "broken") is None
    if orphan and key.tier is not Tier.ROOT and key.lifecycle.manage is Manage.FULL:
        yield Diagnostic(
            Severity.WARNING,
            "KP-HIER-030",
            f"{key.address} has no parent",
            why=f"a {key.tier} key belongs under another key",
            advice="Add parent, or `tier: root` if it is one.",
            address=key.address,
            position=key.position(),
            snippet=key.snippet(),
        )


def _tiers(key: DesiredKey, parent: DesiredKey) -> Iterator[Diagnostic]:
    if key.tier is Tier.ROOT:
        yield _error(
            "KP-HIER-001",
            key,
            "parent",
            f"{key.address} is a root and has the parent {parent.address}",
            advice="Remove parent, or give the key another tier.",
            related=(_place(parent, "", f"{parent.address} is declared here"),),
        )
    elif not tier_may_follow(parent.tier, key.tier):
        yield _error(
            "KP-HIER-001",
            key,
            "tier" if "tier" in key.positions else "parent",
            f"{key.address} is a {key.tier} key and cannot stand under {parent.address}, "
            f"which is a {parent.tier} key",
            why="tiers go root, master, service, data; only master and service may repeat",
            advice="Give it another parent, or another tier.",
            related=(_place(parent, "tier", f"{parent.address} is a {parent.tier} key"),),
        )


def _scope(key: DesiredKey, parent: DesiredKey) -> Iterator[Diagnostic]:
    wide, narrow = parent.attributes.get("scope"), key.attributes.get("scope")
    if not isinstance(wide, dict) or not isinstance(narrow, dict) or wide == narrow:
        return
    for name, value in wide.items():
        if narrow.get(name) == value:
            continue
        crossed = name == _ENVIRONMENT
        yield _error(
            "KP-HIER-003" if crossed else "KP-HIER-002",
            key,
            "scope",
            f"{key.address} is for {name} {narrow.get(name)}, its parent {parent.address} "
            f"for {name} {value}",
            why="environments are never crossed"
            if crossed
            else "scope is inherited and may only be narrowed",
            advice=f"Remove {name} from its scope, or choose a parent for {narrow.get(name)}.",
            related=(_place(parent, "scope", f"{name} {value} comes from {parent.address}"),),
        )


def _relation(key: DesiredKey, parent: DesiredKey) -> Iterator[Diagnostic]:
    relation = key.relation
    if relation is None:
        return
    at = "relation" if "relation" in key.positions else "parent"
    wanted = PARENT_USAGE[relation]
    if wanted is not None and parent.usage is not None and parent.usage is not wanted:
        suits = [item for item, usage in PARENT_USAGE.items() if usage in (parent.usage, None)]
        yield _error(
            "KP-HIER-007",
            key,
            at,
            f"{parent.address} cannot be the parent that {relation} {key.address}",
            why=f"that needs usage {wanted}, and it has usage {parent.usage}",
            advice=f"Choose a parent with usage {wanted}, or "
            f"relation {' or '.join(sorted(suits))}.",
            related=(_place(parent, "usage", f"{parent.address} has usage {parent.usage}"),),
        )
    inside = relation in (Relation.WRAPS, Relation.DERIVES)
    if inside and key.provider != parent.provider:
        yield _error(
            "KP-HIER-007",
            key,
            at,
            f"{parent.address} in {parent.provider} cannot be the parent that {relation} "
            f"{key.address} in {key.provider}",
            why="material does not leave its provider",
            advice="Write relation: governs, or put both keys into one provider.",
            related=(_place(parent, "provider", f"{parent.address} is in {parent.provider}"),),
        )
    facts = key.algorithm_facts
    if facts is None:
        return
    if relation is Relation.SIGNS and facts.symmetric:
        yield _needs(key, parent, "a public key to sign", "an asymmetric algorithm")
    if relation is Relation.DERIVES and not facts.symmetric:
        yield _needs(key, parent, "a symmetric key to derive", "aes-256 or hmac-sha256")


def _needs(key: DesiredKey, parent: DesiredKey, what: str, advice: str) -> Diagnostic:
    return _error(
        "KP-HIER-007",
        key,
        "algorithm",
        f"{key.address} is {key.algorithm}, and relation {key.relation} needs {what}",
        advice=f"Choose {advice}, or another relation.",
        related=(_place(parent, "", f"{parent.address} is declared here"),),
    )


def _material(key: DesiredKey, parent: DesiredKey) -> Iterator[Diagnostic]:
    """A key is only as strong, and as well protected, as what protects its material."""
    if key.relation is None or not key.relation.protects_material:
        return
    facts, above = key.algorithm_facts, parent.algorithm_facts
    if facts is not None and above is not None and above.strength < facts.strength:
        yield _error(
            "KP-HIER-005",
            key,
            "algorithm",
            f"{key.address} ({key.algorithm}, {facts.strength} bits) is stronger than its parent "
            f"{parent.address} ({parent.algorithm}, {above.strength} bits)",
            why="a key is only as strong as what protects it (SP 800-57 5.6.2)",
            advice="Choose a stronger parent, or a weaker algorithm.",
            related=(_place(parent, "algorithm", f"{parent.address} is {parent.algorithm}"),),
        )
    mine, theirs = key.attributes.get("protection"), parent.attributes.get("protection")
    if isinstance(mine, str) and isinstance(theirs, str) and _RANK[theirs] < _RANK[mine]:
        yield _error(
            "KP-HIER-011",
            key,
            "protection",
            f"{key.address} wants protection {mine}, its parent {parent.address} has {theirs}",
            why=f"{theirs} protection of the parent defeats {mine} protection of the child",
            advice=f"Give {parent.address} protection {mine}.",
            related=(_place(parent, "protection", f"{parent.address} has {theirs}"),),
        )


def _lifetime(key: DesiredKey, parent: DesiredKey) -> Iterator[Diagnostic]:
    mine, theirs = key.attributes.get("expires_at"), parent.attributes.get("expires_at")
    if isinstance(mine, str) and isinstance(theirs, str) and mine > theirs:
        yield _error(
            "KP-HIER-004",
            key,
            "expires_at",
            f"{key.address} ends {mine}, after its parent {parent.address}, which ends {theirs}",
            why="a parent must not be used after its end (SP 800-57 5.3.6)",
            advice=f"Write an end not after {theirs}.",
            related=(_place(parent, "expires_at", f"{parent.address} ends {theirs}"),),
        )


def _error(
    code: str,
    key: DesiredKey,
    attribute: str,
    summary: str,
    *,
    why: str = "",
    advice: str = "",
    related: tuple[Related, ...] = (),
) -> Diagnostic:
    return Diagnostic(
        Severity.ERROR,
        code,
        summary,
        why,
        advice,
        key.address,
        key.position(attribute),
        key.snippet(attribute),
        related,
    )


def _place(key: DesiredKey, attribute: str, label: str) -> Related:
    position = key.position(attribute)
    if position is None:
        raise ValueError(f"{key.address} has no position")
    return Related(label, position, key.snippet(attribute))
