"""`keyplan.required_version`."""

from __future__ import annotations

import pytest

from keyplan.config.version import satisfies


@pytest.mark.parametrize(
    ("version", "requirement", "fits"),
    [
        ("0.1.0", ">=0.1,<1", True),
        ("1.0.0", ">=0.1,<1", False),
        ("0.1.0.dev3", ">=0.1", True),
        ("1.2.3", "==1.2.3", True),
        ("1.2.0", "==1.2", True),
        ("1.2.3", "!=1.2.3", False),
        ("1.9.0", "~=1.2", True),
        ("2.0.0", "~=1.2", False),
        ("1.1.0", "~=1.2", False),
        ("1.2.9", "~=1.2.3", True),
        ("1.3.0", "~=1.2.3", False),
        ("1.10.0", "> 1.9", True),
        ("1.9", "<=1.9.0", True),
    ],
)
def test_comparisons_are_of_numbers(version: str, requirement: str, *, fits: bool) -> None:
    assert satisfies(version, requirement) is fits


@pytest.mark.parametrize("requirement", ["latest", "1.2", "~> 1.2", "~=1", ">=1.2.3.4", "", ">=x"])
def test_anything_else_is_refused(requirement: str) -> None:
    with pytest.raises(ValueError):
        satisfies("1.2.3", requirement)
