"""Stacks whose parts are small, and which together never end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Refused = Callable[..., str]
HEAD = "provider: {hsm: {store: .keyplan/hsm.db}}\n"
KEY = "provider: hsm, usage: encrypt, algorithm: aes-256"
MANY = 3000


def keys(more: Callable[[int], str], count: int = MANY) -> str:
    lines = [f"  abcdefgh{n}: {{{KEY}, {more(n)}}}" for n in range(count)]
    return f"{HEAD}key:\n" + "\n".join(lines) + "\n"


def locals_of(value: Callable[[int], str], count: int) -> str:
    return "locals:\n" + "\n".join(f"  a{n}: '{value(n)}'" for n in range(count)) + "\n"


STACKS = {
    "a local of itself": (locals_of(lambda n: "${local.a0}", 1), "KP-REF-008"),
    "a circle of 20,000 locals": (
        locals_of(lambda n: f"${{local.a{(n or 20_000) - 1}}}", 20_000),
        "KP-REF-008",
    ),
    "a key that is its own parent": (keys(lambda n: "parent: key.abcdefgh0", 1), "KP-HIER-001"),
    "a circle of 3,000 parents": (
        keys(lambda n: f"parent: key.abcdefgh{(n or MANY) - 1}"),
        "KP-HIER-001",
    ),
    "a circle of 3,000 attributes": (
        keys(lambda n: f'labels: {{x: "${{key.abcdefgh{(n or MANY) - 1}.labels.x}}"}}'),
        "KP-REF-00",
    ),
    "a circle of 3,000 that depend": (
        keys(lambda n: f"depends_on: [key.abcdefgh{(n or MANY) - 1}]"),
        "KP-REF-00",
    ),
    "every key depends on every key": (
        keys(lambda n: f"depends_on: [{', '.join(f'key.abcdefgh{m}' for m in range(300))}]", 300),
        "KP-REF-00",
    ),
    "3,000 undeclared parents": (keys(lambda n: f"parent: key.abcdefgx{n}"), "KP-REF-002"),
    "3,000 undeclared policies": (
        keys(lambda n: f"policies: [policy.abcdefgx{n}]"),
        "KP-REF-002",
    ),
    "3,000 misspelt attributes": (
        keys(lambda n: f'labels: {{x: "${{key.abcdefgh0.labls{n}}}"}}'),
        "KP-",
    ),
    "3,000 entries that are not there": (
        "locals:\n  m: {"
        + ", ".join(f"abcdefgh{n}: 1" for n in range(MANY))
        + "}\n"
        + "".join(f"  b{n}: '${{lookup(local.m, \"abcdefgx{n}\")}}'\n" for n in range(MANY)),
        "KP-EXPR-014",
    ),
    "3,000 unknown fields": (
        f"{HEAD}key:\n  a: {{{', '.join(f'abcdefgh{n}: 1' for n in range(MANY))}}}\n",
        "KP-DECL-001",
    ),
    "20,000 mistakes in one line": (
        "key: {" + ", ".join(f"a{n}: []" for n in range(20_000)) + "}\n",
        "KP-DECL-003",
    ),
    "a million instances": (
        "locals: {a: \"${split(',', join(',', range(300)))}\"}\n"
        + HEAD
        + "key:\n"
        + "".join(
            f"  a{n}: {{for_each: '${{product(local.a, local.a)}}', tier: root, {KEY}}}\n"
            for n in range(3)
        ),
        "KP-EXPR-013",
    ),
    "a for_each of a name of 1 MB": (
        f"{HEAD}key:\n  a: {{for_each: '${{[\"x\" * 1000000]}}', {KEY}}}\n",
        "KP-DECL-025",
    ),
    "a for_each of a name that moves text": (
        f'{HEAD}key:\n  a: {{for_each: ["\\u001b[2J"], {KEY}}}\n',
        "KP-DECL-025",
    ),
    "aliases that are one": (keys(lambda n: "aliases: [same]", 1000), "KP-"),
}


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_that_never_ends_is_refused(name: str, refused: Refused) -> None:
    content, code = STACKS[name]
    refused(content, code, megabytes=900)


def test_a_message_about_a_line_of_megabytes_shows_what_is_around_the_place(
    tmp_path: Path, answer: Callable[..., object], refused: Refused
) -> None:
    line = "key: {" + ", ".join(f"a{n}: []" for n in range(5000)) + "}\n"
    assert "a30: []" in refused(line, "KP-DECL-003")
    found = answer(tmp_path / "stack", "validate", "--json")
    assert found.code == 1  # type: ignore[attr-defined]
    assert len(found.text) < 5000 * 3000  # type: ignore[attr-defined]


MODULE = "module: {{m: {{source: {source}, for_each: [a, b, c, d, e, f, g, h, i, j]}}}}\n"


def test_modules_that_use_each_other_are_refused(tmp_path: Path, refused: Refused) -> None:
    for name, source in (("a", "../b"), ("b", "../a")):
        (tmp_path / "stack" / name).mkdir(parents=True)
        text = MODULE.format(source=source)
        (tmp_path / "stack" / name / "keyplan.yaml").write_text(text)
    refused(MODULE.format(source="./a"), "KP-")


def test_modules_that_multiply_are_refused(tmp_path: Path, refused: Refused) -> None:
    for number in range(30):
        (tmp_path / "stack" / f"m{number}").mkdir(parents=True)
        text = MODULE.format(source=f"../m{number + 1}") if number < 29 else "locals: {a: 1}\n"
        (tmp_path / "stack" / f"m{number}" / "keyplan.yaml").write_text(text)
    refused(MODULE.format(source="./m0"), "KP-", seconds=60, megabytes=900)


@pytest.mark.parametrize(
    "source", ["..", "../..", "/", "/etc", ".", "./", "''", "'${var.x}'", "http://x/y", "./link",
               "./fifo", "./nowhere", "'a\\0b'", "~", "./.keyplan", "x" * 5000]
)  # fmt: skip
def test_a_module_from_elsewhere_is_refused(source: str, tmp_path: Path, refused: Refused) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "keyplan.yaml").write_text("locals: {a: 1}\n")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / ".keyplan").mkdir()
    (folder / ".keyplan" / "keyplan.yaml").write_text("locals: {a: 1}\n")
    refused(f"module: {{m: {{source: {source}}}}}\n", "KP-")
