"""What the README shows can be done, and prints what it shows; so do the other pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, README, ROOT, blocks, name_of
from tests.docs.transcript import ELSEWHERE, commands, matches, perform

_TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
_MAKE = re.compile(r"\bmake ([a-z]+)\b")
_SHOWN = [page for page in PAGES if any(block.language == "console" for block in blocks(page))]


@pytest.mark.parametrize("page", _SHOWN, ids=name_of)
def test_every_command_does_and_prints_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    assert perform(page, tmp_path) > 0


def test_the_tour_runs_the_whole_way_from_plan_to_audit() -> None:
    shown = "\n".join(block.text for block in blocks(README) if block.language == "console")
    for command in ("keyplan plan", "keyplan apply", "keyplan hsm encrypt", "hsm audit --verify"):
        assert command in shown


def test_the_commands_of_the_checkout_are_targets_of_the_makefile() -> None:
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    named = set(_MAKE.findall(README.read_text(encoding="utf-8")))
    assert {"quickstart", "test"} <= named
    assert named <= targets


def test_the_readme_says_what_every_package_is_for() -> None:
    text = README.read_text(encoding="utf-8")
    packages = {path.parent.name for path in (ROOT / "keyplan").glob("*/__init__.py")}
    assert {name for name in packages if f"`{name}`" not in text} == set()
    for folder in ("keyplan/", "providers/", "state/", "examples/", "tests/", "docs/"):
        assert f"`{folder}`" in text


def test_a_command_that_is_not_run_here_is_one_of_the_checkout() -> None:
    texts = [
        command.text
        for block in blocks(README)
        if block.language == "console"
        for command in commands(block)
    ]
    assert sum(ELSEWHERE.match(text) is not None for text in texts) <= 5


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("Read 3 in 0.2 s", "Read 3 in 12.9 s", True),
        ("one\n...\nfour", "one\ntwo\nthree\nfour", True),
        ("one\n...\nfive", "one\ntwo\nthree\nfour", False),
        ("No changes.", "No changes. Really.", False),
        ("  hsm   11902C6C   as x", "  hsm  7F3A19C2  as x", True),
        ("first due 2027-11-22", "first due 2028-01-01", True),
        ("id hk-6151634d5a26c1d0", "id hk-0000000000000000", True),
    ],
)
def test_output_is_compared_but_for_what_varies(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same
