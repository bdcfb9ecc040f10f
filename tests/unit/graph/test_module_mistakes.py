"""Modules: what is wrong with some, and the line that uses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import keyplan.graph.modules
from keyplan.diagnostics import Diagnostic
from tests.unit.graph.module_stacks import STACK

Mistakes = Callable[..., list[Diagnostic]]


def only(found: list[Diagnostic]) -> tuple[str, str, list[str]]:
    (item,) = found
    related = [f"{other.label} {other.position}" for other in item.related]
    return item.code, str(item.position), related


SMALL = "provider: {hsm: {}}\nmodule:\n  m:\n    source: ./m\n"


@pytest.mark.parametrize("inputs", ["text", "'${var.x}'", "[a]"])
def test_inputs_are_written_out_as_a_map(mistakes: Mistakes, inputs: str) -> None:
    (found,) = mistakes(
        {
            "keyplan.yaml": "variable: {x: {type: any, default: {}}}\n"
            + SMALL
            + f"    inputs: {inputs}\n",
            "m/keyplan.yaml": "locals: {}\n",
        }
    )
    assert (found.code, str(found.position)) == ("KP-DECL-003", "keyplan.yaml:6:13")


def test_a_mistake_in_a_module_shows_the_line_that_uses_it(mistakes: Mistakes) -> None:
    found = mistakes({"keyplan.yaml": SMALL, "m/keyplan.yaml": "key: {a: {provide: hsm}}\n"})
    assert ("KP-DECL-001", "m/keyplan.yaml:1:11") in [
        (item.code, str(item.position)) for item in found
    ]
    for item in found:
        assert "module.m is used here keyplan.yaml:3:3" in [
            f"{other.label} {other.position}" for other in item.related
        ]


def test_a_rule_that_a_key_in_a_module_breaks_shows_the_line_too(mistakes: Mistakes) -> None:
    module = "key: {a: {provider: hsm, tier: root, usage: sign, algorithm: aes-256}}\n"
    code, place, others = only(mistakes({"keyplan.yaml": SMALL, "m/keyplan.yaml": module}))
    assert (code, place) == ("KP-HIER-009", "m/keyplan.yaml:1:45")
    assert others[-1] == "module.m is used here keyplan.yaml:3:3"


@pytest.mark.parametrize(
    ("inputs", "code", "place", "words"),
    [
        ("{name: a, nam: b}", "KP-DECL-017", "5:23", "Did you mean 'name'?"),
        ("{}", "KP-DECL-016", "5:5", "inputs: {name: ...}"),
        ("{name: [a]}", "KP-DECL-003", "5:20", "text"),
        ("{name: a, parent: key.rot}", "KP-REF-002", "5:31", "Declare it under `key:`."),
        ("{name: a, parent: text}", "KP-EXPR-005", "5:31", ""),
        ("{name: '${nothing.x}'}", "KP-EXPR-005", "5:23", ""),
        ("{name: ab}", "KP-DECL-019", "5:5", "validation"),
    ],
)
def test_inputs_are_checked_where_they_are_given(
    mistakes: Mistakes, inputs: str, code: str, place: str, words: str
) -> None:
    module = (
        "variable:\n"
        "  name:\n"
        "    type: string\n"
        "    validation: [{condition: length(var.name) == 1, error_message: One letter.}]\n"
        "  parent: {type: key, default: none}\n"
    )
    (found,) = mistakes(
        {"keyplan.yaml": f"{SMALL}    inputs: {inputs}\n", "m/keyplan.yaml": module}
    )
    assert (found.code, str(found.position)) == (code, f"keyplan.yaml:{place}")
    assert words in found.advice


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("./absent", "does not exist"),
        ("modules/m", "does not begin with ./"),
        ("/etc", "is not a relative path"),
        ("../outside", "leaves the stack"),
        ("./link", "leaves the stack"),
        ("./keyplan.yaml", "is not a directory"),
        ("./.keyplan", "keyplan's own"),
        ("git::https://example.com/m", "is not a directory of this stack"),
    ],
)
def test_a_source_is_a_folder_below_the_stack(tmp_path: Path, source: str, words: str) -> None:
    from keyplan.diagnostics import ConfigurationError  # noqa: PLC0415
    from keyplan.graph.link import load_graph  # noqa: PLC0415

    stack, outside = tmp_path / "stack", tmp_path / "outside"
    for folder in (stack / ".keyplan", outside):
        folder.mkdir(parents=True)
    (outside / "keyplan.yaml").write_text("locals: {}\n")
    (stack / "link").symlink_to(outside)
    (stack / "keyplan.yaml").write_text(f"module: {{m: {{source: '{source}'}}}}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_graph(stack, plugins={}, environment={})
    (found,) = caught.value.diagnostics
    assert found.code == "KP-DECL-030"
    assert words in found.summary


def test_modules_in_a_circle_are_reported_with_every_step(mistakes: Mistakes) -> None:
    found = mistakes(
        {
            "keyplan.yaml": SMALL,
            "m/keyplan.yaml": "module: {n: {source: ../n}}\n",
            "n/keyplan.yaml": "module: {m: {source: ../m}}\n",
        }
    )
    code, place, others = only(found)
    assert (code, place) == ("KP-DECL-031", "n/keyplan.yaml:1:22")
    assert found[0].summary.endswith("circle: m -> n -> m")
    assert others == [
        "module.n is used here m/keyplan.yaml:1:10",
        "module.m is used here keyplan.yaml:3:3",
    ]


def test_a_stack_cannot_be_its_own_module(mistakes: Mistakes) -> None:
    (found,) = mistakes("module: {m: {source: ./}}\n")
    assert found.summary.endswith("the stack -> the stack")


def test_modules_are_nested_ten_deep_at_most(mistakes: Mistakes) -> None:
    files = {f"m{n}/keyplan.yaml": f"module: {{m: {{source: ../m{n + 1}}}}}\n" for n in range(12)}
    (found,) = mistakes({"keyplan.yaml": "module: {m: {source: ./m0}}\n", **files})
    assert (found.code, str(found.position)) == ("KP-DECL-031", "m9/keyplan.yaml:1:22")


def test_values_in_a_circle_are_reported_with_every_step(mistakes: Mistakes) -> None:
    found = mistakes(
        {
            "keyplan.yaml": "module:\n"
            "  a: {source: ./m, inputs: {x: '${module.b.y}'}}\n"
            "  b: {source: ./m, inputs: {x: '${module.a.y}'}}\n",
            "m/keyplan.yaml": "variable: {x: {type: string}}\noutput: {y: {value: var.x}}\n",
        }
    )
    (item,) = found
    assert item.code == "KP-REF-013"
    steps = "module.a.var.x -> module.b.output.y -> module.b.var.x -> module.a.output.y"
    assert item.summary == f"values lead in a circle: {steps} -> module.a.var.x"


@pytest.mark.parametrize(
    "block", ["provider: {hsm: {}}", "removed: []\nmoved: [{from: key.a, to: key.b}]"]
)
def test_what_belongs_to_the_stack_is_refused_in_a_module(mistakes: Mistakes, block: str) -> None:
    (found,) = mistakes({"keyplan.yaml": SMALL, "m/keyplan.yaml": block + "\n"})
    assert found.code == "KP-DECL-033"


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("module.man.x", "KP-REF-002", "Did you mean 'many'?"),
        ("module.m.outt", "KP-REF-002", "Did you mean 'out'?"),
        ("module.m.key.a.id", "KP-REF-002", "Declare an `output` in the module."),
        ("module.many.out", "KP-REF-003", 'Write module.many["a"].out.'),
        ("module.many.a.out", "KP-REF-001", 'Write module.many["a"].'),
        ("'module.many[\"b\"].out'", "KP-REF-002", "Did you mean 'bb'?"),
    ],
)
def test_what_cannot_be_read_of_a_module_says_what_to_write(
    mistakes: Mistakes, value: str, code: str, words: str
) -> None:
    (found,) = mistakes(
        {
            "keyplan.yaml": SMALL
            + "  many: {source: ./m, for_each: [a, bb]}\n"
            + f"output: {{o: {{value: {value}}}}}\n",
            "m/keyplan.yaml": "output: {out: {value: '${1}'}}\n",
        }
    )
    assert found.code == code
    assert words in found.advice


def test_for_each_of_a_module_cannot_read_a_key(mistakes: Mistakes) -> None:
    module = "variable: {x: {type: {list: string}}}\nkey: {a: {for_each: var.x, provider: hsm}}\n"
    found = mistakes(
        {
            "keyplan.yaml": STACK + "module: {m: {source: ./m, inputs: {x: ['${key.root.id}']}}}\n",
            "m/keyplan.yaml": module,
        }
    )
    assert {item.code for item in found} == {"KP-REF-012"}


def test_there_is_a_limit_to_the_number_of_instances(
    mistakes: Mistakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyplan.graph.modules, "MAX_INSTANCES", 5)
    stack = "module: {m: {source: ./m, for_each: [a, b, c, d, e, f, g]}}\n"
    (found,) = mistakes({"keyplan.yaml": stack, "m/keyplan.yaml": "locals: {}\n"})
    assert (found.code, str(found.position)) == ("KP-DECL-031", "keyplan.yaml:1:10")


def test_provider_names_that_a_module_is_given_must_exist(mistakes: Mistakes) -> None:
    stack = SMALL + "    providers: {aws: hsmm}\n"
    found = mistakes({"keyplan.yaml": stack, "m/keyplan.yaml": "locals: {}\n"})
    assert [(item.code, item.advice) for item in found] == [("KP-REF-009", "Did you mean 'hsm'?")]
