"""States that were committed before: each under its number and its SHA-256.

    00000001-<sha256>.json, 00000002-<sha256>.json, ...

Rules: a state is kept before it is replaced, so that a crash in between leaves it twice and
never nowhere. Keeping is another name of the same file; where the file system has no hard
links, a copy. A kept state that is no longer what its name says is not given out. The
caller holds the lease.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from keyplan_state import files

_NAME = re.compile(r"([0-9]{8})-([0-9a-f]{64})")
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


@dataclass(frozen=True, slots=True)
class _Kept:
    number: int
    version: str

    @property
    def file_name(self) -> str:
        return f"{self.number:08d}-{self.version}.json"


@dataclass(frozen=True, slots=True)
class History:
    """The folder of one state's versions; at most `limit` stay."""

    folder: Path
    limit: int = 100

    def versions(self) -> list[str]:
        """Those that are kept, oldest first."""
        return [kept.version for kept in self._kept()]

    def content(self, version: str) -> bytes | None:
        """The bytes of a version; `None` if it is not kept, or was changed since."""
        for kept in self._kept():
            if kept.version == version:
                content = files.read_file(self.folder / kept.file_name)
                if content is not None and sha256(content).hexdigest() == version:
                    return content
        return None

    def keep(self, state: Path, content: bytes, version: str) -> None:
        """Keep the state in that file, which has this content. Durable on return."""
        kept = self._kept()
        if kept and kept[-1].version == version and self.content(version) is not None:
            return  # a crash came between this and the commit
        files.make_directories(self.folder)
        path = self.folder / _Kept(kept[-1].number + 1 if kept else 1, version).file_name
        try:
            path.hardlink_to(state)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            files.stage(path, content).replace(path)
        files.sync_directory(self.folder)
        for old in kept[: len(kept) + 1 - self.limit]:
            (self.folder / old.file_name).unlink(missing_ok=True)

    def _kept(self) -> list[_Kept]:
        found = (_NAME.fullmatch(name) for name in files.names(self.folder, ".json"))
        return [_Kept(int(match[1]), match[2]) for match in found if match]
