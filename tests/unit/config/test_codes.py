"""Every code that the language's lower half reports is in the table, and none is there in vain."""

from __future__ import annotations

import re
from pathlib import Path

import keyplan.config
from keyplan.config.codes import CODES

FOLDER = Path(keyplan.config.__file__).parent
FILES = [
    *(FOLDER / f"{name}.py" for name in ("source", "tree", "building", "syntax", "scope")),
    *(FOLDER / "engine").rglob("*.py"),
]


def test_the_table_holds_exactly_the_codes_that_are_used() -> None:
    used = {
        code
        for file in FILES
        for code in re.findall(r"KP-(?:LANG|EXPR)-\d{3}", file.read_text(encoding="utf-8"))
    }
    assert used == set(CODES)


def test_every_code_has_a_title_and_an_explanation() -> None:
    for code, info in CODES.items():
        assert re.fullmatch(r"KP-(LANG|EXPR)-\d{3}", code)
        assert info.title
        assert not info.title.endswith(".")
        assert info.explanation.endswith(".")
