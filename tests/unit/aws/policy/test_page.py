"""The page on key policies names every operation, and every action that is not its namesake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keyplan.model.policies import OPERATIONS
from keyplan_aws.policy.operations import ACTIONS_OF

PAGE = Path(__file__).parents[4] / "docs" / "aws-policies.md"
_ROWS = PAGE.read_text(encoding="utf-8").partition("## Operations")[2].partition("\n## ")[0]
_PLAIN = {"enable", "disable", "alias", "replicate", "import_material", "get_public_key"}
_PLAIN |= {"schedule_deletion", "cancel_deletion"}
"""Operations whose actions have their names, and that the page leaves out."""


def test_every_operation_that_is_not_plain_has_a_row() -> None:
    rows = {name for line in _ROWS.splitlines() for name in re.findall(r"`(\w+)`", line[:90])}
    assert rows >= OPERATIONS - _PLAIN


@pytest.mark.parametrize(
    "operation", ["reencrypt", "set_policy", "grant", "label", "rotate", "agree"]
)
def test_a_row_names_the_actions(operation: str) -> None:
    (row,) = [line for line in _ROWS.splitlines() if line.startswith(f"| `{operation}` |")]
    named = {f"kms:{name}" for name in re.findall(r"`(\w+)`", row)[1:]}
    assert named == set(ACTIONS_OF[operation])
