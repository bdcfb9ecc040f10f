"""YAML that is made to exhaust whoever reads it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Refused = Callable[..., str]

MANY = 100_000


def billion_laughs(levels: int = 12) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "locals:\n" + "\n".join(f"  {line}" for line in lines) + "\n"


def quadratic_blowup() -> str:
    return f"locals:\n  a: &a {'x' * 100_000}\n  b: [{', '.join(['*a'] * 150_000)}]\n"


DOCUMENTS = {
    "billion laughs": (billion_laughs(), "KP-LANG-010"),
    "quadratic blowup": (quadratic_blowup(), "KP-LANG-010"),
    "an alias of itself": ("locals: &a {b: *a}\n", "KP-LANG-010"),
    "an anchor twice": ("locals: {a: &x 1, b: &x 2, c: *x}\nkey: {a: *x}\n", "KP-DECL-003"),
    "merge keys": ("locals:\n  a: &a {x: 1}\n  b: {<<: [*a, *a]}\n", "KP-LANG-012"),
    "flow lists to depth 10,000": (
        "locals: {a: " + "[" * 10_000 + "]" * 10_000 + "}",
        "KP-LANG-009",
    ),
    "flow lists never closed": ("[" * 200_000, "KP-LANG-009"),
    "flow maps never closed": ("{a: " * 200_000, "KP-LANG-009"),
    "block lists to depth 10,000": ("locals:\n  a:\n    " + "- " * 10_000 + "x\n", "KP-LANG-009"),
    "block maps to depth 1,000": (
        "".join(f"{' ' * n}a:\n" for n in range(1000)),
        "KP-LANG-009",
    ),
    "complex keys to depth 10,000": ("? " * 10_000 + "x\n", "KP-LANG-013"),
    "braces that never open": ("}" * MANY, "KP-LANG-006"),
    "quotes that never close": ('locals: {a: "' + "x\n" * MANY, "KP-LANG-006"),
    "a tag of 1 MB": ("locals: {a: !" + "t" * 1_000_000 + " x}\n", "KP-LANG-011"),
    "an anchor of 1 MB": ("locals: {a: &" + "t" * 1_000_000 + " x, b: *y}\n", "KP-LANG"),
    "a key of 1 MB": ("key: {" + "k" * 1_000_000 + ": 1}\n", "KP-LANG-006"),
    "a quoted key of 1,000 characters": ('key: {"' + "k" * 1000 + '": {}}\n', "KP-DECL-007"),
    "a line of 5 MB": ("key: {a: {provider: " + "p" * 5_000_000 + "}}\n", "KP-"),
    "a name of 1,000 characters": (f"key:\n  {'k' * 1000}: {{provider: x}}\n", "KP-DECL-007"),
    "a provider of 1 MB": (f"provider:\n  ? {'k' * 1_000_000}\n  : {{}}\n", "KP-"),
    "a million documents": ("---\n" * 1_000_000, "KP-LANG-015"),
    "a million directives": ("%FOO bar\n" * 500_000, "KP-LANG-006"),
    "a version directive": ("%YAML 9.9\n---\nkey: {}\n", "KP-LANG-006"),
    "one key 100,000 times": ("locals:\n" + "  a: 1\n" * MANY, "KP-LANG-014"),
    "100,000 unknown blocks": ("".join(f"b{n}: 1\n" for n in range(MANY)), "KP-DECL-011"),
    "100,000 keys that are nothing": (
        "key:\n" + "".join(f"  k{n}:\n" for n in range(MANY)),
        "KP-DECL-002",
    ),
    "100,000 tags": ("locals:\n" + "".join(f"  a{n}: !t 1\n" for n in range(MANY)), "KP-LANG-011"),
    "keys of every other kind": (
        "key: {1: {}, true: {}, ~: {}, [a]: {}, {b: c}: {}}",
        "KP-LANG-013",
    ),
    "nothing but colons": (":" * MANY, "KP-"),
    "nothing but question marks": ("? " * 50 + "\n" + "?\n" * MANY, "KP-"),
    "nothing but commas": ("[" + "," * MANY, "KP-LANG-006"),
    "nothing but dashes": ("- " * 90 + "x\n" + "-\n" * MANY, "KP-LANG"),
    "nothing but stars": ("*" * MANY, "KP-LANG-006"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_exhausts_is_refused(name: str, refused: Refused) -> None:
    content, code = DOCUMENTS[name]
    refused(content, code)


def test_a_file_of_more_than_ten_megabytes_is_not_read(refused: Refused) -> None:
    said = refused("locals: {a: " + "x" * 10_000_000 + "}\n", "KP-LANG-002", seconds=5)
    assert "larger than 10,000,000 bytes" in said


@pytest.mark.parametrize("line", ["- {}\n", "# comment\n", "- |\n a\n"])
def test_ten_megabytes_of_the_smallest_lines_are_bounded(line: str, refused: Refused) -> None:
    refused(line * (9_999_990 // len(line)) + "x: ]", "KP-LANG", seconds=60, megabytes=900)


def test_ten_megabytes_of_one_list_are_bounded(refused: Refused) -> None:
    refused("locals: {a: [" + "a," * 4_999_000 + "]}\n]", "KP-LANG", seconds=60, megabytes=900)


def test_ten_megabytes_of_one_map_are_bounded(refused: Refused) -> None:
    body = "".join(f"a{n}: b\n" for n in range(900_000))
    refused(f"{body}: ]", "KP-LANG", seconds=60, megabytes=900)
