"""What refers to what, in which order, and what a reference reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.diagnostics import Diagnostic
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.values import Reference, Unknown

Link = Callable[..., ResourceGraph]

HSM = "provider: {hsm: {}}\n"


def key(name: str, more: str, usage: str = "wrap", tier: str = "master") -> str:
    lines = "".join(f"    {line}\n" for line in more.strip().split("\n") if line)
    return (
        f"  {name}:\n    provider: hsm\n    tier: {tier}\n    usage: {usage}\n"
        f"    algorithm: aes-256\n{lines}"
    )


def test_parents_come_first_and_otherwise_the_order_is_that_of_the_files(link: Link) -> None:
    graph = link(
        {
            "a.keyplan.yaml": "key:\n" + key("leaf", "parent: key.middle") + key("other", ""),
            "b.keyplan.yaml": HSM + "key:\n" + key("middle", "parent: key.top"),
            "c.keyplan.yaml": "key:\n" + key("top", "", tier="root"),
        }
    )
    assert list(graph.keys) == ["key.top", "key.middle", "key.leaf", "key.other"]
    assert graph.edges == {
        "key.top": (),
        "key.middle": ("key.top",),
        "key.leaf": ("key.middle",),
        "key.other": (),
    }


def test_what_a_template_reads_and_depends_on_are_edges_too(link: Link) -> None:
    graph = link(
        HSM
        + "key:\n"
        + key("a", "labels: {other: '${key.b.arn}'}\ndepends_on: key.c", tier="root")
        + key("b", "", tier="root")
        + key("c", "", tier="root")
    )
    assert list(graph.keys) == ["key.c", "key.b", "key.a"]
    assert set(graph.edges[Address("key.a")]) == {"key.b", "key.c"}
    assert graph.keys[Address("key.a")].depends_on == ("key.c",)


def test_a_computed_index_is_followed(link: Link) -> None:
    graph = link(
        HSM
        + "key:\n"
        + key(
            "child",
            """
for_each: {a: prod, b: staging}
parent: key.top[each.value]
labels: {alg: '${key.top[each.value].algorithm}', arn: 'x/${key.top[each.value].arn}'}
""",
        )
        + key("top", "for_each: [staging, prod]\nscope: {environment: '${each.key}'}", tier="root")
    )
    child = graph.keys[Address('key.child["a"]')]
    assert child.parent == 'key.top["prod"]'
    assert child.attributes["scope"] == {"environment": "prod"}
    assert child.attributes["labels"] == {
        "alg": "aes-256",
        "arn": Unknown(("x/", Reference(Address('key.top["prod"]'), "arn"))),
    }
    order = list(graph.keys)
    assert order.index(Address('key.top["prod"]')) < order.index(Address('key.child["a"]'))
    assert graph.edges[Address('key.child["a"]')] == ('key.top["prod"]',)


def test_a_chain_of_thousands_is_no_problem(link: Link) -> None:
    blocks = [
        key(f"k{number}", f"parent: key.k{number + 1}" if number < 2999 else "")
        for number in range(3000)
    ]
    graph = link(HSM + "key:\n" + "".join(blocks))
    assert next(iter(graph.keys)) == "key.k2999"
    assert len(graph.keys) == 3000


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("key.top.algorithm", "aes-256"),
        ("key.top.rotation.every", "365d"),
        ('"long" if key.top.rotation.every > "90d" else "short"', "long"),
        ("key.top.scope.tenant", "acme"),
        ("key.top.tier", "root"),
        ("key.top.parent is none", "true"),
        ("key.top.owner is none", "true"),  # recorded, and not declared
        ("key.top", "key.top"),
        ("key.top.expires_at", "2030-01-01T23:59:59Z"),
        ("key.top.deletion.window", "30d"),
    ],
)
def test_declared_attributes_of_keys_can_be_read(link: Link, expression: str, value: str) -> None:
    top = "rotation: {every: 365d}\nscope: {tenant: acme}\nexpires_at: 2030-01-01\n"
    graph = link(
        HSM
        + "key:\n"
        + key("top", top + "deletion: {soak: 1d}", tier="root")
        + key("it", f"parent: key.top\ndescription: 'it: ${{{expression}}}'")
    )
    assert graph.keys[Address("key.it")].attributes["description"] == f"it: {value}"


def test_what_only_the_provider_knows_is_unknown(link: Link) -> None:
    graph = link(
        HSM
        + "key:\n"
        + key("top", "", tier="root")
        + "output:\n"
        + "  arn: {value: key.top.arn, description: For others}\n"
        + "  text: {value: 'arn is ${key.top.arn}'}\n"
        + "  state: {value: key.top.state}\n"
        + "  many: {value: {a: '${key.top.id}', b: 1}}\n"
    )
    top = Address("key.top")
    assert graph.outputs["arn"].value == Unknown((Reference(top, "arn"),))
    assert graph.outputs["arn"].description == "For others"
    assert graph.outputs["text"].value == Unknown(("arn is ", Reference(top, "arn")))
    assert graph.outputs["state"].value == Unknown((Reference(top, "state"),))
    assert graph.outputs["many"].value == {"a": Unknown((Reference(top, "id"),)), "b": 1}


def test_a_broken_key_is_not_called_undeclared_as_well(
    mistakes: Callable[..., list[Diagnostic]],
) -> None:
    found = mistakes(
        HSM
        + "key:\n"
        + key("top", "for_each: '${var.nothing}'", tier="root")
        + key("child", "parent: key.top['prod']\ndescription: '${key.top[\"x\"].algorithm}'")
    )
    assert [(item.code, item.summary) for item in found] == [
        ("KP-REF-002", "var.nothing is not declared")
    ]


def test_a_circle_names_every_key_and_line(mistakes: Callable[..., list[Diagnostic]]) -> None:
    (found,) = mistakes(
        HSM
        + "key:\n"
        + key("a", "parent: key.b")
        + key("b", "parent: key.c")
        + key("c", "parent: key.a")
    )
    assert found.summary == "parents lead in a circle: key.a -> key.b -> key.c -> key.a"
    assert [(item.label, item.position.line) for item in found.related] == [
        ("key.a needs key.b", 8),
        ("key.b needs key.c", 14),
        ("key.c needs key.a", 20),
    ]


def test_the_same_address_in_two_files_shows_both_places(
    mistakes: Callable[..., list[Diagnostic]],
) -> None:
    (found,) = mistakes(
        {
            "a.keyplan.yaml": HSM + "key:\n" + key("top", "", tier="root"),
            "b.keyplan.yaml": "key:\n" + key("top", "", tier="root"),
        }
    )
    assert (found.code, str(found.position)) == ("KP-DECL-008", "b.keyplan.yaml:2:3")
    assert [str(item.position) for item in found.related] == ["a.keyplan.yaml:3:3"]


def test_nothing_is_linked_when_a_file_cannot_be_parsed(
    mistakes: Callable[..., list[Diagnostic]],
) -> None:
    found = mistakes(
        {
            "a.keyplan.yaml": HSM + "key:\n" + key("child", "parent: key.top"),
            "b.keyplan.yaml": "key: [\n",
        }
    )
    assert {item.code[:7] for item in found} == {"KP-LANG"}
