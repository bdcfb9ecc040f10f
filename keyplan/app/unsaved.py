"""A state that its store did not take, kept in a file beside the stack.

Rules: the file is whole, readable by its owner only, and never followed through a link;
the error keeps its class and gets the exact command that puts the state where it belongs.
The journal is the first way back in any case: it needs no file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keyplan.errors import StateConflictError, StateError

ERRORED = "errored.keyplan.state.json"
"""What the file is called."""


@contextmanager
def keeping_unsaved(folder: Path) -> Iterator[None]:
    """Write the state that an error carries into `folder`, and say how to push it."""
    try:
        yield
    except StateError as error:
        if error.unsaved is not None:
            error.advice = f"{error.advice}\n{_kept(folder / ERRORED, error)}".lstrip("\n")
        raise


def _kept(path: Path, error: StateError) -> str:
    try:
        _write(path, error.unsaved or b"")
    except OSError as problem:
        return f"{path.name} could not be written either: {problem.strerror}."
    words = f"The state is also in {path.name}. If the journal is lost, push it: "
    if isinstance(error, StateConflictError):
        words = f"The state of this run is in {path.name}. Compare it with the other one before: "
    return f"{words}keyplan state push {path.name}"


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    staged = path.with_name(f".{path.name}.new")
    staged.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(staged, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
        raise
