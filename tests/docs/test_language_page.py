"""The page on the language names everything that there is, and nothing else."""

from __future__ import annotations

import re

from keyplan.config.engine.checks import CHECKS
from keyplan.config.engine.functions import FUNCTIONS
from keyplan.config.language import BLOCKS, LATER_BLOCKS, RESERVED
from keyplan.config.language_key import KEY
from keyplan.model.keys import ALGORITHMS, Usage
from keyplan.model.policies import GROUPS, OPERATIONS
from keyplan.model.principals import PrincipalKind
from tests.docs.pages import DOCS
from tests.docs.test_cli_page import section

LANGUAGE = (DOCS / "language.md").read_text(encoding="utf-8")
POLICIES = (DOCS / "policies.md").read_text(encoding="utf-8")
_CODE = re.compile(r"`([^`\n]+)`")


def first_cells(text: str) -> set[str]:
    """Every word in code in the first cells of the rows of a table."""
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    return {word for cell in cells for word in _CODE.findall(cell)}


def test_every_block_is_named() -> None:
    blocks = section(LANGUAGE, "## Blocks")
    assert first_cells(blocks) == set(BLOCKS)
    for word in (*LATER_BLOCKS, *RESERVED, *(kind.value for kind in PrincipalKind)):
        assert re.search(rf"\b{word}\b", blocks), word


def test_every_attribute_of_a_key_is_named() -> None:
    named = first_cells(section(LANGUAGE, "## Attributes of a key"))
    fields = {field.name for field in KEY.fields if not field.later}
    assert named == fields - {"for_each", "declare"}


def test_every_usage_and_algorithm_is_named() -> None:
    words = set(_CODE.findall(section(LANGUAGE, "## Attributes of a key")))
    assert words >= {usage.value for usage in Usage} | ALGORITHMS.keys()


def test_every_function_is_named() -> None:
    rows = section(LANGUAGE, "### Functions").partition("\n\n`product")[0]
    assert set(_CODE.findall(rows)) == FUNCTIONS.keys()


def test_every_test_of_an_expression_is_named() -> None:
    (row,) = [line for line in LANGUAGE.splitlines() if line.startswith("| tests |")]
    assert set(_CODE.findall(row)) - {"x is none", "x is not none"} == CHECKS.keys() - {"none"}


def test_every_operation_of_a_policy_is_named() -> None:
    assert set(_CODE.findall(section(POLICIES, "## Operations"))) >= OPERATIONS | GROUPS
