"""One broken file per mistake: its first line says which codes are expected, and where."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from keyplan.config.codes_declarations import ALL_CODES, DECLARATION_CODES
from keyplan.diagnostics import Diagnostic

BROKEN = Path(__file__).parents[2] / "broken"
FILES = sorted(BROKEN.glob("*.yaml"))
SOURCES = Path(__file__).parents[3] / "keyplan"
CODE = re.compile(r"KP-(?:DECL|REF|POL|HIER|CAP)-\d{3}")


def expected(text: str) -> list[str]:
    first = text.partition("\n")[0]
    assert first.startswith("# expect: ")
    return first.removeprefix("# expect: ").split(", ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_mistake_is_found_where_it_is(
    file: Path, mistakes: Callable[..., list[Diagnostic]]
) -> None:
    text = file.read_text(encoding="utf-8")
    found = mistakes(text)
    places = [
        f"{item.code} {item.position.line}:{item.position.column}"
        for item in found
        if item.position is not None
    ]
    assert places == expected(text)
    for item in found:
        assert item.position is not None
        assert item.snippet == text.split("\n")[item.position.line - 1]
        assert item.why or item.advice
        assert not item.summary.endswith(".")


def test_there_is_a_broken_file_for_every_code_that_one_file_can_cause() -> None:
    shown = {code for file in FILES for code in CODE.findall(file.read_text(encoding="utf-8"))}
    elsewhere = {
        "KP-DECL-008",  # needs two files
        "KP-DECL-017",  # needs a file of variables
        "KP-DECL-021",  # needs the command line
        "KP-DECL-028",  # a warning
        "KP-DECL-030",  # needs a module
        "KP-DECL-031",  # needs a module
        "KP-DECL-033",  # needs a module
        "KP-REF-013",  # needs a module
        "KP-POL-004",  # a provider's own words
        "KP-HIER-030",  # a warning
    }
    assert shown | elsewhere == set(DECLARATION_CODES)


def test_every_code_that_is_used_is_explained_and_the_other_way_round() -> None:
    used = {
        code
        for folder in ("config", "graph", "rules")
        for file in (SOURCES / folder).rglob("*.py")
        if file.name != "codes_declarations.py"
        for code in CODE.findall(file.read_text(encoding="utf-8"))
    }
    assert used == set(DECLARATION_CODES)
    assert set(DECLARATION_CODES) <= set(ALL_CODES)
