"""Files that survive a crash: read, replace as a whole, append as a whole, or say why not.

Rules: a file is complete or as it was before; a new or renamed file is durable, directory
entry included, on return. Files are created 0600 and directories 0700. A symbolic link in
place of a file is never followed, and a file that others can write to is not trusted.
Every failure is a `StoreError` that names the path and what to do.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keyplan.errors import StoreError

_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not make anybody wait
_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700

_ADVICE = {
    errno.ENOSPC: "The disk is full: free some space, then run again.",
    errno.EDQUOT: "The disk quota is used up: free some space, then run again.",
    errno.EFBIG: "The file may not grow any more: raise the limit (ulimit -f), then run again.",
    errno.EROFS: "The file system is read-only: make it writable, then run again.",
    errno.EACCES: "Give yourself access to it and to its directory, then run again.",
    errno.EPERM: "Give yourself access to it and to its directory, then run again.",
    errno.ELOOP: "It is a symbolic link: put the file itself there.",
    errno.EIO: "The disk reports a fault: check it, and keep a copy of the files beside this one.",
}


@contextmanager
def explained(action: str, path: Path, *, why: str = "") -> Iterator[None]:
    """Turn an `OSError` into a `StoreError`: `explained("write the state", path)`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"cannot {action}: {reason}",
            target=str(path),
            why=why,
            advice=_ADVICE.get(error.errno or 0, "Check the file system, then run again."),
        ) from error


def read_file(path: Path) -> bytes | None:
    """The whole file, or `None` if there is none."""
    try:
        descriptor = open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def open_file(path: Path, flags: int) -> int:
    """A descriptor of a trusted regular file, created 0600 where `flags` say so."""
    descriptor = os.open(path, flags | _SAFE, _FILE_MODE)
    try:
        _check_trusted(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_trusted(descriptor: int, path: Path) -> None:
    """Raise `StoreError` unless it is a regular file that only its owner writes to."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(
            "this is not a regular file",
            target=str(path),
            advice="Move away what is there, or choose another path for the state.",
        )
    _check_mode(status, path)


def _check_mode(status: os.stat_result, path: Path) -> None:
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StoreError(
            f"others can write to it (mode {stat.S_IMODE(status.st_mode):04o})",
            target=str(path),
            why="Whoever changes a state or a journal decides what the next apply does.",
            advice=f"Check that nobody changed it, then: chmod go-w {path}",
        )


def names(directory: Path, suffix: str) -> list[str]:
    """What the files of a directory are called before `suffix`, sorted; none, if it is missing."""
    try:
        with os.scandir(directory) as entries:
            found = [entry.name for entry in entries if entry.name.endswith(suffix)]
    except FileNotFoundError:
        return []
    return sorted(name.removesuffix(suffix) for name in found)


def make_directories(directory: Path) -> None:
    """Create what is missing of the path, each directory durable before the next."""
    if directory.is_dir():
        return
    make_directories(directory.parent)
    with suppress(FileExistsError):
        directory.mkdir(mode=_DIRECTORY_MODE)
    sync_directory(directory.parent)


def stage(path: Path, content: bytes) -> Path:
    """Write the content beside `path`, durably, under a name of its own; returns that.

    The caller holds the lease, so nobody else uses the name; what a crash left is removed.
    """
    staged = path.with_name(f"{path.name}.new")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, _FILE_MODE)
    try:
        try:
            _write(descriptor, content)
            flush(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            staged.unlink()
        raise
    return staged


def append(path: Path, content: bytes) -> None:
    """Add to the end of the file in one write and one flush; create it if there is none.

    Nobody else may write to its directory. After a failure the file is as it was before,
    as far as the file system lets us.
    """
    _check_mode(path.parent.stat(), path.parent)
    descriptor = open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    try:
        before = os.fstat(descriptor).st_size
        if before and os.pread(descriptor, 1, before - 1) != b"\n":
            raise StoreError(
                "the last line is torn, nothing can be added",
                target=str(path),
                why="A crash or a full disk cut it off; it was never durable.",
                advice="Run `keyplan resume`: it discards the torn line and goes on.",
            )
        try:
            _write(descriptor, content)
            flush(descriptor)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(descriptor, before)
                flush(descriptor)
            raise
    finally:
        os.close(descriptor)
    if not before:
        sync_directory(path.parent)


def truncate(path: Path, size: int) -> None:
    """Cut the file back to `size` bytes, durably. A longer size is refused."""
    descriptor = open_file(path, os.O_WRONLY)
    try:
        present = os.fstat(descriptor).st_size
        if not 0 <= size <= present:
            raise StoreError(
                f"it has {present} bytes and cannot be cut back to {size}", target=str(path)
            )
        os.ftruncate(descriptor, size)
        flush(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Make names created or replaced in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def flush(descriptor: int) -> None:
    """Through to the medium. On macOS `fsync` stops at the drive's cache (fsync(2))."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    """All of it. One call, unless the system takes less: then it says why at the next."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
