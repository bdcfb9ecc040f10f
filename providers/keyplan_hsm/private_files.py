"""Files that only their owner may read: made so, and refused if they are not.

Rules: files are 0600 and directories that we make 0700 from the first moment, whatever
the umask. A directory that was there before may be readable by others (the files in it
are not), but not writable: who can write to a directory can replace what is in it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from keyplan.errors import DeniedError


def make_directory(path: Path) -> None:
    """Make a directory (and those above it) with mode 0700 unless it is there."""
    missing = [path, *path.parents]
    for directory in reversed([item for item in missing if not item.exists()]):
        directory.mkdir(mode=0o700, exist_ok=True)


def make_file(path: Path, content: bytes = b"") -> None:
    """Make a new file of mode 0600, durable on return. Raises `FileExistsError`."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def check_private(path: Path) -> None:
    """Raise `DeniedError` unless only the owner can read a file, or replace it."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise DeniedError(
            "this is not a file",
            target=str(path),
            why="The HSM emulator keeps its store, and what unlocks it, in ordinary files.",
            advice="Choose another `store`: the path of a file that is there, or will be.",
        )
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise DeniedError(
            f"others may read or write this file (mode {stat.S_IMODE(facts.st_mode):04o})",
            target=str(path),
            why="It belongs to the HSM emulator and must be private to its owner.",
            advice=f"chmod 600 {path}",
        )
    directory = path.parent.stat()
    writable_by_others = directory.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if writable_by_others and not directory.st_mode & stat.S_ISVTX:
        raise DeniedError(
            f"others may replace this file (directory mode {stat.S_IMODE(directory.st_mode):04o})",
            target=str(path),
            why="Its directory is writable for the group or for everybody.",
            advice=f"chmod 700 {path.parent}",
        )
    trusted = {os.geteuid(), 0}
    if facts.st_uid not in trusted or directory.st_uid not in trusted:
        raise DeniedError(
            "this file or its directory belongs to somebody else",
            target=str(path),
            why="An HSM store is used by the user who made it.",
            advice="Work as that user, or choose another `store` in the provider block.",
        )
