"""Replacing a file in one step. Imports nothing else of the core: formatters are run often."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from keyplan.errors import KeyplanError, UsageError


def write_whole(
    path: Path, content: bytes, *, keep_mode: bool = False, mode: int | None = None
) -> None:
    """Replace a file in one step, so that a reader sees the old content or the new.

    The new file has the permissions that any new file gets, with `keep_mode` those of
    the file that it replaces, or those of `mode`. Raises `UsageError` if the path names no file,
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
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        with suppress(OSError):  # a read-only file system refuses even this
            staged.unlink(missing_ok=True)
        advice = "Check the folder, its permissions and the space that is left."
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            advice = f"There is no folder {path.parent}: make it first, or write somewhere else."
        raise KeyplanError(
            f"the file cannot be written: {error.strerror}", target=str(path), advice=advice
        ) from None
