"""What a failing store means to the caller: try again, give up, or find out what was done."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from keyplan.errors import KeyplanError, OutcomeUnknownError, RejectedError, TransientError

_FREE = "See how much space is left (df), and whether a limit is set (ulimit -f); then run again."


def unavailable(path: Path, error: sqlite3.Error) -> KeyplanError:
    """Nothing was done: busy can be tried again, a full disk or a broken file cannot."""
    if (medium := _medium(error)) is not None:
        return RejectedError(
            f"the HSM's store could not be used: {medium}", target=str(path), advice=_FREE
        )
    if isinstance(error, sqlite3.OperationalError):
        return TransientError(
            f"the HSM's store could not be used: {error}",
            target=str(path),
            advice="Another process may be writing to it; try again.",
        )
    return RejectedError(
        f"the HSM's store cannot be used: {error}",
        target=str(path),
        advice="Restore it from a copy.",
    )


def _medium(error: sqlite3.Error) -> str | None:
    """What is wrong with what the file is on, if it is that."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "the disk is full"
        case sqlite3.SQLITE_IOERR:
            return f"{error}: the disk is full, or faulty, or a file may not grow any more"
        case _:
            return None


def not_made(path: Path, error: OSError) -> KeyplanError:
    """The file or its directory could not be made: nothing was done."""
    return RejectedError(
        f"the HSM's store cannot be made: {error.strerror}",
        target=str(path),
        advice="Check the folder, its permissions and the space that is left, or choose another"
        " `store`.",
    )


def interrupted(path: Path, *, committing: bool) -> KeyplanError:
    """For those whose work somebody else's thread was committing when it was stopped."""
    kind = OutcomeUnknownError if committing else TransientError
    return kind(
        "the HSM was interrupted while it was written", target=str(path), advice="Try again."
    )


def lost(path: Path, error: sqlite3.Error) -> KeyplanError:
    """The commit failed half-way: nobody knows what the disk has."""
    return OutcomeUnknownError(
        f"the HSM's store failed while it was written: {_medium(error) or error}",
        target=str(path),
        advice=f"{_FREE} The next run looks whether the operation was done.",
    )
