"""The `local` store: a state beside its stack, in files that survive a crash.

For `path: keyplan.state.json` there are `keyplan.state.json` (the state),
`keyplan.state.json.backup` (the one before), `keyplan.state.json.lock` (while somebody
writes), the states before in `.keyplan/history/keyplan.state.json`, and journals in
`.keyplan/journal`, closed ones in `.keyplan/journal/archive`.

Rules: reading creates nothing and needs no lease. Every write needs the lease of this very
state, checked first. A commit is a staged file, flushed, then renamed: a reader sees one
version or the other, whatever crashes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Lock

from pydantic import BaseModel, ConfigDict, field_validator

from keyplan.errors import BusyError, StateConflictError, StoreError
from keyplan.sdk.store import Blob, Lease, LeaseInfo
from keyplan_state import files, locking
from keyplan_state.history import History
from keyplan_state.locking import FileLease
from keyplan_state.paths import LocalPaths, problem_of


class LocalSettings(BaseModel):
    """`state: {local: {path: keyplan.state.json}}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: str = "keyplan.state.json"

    @field_validator("path")
    @classmethod
    def _below_the_stack(cls, path: str) -> str:
        if problem := problem_of(path):
            raise ValueError(f"{path!r} cannot be the path of the state: {problem}")
        return path


class LocalStore:
    """A `keyplan.sdk.store.Store`. `name` is how people know it; time is injected."""

    def __init__(
        self,
        paths: LocalPaths,
        name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = paths
        self._history = History(paths.history)
        self._committing = Lock()  # the lease keeps other processes out, not our threads
        self._name = name
        self._sleep = sleep
        self._monotonic = monotonic

    def describe(self) -> str:
        """`local keyplan.state.json`."""
        return f"local {self._name}"

    # -- the state -----------------------------------------------------------------------

    def load(self) -> Blob | None:
        """The last committed state, or `None`. Its version is its SHA-256."""
        return _load(self._paths.state)

    def previous(self) -> Blob | None:
        """The state before the present one.

        `None` also after a crash between keeping it and committing: the copy is then that
        of the present one.
        """
        kept, present = _load(self._paths.backup), self.load()
        return None if kept == present else kept

    def versions(self) -> Sequence[str]:
        """The states that are kept, oldest first, the present one last."""
        with files.explained("list the states before", self._paths.history):
            kept = self._history.versions()
        for blob in (_load(self._paths.backup), self.load()):
            if blob is not None:
                kept = [*(version for version in kept if version != blob.version), blob.version]
        return kept

    def content(self, version: str) -> bytes | None:
        """A state that is kept, if it is still what it was."""
        for path in (self._paths.state, self._paths.backup):
            blob = _load(path)
            if blob is not None and blob.version == version:
                return blob.content
        with files.explained("read a state before", self._paths.history):
            return self._history.content(version)

    def commit(self, content: bytes, *, expected: str | None, lease: Lease) -> str:
        """Replace the state if it is still `expected`; the one before becomes the backup.

        Both are staged before either is renamed, so that a full disk changes neither.
        """
        with self._committing:
            return self._commit(content, expected, lease)

    def _commit(self, content: bytes, expected: str | None, lease: Lease) -> str:
        self._require(lease)
        state, backup = self._paths.state, self._paths.backup
        present = self.load()
        if (present.version if present else None) != expected:
            raise StateConflictError(
                "the state has changed since it was read",
                target=str(state),
                why="Somebody else committed, or the file was restored or edited.",
                advice="Nothing was written. Plan again on the state as it is now.",
            )
        with files.explained("write the state", state, why="The state is as it was before."):
            if present is not None:
                self._history.keep(state, present.content, present.version)
            staged = [(files.stage(state, content), state)]
            if present is not None:
                staged.insert(0, (files.stage(backup, present.content), backup))
            self._require(lease)  # staging took its time: somebody may have unlocked it
            for written, final in staged:
                written.replace(final)
            files.sync_directory(state.parent)
        return _version(content)

    # -- the lease -----------------------------------------------------------------------

    def acquire(self, info: LeaseInfo, *, timeout: float = 0.0) -> FileLease:
        """Take the lease, waiting up to `timeout` seconds. Raises `BusyError`."""
        return locking.acquire(
            self._paths.lock, info, timeout=timeout, sleep=self._sleep, monotonic=self._monotonic
        )

    def holder(self) -> LeaseInfo | None:
        """Who holds the lease now."""
        return locking.holder(self._paths.lock)

    def unlock(self, lease_id: str) -> None:
        """Take the lock away from a run that hangs: it cannot write any more."""
        locking.unlock(self._paths.lock, lease_id)

    def _require(self, held: Lease) -> None:
        """Raise `BusyError` unless it is a lease of this state, and still held."""
        held.check()
        with files.explained("see who holds the lock", self._paths.lock):
            holder = locking.held_by(self._paths.lock)
        if holder != held.info.id:
            raise BusyError(
                "the lease is not one of this state",
                target=str(self._paths.lock),
                why=f"It has the id {held.info.id}.",
                advice="Nothing was written. This is a defect of keyplan: please report it.",
            )

    # -- journals ------------------------------------------------------------------------

    def append(self, log: str, lines: Sequence[bytes], *, lease: Lease) -> None:
        """Add lines to an open journal: one write, one flush."""
        self._require(lease)
        path = self._paths.open_log(log)
        if any(b"\n" in line for line in lines):
            raise StoreError("a line has a line end inside", target=str(path))
        if not lines:
            return
        why = "Nothing was added, so the effect that it announced was not begun."
        with files.explained("write the journal", path, why=why):
            if self._paths.archived_log(log).exists():
                raise StoreError("the journal is closed", target=str(path))
            files.make_directories(path.parent)
            files.append(path, b"\n".join([*lines, b""]))

    def read_log(self, log: str) -> bytes:
        """The journal, open or closed; empty if there is none.

        The closed one is looked for last, since that is where it goes, and counts if there
        are both: then a backup brought back what it was while it was open.
        """
        found = b""
        for path in (self._paths.open_log(log), self._paths.archived_log(log)):
            with files.explained("read the journal", path):
                content = files.read_file(path)
            found = found if content is None else content
        return found

    def truncate_log(self, log: str, size: int, *, lease: Lease) -> None:
        """Cut an open journal back to `size` bytes."""
        self._require(lease)
        path = self._paths.open_log(log)
        with files.explained("cut the journal back", path):
            files.truncate(path, size)

    def open_logs(self) -> Sequence[str]:
        """Names of the journals that are not archived, sorted."""
        with files.explained("list the journals", self._paths.journal):
            begun = files.names(self._paths.journal, ".jsonl")
        closed = set(self.closed_logs())
        return [log for log in begun if log not in closed]

    def closed_logs(self) -> Sequence[str]:
        """Names of the archived journals, sorted."""
        with files.explained("list the journals", self._paths.archive):
            return files.names(self._paths.archive, ".jsonl")

    def archive(self, log: str, *, lease: Lease) -> None:
        """Move a journal to the closed ones. One that is there already is left alone."""
        self._require(lease)
        path, archived = self._paths.open_log(log), self._paths.archived_log(log)
        with files.explained("archive the journal", path):
            if archived.exists() and not path.exists():
                return
            if archived.exists():
                raise StoreError("there is a closed journal of that name", target=str(archived))
            files.make_directories(archived.parent)
            path.rename(archived)
            files.sync_directory(archived.parent)
            files.sync_directory(path.parent)


class LocalStorePlugin:
    """A `keyplan.sdk.store.StorePlugin`."""

    @property
    def name(self) -> str:
        """As `keyplan.state` names it."""
        return "local"

    @property
    def settings_model(self) -> type[BaseModel]:
        """`{path: keyplan.state.json}`."""
        return LocalSettings

    def open(
        self,
        settings: BaseModel,
        *,
        stack: Path,
        environment: Mapping[str, str],  # noqa: ARG002  (nothing local comes from it)
    ) -> LocalStore:
        """The store of a stack. Creates nothing."""
        path = LocalSettings.model_validate(settings.model_dump()).path
        return LocalStore(LocalPaths.below(stack, path), path)


STORE = LocalStorePlugin()
"""The entry point `keyplan.stores: local`."""


def _load(path: Path) -> Blob | None:
    with files.explained("read the state", path):
        content = files.read_file(path)
    return None if content is None else Blob(content, _version(content))


def _version(content: bytes) -> str:
    return sha256(content).hexdigest()
