"""The highest serial of a state that this machine has seen, so that an older one is noticed.

Kept per state and per place, in `$XDG_STATE_HOME/keyplan/serials` (`~/.local/state`): in the
user's own folder, and not in the stack's, because whoever puts back an old copy of a stack's
folder puts back the state and everything beside it.

Rules: marks only rise, unless a person accepts an older state by its serial; files are
0600, replaced as a whole. A mark that cannot be written is said and changes nothing else.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from keyplan.errors import RefusedStateError, StoreError

ACCEPT = "KEYPLAN_ACCEPT_SERIAL"
"""Set to the serial of an older state, it is taken as the present one."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """A state as it was seen; `key` is the name of the key that sealed then."""

    lineage: str
    serial: int
    digest: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class HighWater:
    """The marks of one machine; `folder` is `None` where there is no place for them."""

    folder: Path | None
    place: str
    accepted: str = ""

    @classmethod
    def of_machine(cls, place: str, environment: Mapping[str, str]) -> HighWater:
        """Those of this user; `place` tells stores apart."""
        home, state = environment.get("HOME", ""), environment.get("XDG_STATE_HOME", "")
        if not os.path.isabs(state):  # noqa: PTH117  (the rule of the XDG specification)
            state = f"{home}/.local/state" if home else ""
        folder = Path(state) / "keyplan" / "serials" if state else None
        return cls(folder, place, environment.get(ACCEPT, ""))

    def check(self, seen: Mark | None) -> None:
        """Raise `RefusedStateError` for a state older than one that was here, or another."""
        if self.folder is None or self.accepted == (str(seen.serial) if seen else "0"):
            return
        for key in self._keys(seen):
            known = self._read(key)
            if known is not None and (problem := _problem(known, seen)):
                self._refuse(problem, key, known, seen)

    def raise_to(self, seen: Mark) -> None:
        """Remember a state that was accepted or committed."""
        if self.folder is None:
            return
        try:
            for key in self._keys(seen):
                with self._locked():
                    if self._rises(self._read(key), seen):
                        self._write(key, seen)
        except OSError as error:
            _LOG.warning(
                "The serial of the state cannot be remembered on this machine (%s: %s): a state"
                " that is put back later is only recognised by its journals.",
                self.folder,
                error.strerror,
            )

    def _rises(self, known: Mark | None, seen: Mark) -> bool:
        if known is None or known.lineage != seen.lineage or self.accepted == str(seen.serial):
            return known != seen
        return seen.serial > known.serial

    @property
    def known(self) -> Mark | None:
        """The newest state of this place that was seen sealed here."""
        return None if self.folder is None else self._read(self.place)

    @property
    def is_known(self) -> bool:
        """Whether a sealed state of this place was seen here."""
        return self.known is not None

    @property
    def key(self) -> str:
        """The name of the newest key that sealed here, as far as this machine knows."""
        return "" if (known := self.known) is None else known.key

    def _keys(self, seen: Mark | None) -> tuple[str, ...]:
        return (self.place, f"lineage {seen.lineage}") if seen else (self.place,)

    def _path(self, key: str) -> Path:
        assert self.folder is not None  # noqa: S101  (callers look)
        return self.folder / f"{sha256(key.encode()).hexdigest()[:32]}.json"

    def _read(self, key: str) -> Mark | None:
        path = self._path(key)
        try:
            document = json.loads(path.read_bytes())
            lineage, digest = str(document["lineage"]), str(document["digest"])
            return Mark(lineage, int(document["serial"]), digest, str(document.get("key", "")))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError):
            raise StoreError(
                "the mark of the highest serial seen here cannot be read",
                target=str(path),
                why="Without it a state that was put back cannot be told from the newest.",
                advice="Make sure that the state is the newest, then remove this file.",
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        assert self.folder is not None  # noqa: S101
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, key: str, mark: Mark) -> None:
        path = self._path(key)
        staged = path.with_suffix(".new")
        staged.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(staged, flags, 0o600), "w") as file:
            file.write(f"{json.dumps(asdict(mark))}\n")
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)

    def _refuse(self, problem: str, key: str, known: Mark, seen: Mark | None) -> None:
        serial = seen.serial if seen else 0
        how = "It was put back from a copy, or by somebody who wants an older world"
        if seen is None:
            how = "It was deleted, or is not where `keyplan.state` says"
        refused = RefusedStateError(
            "the state in the store is not the newest one",
            target=f"serial {serial}" if seen else "no state",
            why=f"{problem} {how} ({self._path(key)}).",
            advice="What can be brought back, and how: keyplan state verify. If going back is"
            f" intended, say so once: {ACCEPT}={serial} keyplan plan",
        )
        refused.lineage, refused.serial = known.lineage, known.serial
        raise refused


def _problem(known: Mark, seen: Mark | None) -> str:
    if seen is None:
        return f"There is none, and this machine has seen serial {known.serial}."
    if seen.lineage != known.lineage:
        return f"It is of lineage {seen.lineage}, and this machine has seen {known.lineage} here."
    if seen.serial < known.serial:
        return f"It has serial {seen.serial}, and this machine has seen serial {known.serial}."
    if seen.serial == known.serial and seen.digest != known.digest:
        return f"This machine has seen another state with serial {known.serial}."
    return ""
