"""The lease of a local state: a locked file that names its holder.

Rules: the lock is the kernel's (flock(2)), so it ends with the process that holds it,
however that ends; the file's text only tells others who it is. A lock file that nobody has
locked is left over from a crash and is taken over. The file is removed on release.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keyplan.errors import BusyError, StoreError
from keyplan.model.timing import format_instant, parse_instant
from keyplan.sdk.store import LeaseInfo
from keyplan_state import files

_POLL_SECONDS = 0.25
_GRACE_SECONDS = 0.01
_GRACE_TRIES = 3
"""Whoever looks at a left-over lock file holds it for an instant; that is not a holder."""


class FileLease:
    """A `keyplan.sdk.store.Lease`: the open, locked file."""

    def __init__(self, path: Path, descriptor: int, info: LeaseInfo) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        self._info = info

    @property
    def info(self) -> LeaseInfo:
        """What others are shown."""
        return self._info

    def check(self) -> None:
        """Raise `BusyError` if it was released, or the lock file was taken away under it."""
        if self._descriptor is None:
            raise BusyError(
                "the lease was given back already",
                target=str(self._path),
                advice="Nothing was written. This is a defect of keyplan: please report it.",
            )
        if not _is_at(self._path, self._descriptor):
            raise BusyError(
                "the lease was lost",
                target=str(self._path),
                why="The lock file was removed or replaced while this run held it.",
                advice="Nothing more was written. See who else works on this state, then run"
                " `keyplan resume`.",
            )

    def release(self) -> None:
        """Remove the file and give the lock back. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            if _is_at(self._path, descriptor):
                with suppress(OSError):  # it stays, unlocked: the next run takes it over
                    self._path.unlink()
        finally:
            os.close(descriptor)


def acquire(
    path: Path,
    info: LeaseInfo,
    *,
    timeout: float,
    sleep: Callable[[float], None],
    monotonic: Callable[[], float],
) -> FileLease:
    """Take the lease, trying again for `timeout` seconds. Raises `BusyError` with the holder."""
    with files.explained("lock the state", path):
        files.make_directories(path.parent)
        deadline = monotonic() + timeout
        tries = 0
        while (descriptor := _lock(path, info)) is None:
            tries += 1
            remaining = deadline - monotonic()
            if remaining > 0:
                sleep(min(_POLL_SECONDS, remaining))
            elif tries <= _GRACE_TRIES:
                sleep(_GRACE_SECONDS)
            else:
                raise _refused(path, holder(path))
    return FileLease(path, descriptor, info)


def holder(path: Path) -> LeaseInfo | None:
    """Who holds the lease now; `None` also where a lock file is only left over."""
    with files.explained("see who holds the lock", path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _decode(descriptor)
        else:
            return None
        finally:
            os.close(descriptor)


def unlock(path: Path, lease_id: str) -> None:
    """Remove the lock file of the lease with that id: its holder's next write is refused."""
    found = holder(path)
    if found is None:
        raise StoreError(
            "nobody holds the lock", target=str(path), advice="There is nothing to unlock."
        )
    if found.id != lease_id:
        raise BusyError(
            f"the lock has the id {found.id}",
            target=str(path),
            why=f"{found.holder} holds it for `{found.operation}`.",
            advice=f"If that run is gone for certain: keyplan state unlock {found.id}",
        )
    with files.explained("remove the lock", path):
        path.unlink(missing_ok=True)


def held_by(path: Path) -> str:
    """The id of the lease that the lock file names, or the empty string."""
    content = files.read_file(path)
    return _text(_document(content or b""), "id")


def _lock(path: Path, info: LeaseInfo) -> int | None:
    """The descriptor of the locked file that names us, or `None` if somebody else has it."""
    descriptor = files.open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(path, descriptor):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _encode(info), 0)
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)  # locked by another, or removed by its holder before we had it
    return None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one with this name."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _refused(path: Path, info: LeaseInfo | None) -> BusyError:
    if info is None:
        who = "Somebody else took it just now."
    else:
        since = format_instant(info.created_at)
        who = f"{info.holder} holds it for `{info.operation}` since {since} (lease {info.id})."
    unlock = "" if info is None else f"\nIf it hangs: keyplan state unlock {info.id}"
    return BusyError(
        "the state is locked by another run",
        target=str(path),
        why=who,
        advice=f"Wait until it ends, or let this run wait: --lock-timeout 5m{unlock}",
    )


def _encode(info: LeaseInfo) -> bytes:
    document = {
        "id": info.id,
        "holder": info.holder,
        "operation": info.operation,
        "created_at": format_instant(info.created_at),
    }
    return f"{json.dumps(document)}\n".encode()


def _decode(descriptor: int) -> LeaseInfo:
    """What the file says; its own date where it does not say since when."""
    document = _document(os.pread(descriptor, 65536, 0))
    try:
        created_at = parse_instant(_text(document, "created_at"))
    except ValueError:
        created_at = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
    return LeaseInfo(
        id=_text(document, "id") or "unknown",
        holder=_text(document, "holder") or "somebody",
        operation=_text(document, "operation") or "unknown",
        created_at=created_at,
    )


def _document(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(document: dict[str, Any], name: str) -> str:
    """A printable text: the file is only a message from another process."""
    found = document.get(name)
    return "".join(filter(str.isprintable, found)) if isinstance(found, str) else ""
