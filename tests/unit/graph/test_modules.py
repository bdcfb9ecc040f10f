"""Modules: what an instance sees, what passes in and out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.diagnostics import Diagnostic
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.values import Unknown
from tests.unit.graph.module_stacks import MODULE, STACK, USE

Link = Callable[..., ResourceGraph]
Mistakes = Callable[..., list[Diagnostic]]


@pytest.fixture
def graph(link: Link) -> ResourceGraph:
    return link({"keyplan.yaml": STACK + USE, "modules/tenant/keyplan.yaml": MODULE})


def test_each_instance_declares_its_own_keys(graph: ResourceGraph) -> None:
    assert [address for address in graph.keys if address.startswith("module.")] == [
        'module.tenant["acme"].key.data',
        'module.tenant["acme"].key.log',
        'module.tenant["globex"].key.data',
        'module.tenant["globex"].key.log',
    ]
    key = graph.keys[Address('module.tenant["globex"].key.data')]
    assert key.parent == 'key.master["prod"]'
    assert key.attributes["scope"] == {"environment": "prod", "tenant": "globex"}
    assert key.attributes["aliases"] == ["globex/data"]
    assert key.attributes["labels"] == {"region": "us", "under": "aes-256"}
    assert str(key.position("aliases")) == "modules/tenant/keyplan.yaml:23:5"


def test_addresses_in_a_module_are_its_own(graph: ResourceGraph) -> None:
    log = graph.keys[Address('module.tenant["acme"].key.log')]
    assert log.depends_on == ('module.tenant["acme"].key.data',)
    label = log.attributes["labels"]["beside"]  # type: ignore[index, call-overload]
    assert isinstance(label, Unknown)
    assert [str(item) for item in label.references] == ['module.tenant["acme"].key.data.id']
    edges = graph.edges[log.address]
    assert set(edges) == {'key.master["prod"]', 'module.tenant["acme"].key.data'}


def test_policies_and_principals_pass_in_and_this_is_the_key_that_uses_them(
    graph: ResourceGraph,
) -> None:
    data = graph.keys[Address('module.tenant["acme"].key.data')]
    assert data.policy is not None
    (statement,) = data.policy.statements
    assert statement.principals == ("principal.api",)
    assert statement.when == {"context": {"tenant": "acme"}}
    log = graph.keys[Address('module.tenant["acme"].key.log')]
    assert log.policy is not None
    assert log.policy.administrators == ("principal.admins",)


def test_outputs_are_read_by_their_instance(graph: ResourceGraph) -> None:
    value = graph.outputs["acme"].value
    assert isinstance(value, Unknown)
    assert [str(item) for item in value.references] == ['module.tenant["acme"].key.data.id']


def test_a_module_inside_a_module_gets_what_its_user_passes_on(link: Link) -> None:
    graph = link(
        {
            "keyplan.yaml": STACK
            + "module:\n  outer: {source: ./modules/outer, inputs: {where: hsm.dr}}\n"
            + "output: {inner: {value: module.outer.algorithm}}\n",
            "modules/outer/keyplan.yaml": "variable: {where: {type: provider}}\n"
            "key: {top: {provider: var.where, tier: root, usage: wrap, algorithm: aes-256}}\n"
            "module:\n"
            "  inner:\n"
            "    for_each: [a]\n"
            "    source: ../inner\n"
            "    inputs: {parent: key.top}\n"
            "    providers: {store: var.where}\n"
            "output: {algorithm: {value: 'module.inner[\"a\"].data.algorithm'}}\n",
            "modules/inner/keyplan.yaml": "variable: {parent: {type: key}}\n"
            "key:\n"
            "  data: {provider: store, parent: var.parent, usage: encrypt, algorithm: aes-128}\n"
            "output: {data: {value: key.data}}\n",
        }
    )
    address = Address('module.outer.module.inner["a"].key.data')
    assert graph.keys[address].provider == "hsm.dr"
    assert graph.keys[address].parent == "module.outer.key.top"
    assert graph.outputs["inner"].value == "aes-128"


def test_one_folder_may_be_used_by_several_names(link: Link) -> None:
    module = "key: {a: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}}\n"
    graph = link(
        {
            "keyplan.yaml": "provider: {hsm: {}}\n"
            "module: {x: {source: ./m}, y: {source: ./m, declare: false}, z: {source: ./m}}\n",
            "m/keyplan.yaml": module,
        }
    )
    assert list(graph.keys) == ["module.x.key.a", "module.z.key.a"]


def test_reading_an_input_makes_every_reader_depend_on_what_it_was_made_of(link: Link) -> None:
    graph = link(
        {
            "keyplan.yaml": STACK
            + "module: {m: {source: ./m, inputs: {text: 'is ${key.root.id}'}}}\n",
            "m/keyplan.yaml": "variable: {text: {type: string}}\n"
            "defaults: {key: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}}\n"
            "key:\n  a: {description: '${var.text}'}\n  b: {description: '${var.text}'}\n",
        }
    )
    for name in ("a", "b"):
        assert graph.edges[Address(f"module.m.key.{name}")] == ("key.root",)


def test_a_module_reads_files_beside_its_own(link: Link) -> None:
    graph = link(
        {
            "keyplan.yaml": "provider: {hsm: {}}\n"
            "module: {m: {source: ./m, inputs: {name: acme}}}\n"
            "output: {text: {value: module.m.text}}\n",
            "m/keyplan.yaml": "variable: {name: {type: string}}\n"
            "output: {text: {value: \"templatefile('hello.txt', {'name': var.name})\"}}\n",
            "m/hello.txt": "hello ${name}",
        }
    )
    assert graph.outputs["text"].value == "hello acme"


def test_declare_leaves_out_outputs_and_imports_too(link: Link) -> None:
    graph = link(
        {
            "keyplan.yaml": STACK
            + "module: {m: {source: ./m, inputs: {wanted: false}}}\n"
            + "import: [{to: key.root, id: k1, declare: false}]\n"
            + "output:\n"
            + "  a: {value: '${1}', declare: false}\n"
            + "  b: {value: '${length(module.m)}'}\n",
            "m/keyplan.yaml": "variable: {wanted: {type: bool}}\n"
            "output: {gone: {value: '${1}', declare: var.wanted}}\n",
        }
    )
    assert {name: item.value for name, item in graph.outputs.items()} == {"b": 0}
    assert not graph.imported


def test_moved_and_removed_and_import_name_keys_in_modules(link: Link) -> None:
    graph = link(
        {
            "keyplan.yaml": STACK
            + USE
            + "moved: [{from: module.customer, to: module.tenant}]\n"
            + "import:\n"
            + "  - for_each: {acme: k1}\n"
            + "    to: module.tenant[each.key].key.log\n"
            + "    id: '${each.value}'\n"
            + "removed: [{from: 'module.tenant[\"gone\"].key.data', mode: forget}]\n",
            "modules/tenant/keyplan.yaml": MODULE,
        }
    )
    assert [(item.source, item.target) for item in graph.moved] == [
        (f'module.customer["{name}"].key.{key}', f'module.tenant["{name}"].key.{key}')
        for name in ("acme", "globex")
        for key in ("data", "log")
    ]
    assert list(graph.imported) == ['module.tenant["acme"].key.log']
