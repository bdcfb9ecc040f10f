"""Key rings in a store: found, opened, made with the first write, replaced.

Rules: rings are logs of the store that nobody else is shown; looking for one writes
nothing. The highest that opens is the one; those below it are left of a change of passphrase that
was interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from keyplan.errors import StoreError
from keyplan.sdk.store import Lease, Store
from keyplan.state.keyring import (
    PREFIX,
    Ring,
    Unsealed,
    encode_ring,
    last_line,
    new_ring,
    open_ring,
)
from keyplan.state.runs import runs
from keyplan.state.sealing import MARK, is_sealed
from keyplan.state.unlocking import Opener

_NUMBER = re.compile(r"[0-9]{4,9}")


class Rings:
    """The key rings of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def numbers(self) -> list[int]:
        """Of all rings that were made and not archived, highest first."""
        names = [log.removeprefix(PREFIX) for log in self._store.open_logs() if is_ring(log)]
        return sorted((int(name) for name in names if _NUMBER.fullmatch(name)), reverse=True)

    def lines(self) -> dict[int, bytes]:
        """The rings that are not empty, highest first."""
        found = {number: self._read(number) for number in self.numbers()}
        return {number: line for number, line in found.items() if line}

    def _read(self, number: int) -> bytes:
        return last_line(self._store.read_log(f"{PREFIX}{number:04d}"))

    def find(self, opener: Opener) -> Ring | None:
        """The ring that this secret opens; `None` if the store has none at all.

        Raises `StoreError` if there is one and the secret does not open it.
        """
        lines = self.lines()
        for number, line in lines.items():
            if ring := open_ring(line, number, opener):
                return ring
        if not lines:
            return None
        if opener.key_file is not None:
            what = "the key file does not open the sealed state"
        else:
            what = "the passphrase does not open the sealed state"
        raise StoreError(
            what,
            target=self._store.describe(),
            why=f"The key ring in the store was locked with something else than {opener}, or it"
            " was edited. Nothing was read or changed.",
            advice="Check `keyplan.state.sealed`: which variable or file it names, and what is"
            " in there.",
        )

    def write(self, ring: Ring, opener: Opener, *, lease: Lease) -> None:
        """Add a ring, or a newer line of it, durably."""
        log = self._store.read_log(ring.log)
        whole = log.rfind(b"\n") + 1
        if whole != len(log):
            self._store.truncate_log(ring.log, whole, lease=lease)
        self._store.append(ring.log, [encode_ring(ring, opener)], lease=lease)

    def make(
        self, opener: Opener, retired: Ring | None, unsealed: Unsealed, *, lease: Lease
    ) -> Ring:
        """The first ring, or the one that was retired with a further key.

        It knows by their digests what is there `unsealed`.
        """
        if retired is None:
            number = max(self.numbers(), default=0) + 1
            ring = new_ring(opener, number, unsealed)
        else:
            ring = replace(retired.with_new_root(), unsealed=unsealed, retired=False)
        self.write(ring, opener, lease=lease)
        return ring

    def drop_others(self, ring: Ring, *, lease: Lease) -> None:
        """Empty and close those below a ring, which has all their keys, newest first."""
        for number in self.numbers():
            if number < ring.number:
                log = f"{PREFIX}{number:04d}"
                self._store.truncate_log(log, 0, lease=lease)
                self._store.archive(log, lease=lease)

    def inventory(self) -> Unsealed:
        """Everything that is in the store and not sealed."""
        store = self._store
        states: dict[str, str] = {}
        logs: dict[str, tuple[int, str]] = {}
        for version in store.versions():
            content = store.content(version)
            if content is not None and not is_sealed(content):
                states[version] = sha256(content).hexdigest()
        for log in runs((*store.open_logs(), *store.closed_logs())):
            content = store.read_log(log)
            if not content.startswith(MARK):
                logs[log] = (len(content), sha256(content).hexdigest())
        return Unsealed(states, logs)


def is_ring(log: str) -> bool:
    """Whether a log is a key ring."""
    return log.startswith(PREFIX)


def visible(logs: Sequence[str]) -> list[str]:
    """The logs that are journals."""
    return [log for log in logs if not is_ring(log)]
