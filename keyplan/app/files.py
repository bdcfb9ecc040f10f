"""Files that commands read and write: plan files and rendered output."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from keyplan.errors import KeyplanError, PlanFileError, UsageError
from keyplan.plans.plan import Plan
from keyplan.plans.planfile import read_plan, write_plan

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


def write_whole(path: Path, content: bytes, *, keep_mode: bool = False) -> None:
    """Replace a file in one step, so that a reader sees the old content or the new.

    The new file has the permissions that any new file gets, or with `keep_mode` those of
    the file that it replaces. Raises `UsageError` if the path names no file,
    `KeyplanError` if it cannot be written.
    """
    if not path.name:
        raise UsageError(
            f"{str(path)!r} is not the name of a file", advice="Name the file to write: --out FILE"
        )
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with staged.open("xb") as file:
            if keep_mode:
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        with suppress(OSError):  # a read-only file system refuses even this
            staged.unlink(missing_ok=True)
        raise KeyplanError(
            f"the file cannot be written: {error.strerror}",
            target=str(path),
            advice="Check the folder, its permissions and the space that is left.",
        ) from None
