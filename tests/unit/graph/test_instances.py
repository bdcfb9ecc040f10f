"""`for_each`, `declare` and `defaults`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address

Link = Callable[..., ResourceGraph]

BODY = "provider: hsm, tier: root, usage: wrap, algorithm: aes-256"


def stack(key: str, more: str = "") -> str:
    return f"provider: {{hsm: {{}}}}\n{more}key:\n  it:\n    {key}\n" + "".join(
        f"    {line.strip()}\n" for line in BODY.split(",")
    )


@pytest.mark.parametrize(
    ("for_each", "labels"),
    [
        ("[a, b]", {'key.it["a"]': "a=a", 'key.it["b"]': "b=b"}),
        ("{a: x, b: y}", {'key.it["a"]': "a=x", 'key.it["b"]': "b=y"}),
        ("${var.names}", {'key.it["p"]': "p=p", 'key.it["q"]': "q=q"}),
        ("var.names", {'key.it["p"]': "p=p", 'key.it["q"]': "q=q"}),
        ("local.map", {'key.it["m"]': "m=acme"}),
        ('["${var.org}"]', {'key.it["acme"]': "acme=acme"}),
        ("[]", {}),
        ('["with space", "quo\\"te"]',
         {'key.it["with space"]': "with space=with space",
          'key.it["quo\\"te"]': 'quo"te=quo"te'}),
    ],
)  # fmt: skip
def test_for_each_takes_a_map_or_a_list_of_text(
    link: Link, for_each: str, labels: dict[str, str]
) -> None:
    more = (
        "variable:\n"
        "  names: {type: list(string), default: [p, q]}\n"
        "  org: {type: string, default: acme}\n"
        "locals:\n  map: {m: '${var.org}'}\n"
    )
    graph = link(
        stack(f"for_each: {for_each}\n    description: '${{each.key}}=${{each.value}}'", more)
    )
    assert {key: item.attributes["description"] for key, item in graph.keys.items()} == labels


def test_declare_leaves_out_a_block_or_an_instance(link: Link) -> None:
    graph = link(
        stack("for_each: {a: {on: true}, b: {on: false}}\n    declare: each.value.on")
        + f"  gone: {{declare: false, {BODY}}}\n  here: {{declare: true, {BODY}}}\n"
    )
    assert list(graph.keys) == ['key.it["a"]', "key.here"]


def test_policies_and_principals_have_instances_too(link: Link) -> None:
    graph = link(
        "principal:\n"
        "  app:\n"
        "    for_each: [x, y]\n"
        "    kind: workload\n"
        "    hsm: spiffe://acme/${each.key}\n"
        "policy:\n"
        "  own:\n"
        "    for_each: [x, y]\n"
        "    administrators: principal.app[each.key]\n"
        + stack("policies: 'policy.own[\"y\"]'").replace("provider:", "provider:", 1)
    )
    policy = graph.keys[Address("key.it")].policy
    assert policy is not None
    assert policy.sources == ('policy.own["y"]',)
    assert policy.administrators == ('principal.app["y"]',)
    assert policy.principals[Address('principal.app["y"]')].identities_on("hsm") == (
        "spiffe://acme/y",
    )


DEFAULTS = """
defaults:
  key:
    provider: hsm
    owner: security@acme.example
    deletion: {window: 10d}
    labels: {team: core, stack: payments}
    rotation: {overlap: 14d}
    description: "key ${each.key}"
  policy: {administrators: [principal.admins]}
  principal: {kind: human}
principal:
  admins: {hsm: spiffe://acme/admins}
policy:
  one: {}
provider: {hsm: {}}
key:
  it:
    for_each: [a]
    tier: root
    usage: wrap
    algorithm: aes-256
    policies: [policy.one]
"""


def test_defaults_fill_what_is_omitted_and_merge_maps(link: Link) -> None:
    graph = link(
        DEFAULTS
        + "    rotation: {every: 90d}\n    labels: {team: payments}\n"
        + "    deletion: {protection: false}\n"
    )
    (key,) = graph.keys.values()
    assert key.attributes["owner"] == "security@acme.example"
    assert key.attributes["rotation"] == {"every": "90d", "overlap": "14d"}
    assert key.attributes["labels"] == {"team": "payments", "stack": "payments"}
    assert key.attributes["deletion"] == {"protection": False, "soak": "0d", "window": "10d"}
    assert key.attributes["description"] == "key a"
    assert key.policy is not None
    assert key.policy.administrators == ("principal.admins",)
    assert str(key.position("owner")) == "keyplan.yaml:5:12"


def test_none_wins_over_a_default(link: Link) -> None:
    graph = link(DEFAULTS + "    rotation: none\n    owner: none\n    labels: {team: none}\n")
    (key,) = graph.keys.values()
    assert key.attributes["rotation"] is None
    assert key.attributes["owner"] is None
    assert key.attributes["labels"] == {"stack": "payments"}


def test_a_default_may_leave_a_required_field_to_the_block(
    mistakes: Callable[..., list[object]],
) -> None:
    (found,) = mistakes(DEFAULTS + "    aliases: [a/b]\n")
    assert found.summary == "rotation lacks every"  # type: ignore[attr-defined]
