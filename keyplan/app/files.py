"""Files that commands read and write: plan files and rendered output."""

from __future__ import annotations

from pathlib import Path

from keyplan.app.writing import write_whole
from keyplan.errors import PlanFileError
from keyplan.plans.plan import Plan
from keyplan.plans.planfile import read_plan, write_plan

__all__ = ["LARGEST", "load_plan", "save_plan", "write_whole"]

LARGEST = 512 * 1024 * 1024
"""A plan file larger than this many bytes is not one of ours."""


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan file, whole or not at all."""
    write_whole(path, write_plan(plan))


def load_plan(path: Path) -> Plan:
    """Read a plan file. Raises `PlanFileError`."""
    try:
        with path.open("rb") as file:  # a pipe or a device says nothing of its size
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise PlanFileError(
            f"the plan file cannot be read: {error.strerror}",
            target=str(path),
            advice="Make a plan first: keyplan plan --out FILE",
        ) from None
    if len(content) > LARGEST:
        raise PlanFileError(
            "the file is too large for a plan file",
            target=str(path),
            advice="Make a plan first: keyplan plan --out FILE",
        )
    try:
        return read_plan(content)
    except PlanFileError as error:
        error.target = error.target or str(path)
        raise
