"""Help is quick because it imports nothing that it does not need."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

HEAVY = {"pydantic", "rich", "yaml", "jinja2", "cryptography", "deepdiff", "boto3", "keyplan_hsm"}

PROGRAM = """
import io, os, sys
from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
run(sys.argv[1:], Terminal(sys.stdout, sys.stderr, os.environ))
print("\\n" + " ".join(sorted({name.partition(".")[0] for name in sys.modules})))
print(" ".join(sorted(sys.modules)))
"""


def _modules(folder: Path, *argv: str) -> tuple[set[str], set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *argv],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    top, every = done.stdout.splitlines()[-2:]
    return set(top.split()), set(every.split())


def test_help_imports_nothing_heavy_and_no_command(stack: Path) -> None:
    top, every = _modules(stack, "--help")
    assert not top & HEAVY
    assert "keyplan.cli.plan" not in every
    assert not [name for name in every if name.startswith("keyplan.planning")]


def _seconds(folder: Path, *argv: str) -> float:
    """CPU time of a Python program, as the operating system counts it: waiting is no work."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *argv], cwd=folder, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def test_help_costs_little_more_than_typer_itself(stack: Path) -> None:
    """A ratio of one run: the machine may be busy, and then both are slower."""
    pairs = [
        (_seconds(stack, "-m", "keyplan.cli", "--help"), _seconds(stack, "-c", "import typer"))
        for _ in range(7)
    ]
    assert min(ours / bare for ours, bare in pairs) < 2.5


def test_plan_text_needs_no_rich_without_a_terminal(stack: Path) -> None:
    top, _ = _modules(stack, "plan")
    assert "rich" not in top
    assert "deepdiff" not in top


def test_validate_imports_no_service_sdk(stack: Path) -> None:
    top, every = _modules(stack, "validate")
    assert not top & {"boto3", "cryptography", "rich", "deepdiff"}
    assert not [name for name in every if name.startswith(("keyplan.applying", "keyplan.planning"))]
