"""Every code in the source is explained, and every explanation is of a code that is used."""

from __future__ import annotations

import re

from tests.docs.errors_page import PAGE, SECTIONS, page
from tests.docs.pages import ROOT
from tests.docs.remedies import OTHERS, REMEDIES

_CODE = re.compile(r"\bKP-[A-Z]+-\d+\b")
_HEADING = re.compile(r"^### (KP-[A-Z]+-\d+): ", re.MULTILINE)
_TABLES = ("codes.py", "codes_declarations.py")
_TESTING = "keyplan/testing/"


def used() -> dict[str, set[str]]:
    """Where each code stands in the source, but for tables, and for what only tests see."""
    found: dict[str, set[str]] = {}
    for folder in ("keyplan", "providers", "state"):
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if path.name in _TABLES or name.startswith(_TESTING):
                continue
            for code in _CODE.findall(path.read_text(encoding="utf-8")):
                found.setdefault(code, set()).add(name)
    return found


def documented() -> list[str]:
    return _HEADING.findall(PAGE.read_text(encoding="utf-8"))


def test_every_code_of_the_source_is_documented() -> None:
    missing = {code: places for code, places in used().items() if code not in documented()}
    assert not missing, "explain it in tests/docs/meanings_*.py or a table of codes"


def test_every_documented_code_is_used() -> None:
    assert set(documented()) - used().keys() == set()


def test_every_code_is_documented_once_and_in_order() -> None:
    codes = documented()
    assert len(codes) == len(set(codes))
    prefixes = [prefix for prefix, _ in SECTIONS]
    places = [(prefixes.index(code.rpartition("-")[0]), code) for code in codes]
    assert places == sorted(places)


def test_no_remedy_is_left_over() -> None:
    assert REMEDIES.keys() <= set(documented())
    assert OTHERS.keys() <= REMEDIES.keys()


def test_the_page_is_made_from_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.docs.errors_page"
