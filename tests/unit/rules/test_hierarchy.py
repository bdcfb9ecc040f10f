"""The invariants of the hierarchy: what is fine, what is not, and what both keys are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from keyplan.diagnostics import Diagnostic, Position, Severity
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import Relation, Tier, Usage
from keyplan.model.resources import DesiredKey, Lifecycle, Manage
from keyplan.model.stack import Stack
from keyplan.model.values import Value
from keyplan.rules.hierarchy import check_hierarchy
from keyplan.rules.names import check_aliases

PARENT, CHILD = Address("key.parent"), Address("key.child")
LINES = {PARENT: 10, CHILD: 20}


def key(address: Address, **fields: object) -> DesiredKey:
    line = LINES[address]
    attributes = fields.pop("attributes", {})
    assert isinstance(attributes, dict)
    names = ("", "tier", "usage", "algorithm", "provider", "scope", "expires_at", "protection")
    names += ("relation", "parent") if address is CHILD else ()
    places = {name: Position("k.yaml", line + index, 5) for index, name in enumerate(names)}
    base = DesiredKey(
        address,
        "hsm",
        Tier.ROOT if address is PARENT else Tier.SERVICE,
        Usage.WRAP if address is PARENT else Usage.ENCRYPT,
        "aes-256",
        None if address is PARENT else PARENT,
        None if address is PARENT else Relation.WRAPS,
        attributes=attributes,
        positions=places,
        snippets={name: f"{address} {name}" for name in names},
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def check(
    parent: Mapping[str, object] | None = None, child: Mapping[str, object] | None = None
) -> list[Diagnostic]:
    keys = {PARENT: key(PARENT, **(parent or {})), CHILD: key(CHILD, **(child or {}))}
    return list(check_hierarchy(ResourceGraph(Stack("s"), keys=keys)))


def with_scope(**scope: Value) -> dict[str, object]:
    return {"attributes": {"scope": dict(scope)}}


def test_a_sound_pair_has_nothing_to_say() -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("above", "below", "sound"),
    [
        (Tier.ROOT, Tier.MASTER, True),
        (Tier.ROOT, Tier.SERVICE, True),
        (Tier.ROOT, Tier.DATA, True),
        (Tier.MASTER, Tier.MASTER, True),
        (Tier.SERVICE, Tier.SERVICE, True),
        (Tier.SERVICE, Tier.MASTER, False),
        (Tier.DATA, Tier.DATA, False),
        (Tier.DATA, Tier.SERVICE, False),
        (Tier.ROOT, Tier.ROOT, False),
    ],
)
def test_tiers_go_downwards(above: Tier, below: Tier, *, sound: bool) -> None:
    grandparent = {"parent": Address("key.elsewhere")} if above is not Tier.ROOT else {}
    codes = [item.code for item in check({"tier": above, **grandparent}, {"tier": below})
             if item.severity is Severity.ERROR]  # fmt: skip
    assert codes == ([] if sound else ["KP-HIER-001"])


SIGNS = {"relation": Relation.SIGNS, "usage": Usage.SIGN}
RELATIONS = [
    (Usage.WRAP, "aes-256", {"relation": Relation.WRAPS}, []),
    (Usage.WRAP, "aes-256", {"relation": Relation.WRAPS, "usage": Usage.SIGN,
                             "algorithm": "ec-p521"}, []),
    (Usage.ENCRYPT, "aes-256", {"relation": Relation.WRAPS}, ["KP-HIER-007"]),
    (Usage.WRAP, "aes-256", {"relation": Relation.WRAPS, "provider": "aws"}, ["KP-HIER-007"]),
    (Usage.DERIVE, "aes-256", {"relation": Relation.DERIVES}, []),
    (Usage.DERIVE, "hmac-sha256", {"relation": Relation.DERIVES, "usage": Usage.MAC,
                                   "algorithm": "hmac-sha256"}, []),
    (Usage.DERIVE, "aes-256", {"relation": Relation.DERIVES, "usage": Usage.SIGN,
                               "algorithm": "ec-p256"}, ["KP-HIER-007"]),
    (Usage.WRAP, "aes-256", {"relation": Relation.DERIVES}, ["KP-HIER-007"]),
    (Usage.SIGN, "ec-p384", {**SIGNS, "algorithm": "ec-p256"}, []),
    (Usage.SIGN, "ec-p384", {**SIGNS, "algorithm": "ec-p256", "provider": "aws"}, []),
    (Usage.SIGN, "ec-p256", {"relation": Relation.SIGNS, "algorithm": "aes-128"}, ["KP-HIER-007"]),
    (Usage.ENCRYPT, "aes-256", {"relation": Relation.GOVERNS, "provider": "aws"}, []),
    (Usage.SIGN, "rsa-2048", {"relation": Relation.GOVERNS}, []),
    (Usage.WRAP, "aes-128", {"relation": Relation.WRAPS}, ["KP-HIER-005"]),
    (Usage.SIGN, "rsa-2048", {**SIGNS, "algorithm": "ec-p256"}, ["KP-HIER-005"]),
    (Usage.SIGN, "rsa-4096", {**SIGNS, "algorithm": "ed25519"}, []),
    (None, None, {"relation": Relation.WRAPS}, []),  # an observed parent may be anything
]  # fmt: skip


@pytest.mark.parametrize(("usage", "algorithm", "child", "codes"), RELATIONS)
def test_relations_suit_usages_algorithms_and_strengths(
    usage: Usage | None, algorithm: str | None, child: dict[str, object], codes: list[str]
) -> None:
    found = check({"usage": usage, "algorithm": algorithm}, child)
    assert [item.code for item in found] == codes


@pytest.mark.parametrize(
    ("above", "below", "codes"),
    [
        ({}, {"tenant": "a"}, []),
        ({"tenant": "a"}, {"tenant": "a", "region": "eu"}, []),
        ({"tenant": "a"}, {"tenant": "b"}, ["KP-HIER-002"]),
        ({"environment": "prod"}, {"environment": "staging"}, ["KP-HIER-003"]),
        (
            {"environment": "prod", "tenant": "a"},
            {"environment": "staging", "tenant": "b"},
            ["KP-HIER-003", "KP-HIER-002"],
        ),
    ],
)
def test_scope_is_only_narrowed(
    above: dict[str, Value], below: dict[str, Value], codes: list[str]
) -> None:
    assert [item.code for item in check(with_scope(**above), with_scope(**below))] == codes


@pytest.mark.parametrize(
    ("attribute", "above", "below", "code"),
    [
        ("expires_at", "2030-01-01T23:59:59Z", "2030-01-01T23:59:59Z", ""),
        ("expires_at", "2030-01-01T23:59:59Z", "2030-01-02T00:00:00Z", "KP-HIER-004"),
        ("expires_at", None, "2030-01-02T00:00:00Z", ""),
        ("expires_at", "2030-01-01T23:59:59Z", None, ""),
        ("protection", "hsm", "software", ""),
        ("protection", "software", "hsm", "KP-HIER-011"),
        ("protection", "hsm", "external", "KP-HIER-011"),
        ("protection", None, "hsm", ""),
    ],
)
def test_a_child_does_not_outlive_or_outrank_its_parent(
    attribute: str, above: Value, below: Value, code: str
) -> None:
    found = check({"attributes": {attribute: above}}, {"attributes": {attribute: below}})
    assert [item.code for item in found] == ([code] if code else [])


def test_protection_of_an_authority_says_nothing_about_material() -> None:
    found = check(
        {"attributes": {"protection": "software"}},
        {"attributes": {"protection": "hsm"}, "relation": Relation.GOVERNS},
    )
    assert found == []


def test_a_violation_names_both_keys_and_both_lines() -> None:
    (found,) = check(with_scope(tenant="a"), with_scope(tenant="b"))
    assert CHILD in found.summary
    assert PARENT in found.summary
    assert (found.address, found.position, found.snippet) == (
        CHILD,
        Position("k.yaml", 25, 5),
        "key.child scope",
    )
    (other,) = found.related
    assert (other.position, other.snippet) == (Position("k.yaml", 15, 5), "key.parent scope")


def test_a_usage_that_the_algorithm_does_not_have() -> None:
    (found,) = check({}, {"usage": Usage.SIGN})
    assert found.code == "KP-HIER-009"


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({}, ["KP-HIER-030"]),
        ({"tier": Tier.ROOT}, []),
        ({"lifecycle": Lifecycle(manage=Manage.OBSERVE)}, []),
    ],
)
def test_a_key_without_a_parent_is_a_warning(fields: dict[str, object], codes: list[str]) -> None:
    alone = replace(
        key(CHILD, **fields), parent=None, relation=None, positions={"": Position("k.yaml", 20, 3)}
    )
    found = check_hierarchy(ResourceGraph(Stack("s"), keys={CHILD: alone}))
    assert [item.code for item in found] == codes
    assert all(item.severity is Severity.WARNING for item in found)


def test_an_alias_belongs_to_one_key_of_a_provider_instance() -> None:
    both = {"attributes": {"aliases": ["acme/x"]}}
    graph = ResourceGraph(Stack("s"), keys={PARENT: key(PARENT, **both), CHILD: key(CHILD, **both)})
    assert [item.code for item in check_aliases(graph)] == ["KP-HIER-031"]
    other = replace(graph.keys[CHILD], provider="hsm.dr")
    apart = replace(graph, keys={PARENT: graph.keys[PARENT], CHILD: other})
    assert check_aliases(apart) == ()
