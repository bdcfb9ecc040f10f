"""What a failing store means to the caller: try again, give up, or find out what was done."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from keyplan.errors import KeyplanError, OutcomeUnknownError, RejectedError, TransientError


def unavailable(path: Path, error: sqlite3.Error) -> KeyplanError:
    """Nothing was done: busy can be tried again, a broken file cannot."""
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
        f"the HSM's store failed while it was written: {error}",
        target=str(path),
        advice="Check the disk. The next run looks whether the operation was done.",
    )
