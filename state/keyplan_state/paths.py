"""Where the local store keeps its files, always below the stack.

Rules: the path of the state is relative and stays below the stack's folder, also after
symbolic links are followed. Looking creates nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from keyplan.errors import StoreError

_LOG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def problem_of(path: str) -> str:
    """Why a path cannot be that of a state, or the empty string. Looks at the text only."""
    pure = PurePosixPath(path)
    if not path or not pure.name or "\0" in path:
        return "it names no file"
    if pure.is_absolute() or ".." in pure.parts or path.startswith("~"):
        return "it must be relative and below the stack, without `..`"
    return ""


@dataclass(frozen=True, slots=True)
class LocalPaths:
    """The files of one state. `state` is absolute, with symbolic links followed."""

    state: Path

    @classmethod
    def below(cls, stack: Path, path: str) -> LocalPaths:
        """The files for a state at `path` below the stack. Raises `StoreError` if it is not."""
        if problem := problem_of(path):
            raise _outside(path, problem)
        try:
            root = stack.resolve()
            paths = cls((root / path).resolve())
            folders = (paths.journal, paths.archive, paths.history)
            ours = (paths.state, *(folder.resolve() for folder in folders))
        except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
            raise _outside(path, "its symbolic links lead in a circle") from None
        if not all(found.is_relative_to(root) for found in ours):
            raise _outside(path, "a symbolic link leads out of the stack")
        return paths

    @property
    def backup(self) -> Path:
        """The committed state before the present one."""
        return self.state.with_name(f"{self.state.name}.backup")

    @property
    def lock(self) -> Path:
        """Locked, and naming its holder, while somebody writes."""
        return self.state.with_name(f"{self.state.name}.lock")

    @property
    def journal(self) -> Path:
        """The folder of journals that are open."""
        return self.state.parent / ".keyplan" / "journal"

    @property
    def history(self) -> Path:
        """The folder of committed states that are kept, of this state alone."""
        return self.state.parent / ".keyplan" / "history" / self.state.name

    @property
    def archive(self) -> Path:
        """The folder of journals that are closed."""
        return self.journal / "archive"

    def open_log(self, log: str) -> Path:
        """The file of an open journal."""
        return self.journal / f"{checked_log_name(log)}.jsonl"

    def archived_log(self, log: str) -> Path:
        """The file of a closed journal."""
        return self.archive / f"{checked_log_name(log)}.jsonl"


def checked_log_name(log: str) -> str:
    """The name of a journal, if it can be one. Raises `StoreError`."""
    if not _LOG.fullmatch(log):
        raise StoreError(
            f"{log!r} is not the name of a journal",
            why="Names are letters, digits, `.`, `_` and `-`, at most 128, and begin with a"
            " letter or digit.",
            advice="`keyplan state history` lists the journals there are.",
        )
    return log


def _outside(path: str, problem: str) -> StoreError:
    return StoreError(
        f"the state cannot be kept there: {problem}",
        target=path,
        advice="Write a path such as keyplan.state.json in `keyplan.state.local.path`.",
    )
