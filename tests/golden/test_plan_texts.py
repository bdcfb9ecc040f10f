"""What a reviewer reads, whole: a change of any line of it is a change of the product."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keyplan.plans.plan import Plan
from keyplan.render.options import TextOptions
from keyplan.render.text import plan_text
from tests.golden import samples

FOLDER = Path(__file__).parent
SAVED = TextOptions(plan_file="kplan", seconds=0.6)

CASES: dict[str, tuple[Callable[[], Plan], TextOptions]] = {
    "small_create": (samples.small_create, SAVED),
    "risky_widening": (samples.risky, SAVED),
    "no_changes": (samples.no_changes, TextOptions(seconds=0.2)),
    "destroy": (samples.destroy, TextOptions(verb="destroy")),
    "refresh_only": (samples.refresh_only, TextOptions()),
    "blocked": (samples.blocked, SAVED),
}


@pytest.mark.parametrize("name", CASES)
def test_plan_text_is_as_agreed(name: str) -> None:
    make, options = CASES[name]
    text = plan_text(make(), options)
    golden = FOLDER / f"{name}.txt"
    if os.environ.get("KEYPLAN_UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("name", CASES)
def test_golden_text_fits_the_page(name: str) -> None:
    text = (FOLDER / f"{name}.txt").read_text()
    assert text.isascii()
    assert all(len(line) <= 80 and line == line.rstrip() for line in text.splitlines())
