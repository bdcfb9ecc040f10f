"""A store that seals what another store keeps: what leaves this process is ciphertext.

Rules: it is a `keyplan.sdk.store.Store` and asks nothing of the store below but that
contract. Reading writes nothing to the store. What is there unsealed is accepted only if
the key ring knows it by its digest: the first write makes a ring where nothing is, and
`keyplan state rekey --sealed` where something is, on a person's word. A state that is
older than one that this machine has seen is refused (`high_water`); what the journals
know of it is asked of every store (`keyplan.state.snapshot`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from hashlib import sha256

from keyplan.errors import JournalError, RefusedStateError, StateError, StoreError
from keyplan.sdk.store import Blob, Lease, LeaseInfo, Store
from keyplan.session.high_water import ACCEPT, HighWater, Mark
from keyplan.session.rings import Rings, is_ring, visible
from keyplan.state.keyring import Ring
from keyplan.state.sealing import (
    RESTORE,
    Identity,
    UnknownKeyError,
    identify,
    is_sealed,
    seal_line,
    seal_state,
    unseal_line,
    unseal_state,
)
from keyplan.state.unlocking import Opener

_LOG = logging.getLogger(__name__)

_UNSEEN = (
    "This machine has not seen the state in %s before: serial %s is taken for the newest, as far"
    " as its journals tell."
)


class SealedStore:
    """Any store, sealed with a passphrase or a key file."""

    def __init__(self, store: Store, opener: Opener, marks: HighWater) -> None:
        self.inner = store
        self.opener = opener
        self.marks = marks
        self.rings = Rings(store)
        self._ring: Ring | None = None
        self._tidy = False  # whether rings that this one replaced are gone
        self._counts: dict[str, int] = {}  # lines of the journals that were written to

    def describe(self) -> str:
        """`sealed local keyplan.state.json`."""
        return f"sealed {self.inner.describe()}"

    # -- the state -----------------------------------------------------------------------

    def load(self) -> Blob | None:
        """The last committed state, if it is the newest that was ever seen."""
        blob = self.inner.load()
        while True:
            try:
                return self._accepted(blob)
            except StoreError:
                raise
            except StateError as error:
                before, blob = blob, self.inner.load()
                if blob == before:
                    raise self._refused(error, blob) from error
                # else somebody committed beside us, and knows more than we saw

    def _refused(self, error: StateError, blob: Blob | None) -> RefusedStateError:
        """The same error, with what a person who brings the state back has to know."""
        refused = RefusedStateError(
            error.what, target=error.target, why=error.why, advice=error.advice
        )
        refused.version = None if blob is None else blob.version
        seen = error if isinstance(error, RefusedStateError) else self.marks.known
        if seen is not None:
            refused.lineage, refused.serial = seen.lineage, seen.serial
        return refused

    def _accepted(self, blob: Blob | None) -> Blob | None:
        if blob is None:
            self.marks.check(None)
            return None
        content, found = self._open(blob.content, blob.version)
        if found.serial is not None:
            mark = self._mark(content, found.lineage, found.serial)
            self.marks.check(mark)
            if is_sealed(blob.content):
                if not self.marks.is_known:
                    _LOG.warning(_UNSEEN, self.inner.describe(), found.serial)
                self.marks.raise_to(mark)
        return Blob(content, blob.version)

    def _mark(self, content: bytes, lineage: str, serial: int) -> Mark:
        ring = self._reading()
        key = "" if ring is None else ring.current
        return Mark(lineage, serial, sha256(content).hexdigest(), key)

    def previous(self) -> Blob | None:
        """The one before it."""
        blob = self.inner.previous()
        return blob and Blob(self._open(blob.content, blob.version)[0], blob.version)

    def versions(self) -> Sequence[str]:
        """As the store below keeps them."""
        return self.inner.versions()

    def content(self, version: str) -> bytes | None:
        """The bytes of one of them."""
        found = self.inner.content(version)
        return None if found is None else self._open(found, version)[0]

    def commit(self, content: bytes, *, expected: str | None, lease: Lease) -> str:
        """Seal and commit; the mark of this machine rises afterwards."""
        ring = self._writing(lease)
        sealed = seal_state(content, ring.current, ring.root)
        version = self.inner.commit(sealed, expected=expected, lease=lease)
        found = identify(content)
        if found.serial is not None:
            self.marks.raise_to(self._mark(content, found.lineage, found.serial))
        return version

    def _open(self, content: bytes, version: str) -> tuple[bytes, Identity]:
        if not is_sealed(content):
            self._accept_plain(content, version)
            return content, identify(content)
        try:
            return unseal_state(content, self._roots())
        except UnknownKeyError:
            self._ring = None  # perhaps the ring got a new key since it was read
            return unseal_state(content, self._roots())

    def _accept_plain(self, content: bytes, version: str) -> None:
        """Raise `StateError` unless the ring knows it, or says that the store is plain again."""
        ring = self._reading()
        if ring is not None and self._is_plain_again(ring):
            return
        known = ring.unsealed.states.get(version) if ring else None
        if known == sha256(content).hexdigest():
            return
        serial = identify(content).serial
        if self.marks.accepted and self.marks.accepted == str(serial):
            return
        if ring is None and not self.marks.is_known:
            raise self._not_sealed("state")
        if serial is None:
            raise StateError(
                "what is in the place of the sealed state is none",
                target=self.inner.describe(),
                why="It was emptied, cut off at its beginning, or replaced.",
                advice=RESTORE,
            )
        raise StateError(
            "the state is not sealed, and this store was sealed before",
            target=self.inner.describe(),
            why="Somebody put a plain state there: anybody who can write to the store can do so.",
            advice=f"{RESTORE}. If this one is yours, say so once: {ACCEPT}={serial} keyplan plan",
        )

    def _not_sealed(self, what: str) -> StateError:
        return StateError(
            f"the {what} is not sealed, and `keyplan.state` says that it is",
            target=self.inner.describe(),
            why="Either `sealed` was added just now, or somebody put this there: anybody who can"
            " write to the store can do so.",
            advice="If it is yours, seal it: keyplan state rekey --sealed",
        )

    def _is_plain_again(self, ring: Ring) -> bool:
        """Whether the store went back to plain, and this is no ring of then put back."""
        return ring.retired and self.marks.key in {"", *ring.roots}

    # -- the lease -----------------------------------------------------------------------

    def acquire(self, info: LeaseInfo, *, timeout: float = 0.0) -> Lease:
        """As the store below."""
        lease = self.inner.acquire(info, timeout=timeout)
        self._ring = None
        self._tidy = False
        self._counts.clear()
        return lease

    def holder(self) -> LeaseInfo | None:
        """As the store below."""
        return self.inner.holder()

    def unlock(self, lease_id: str) -> None:
        """As the store below."""
        self.inner.unlock(lease_id)

    # -- journals ------------------------------------------------------------------------

    def append(self, log: str, lines: Sequence[bytes], *, lease: Lease) -> None:
        """Seal each line with its number."""
        _refuse_ring(log)
        if any(b"\n" in line for line in lines):
            raise StoreError("a line has a line end inside", target=log)
        ring = self._writing(lease) if lines else None
        sealed: list[bytes] = []
        if ring is not None:
            first = self._count(log) + 1
            sealed = [
                seal_line(line, log, number, ring.current, ring.root)
                for number, line in enumerate(lines, first)
            ]
        self._counts.pop(log, None)  # known again once it is durable
        self.inner.append(log, sealed, lease=lease)
        if ring is not None:
            self._counts[log] = first - 1 + len(sealed)

    def _count(self, log: str) -> int:
        if log not in self._counts:
            self._counts[log] = self.inner.read_log(log).count(b"\n")
        return self._counts[log]

    def read_log(self, log: str) -> bytes:
        """Every line as it was appended; a torn tail as it is."""
        return b"".join(line for line, _ in self._lines(log))

    def _lines(self, log: str) -> list[tuple[bytes, int]]:
        """Lines with their ends, as they were and how long they are in the store."""
        _refuse_ring(log)
        content = self.inner.read_log(log)
        plain = self._plain_part(log, content)
        before = content[:plain].split(b"\n")
        found = [(line + b"\n", len(line) + 1) for line in before[:-1]]
        if before[-1]:  # torn before the store was sealed
            found.append((before[-1], len(before[-1])))
        rest = content[plain:].split(b"\n")
        tail = rest.pop()
        for index, sealed in enumerate(rest):
            if index == len(rest) - 1 and not tail and not _is_json(sealed):
                tail = sealed + b"\n"  # the medium tore it: it was never durable
                break
            line = unseal_line(sealed, log, len(found) + 1, self._roots())
            found.append((line + b"\n", len(sealed) + 1))
        return [*found, (tail, len(tail))] if tail else found

    def _plain_part(self, log: str, content: bytes) -> int:
        """How many bytes of a journal are from before the store was sealed, and are unchanged."""
        if not content:
            return 0
        ring = self._reading()
        known = {} if ring is None else ring.unsealed.logs
        if log not in known and (ring is None or self._is_plain_again(ring)):
            if _is_sealed_line(content):
                return 0
            if ring is None:
                raise self._not_sealed(f"journal {log}")
            return len(content)
        size, digest = known.get(log, (0, ""))
        if size and sha256(content[:size]).hexdigest() != digest:
            raise JournalError(
                "the part of the journal from before the store was sealed was changed",
                target=log,
                advice="Restore the journal from a backup. Do not apply before that.",
            )
        return size

    def truncate_log(self, log: str, size: int, *, lease: Lease) -> None:
        """Cut back to the end of a line, `size` bytes as they were appended."""
        lease.check()
        lines = self._lines(log)
        end = stored = 0
        for line, length in lines:
            if end >= size:
                break
            end, stored = end + len(line), stored + length
        if end != size:
            raise StoreError(f"no line of the journal ends after {size} bytes", target=log)
        self._counts.pop(log, None)
        ring = self._reading()
        if ring is not None and stored < ring.unsealed.logs.get(log, (0, ""))[0]:
            kept = self.inner.read_log(log)[:stored]
            self._ring = ring = ring.with_log(log, stored, sha256(kept).hexdigest())
            self.rings.write(ring, self.opener, lease=lease)
        self.inner.truncate_log(log, stored, lease=lease)

    def open_logs(self) -> Sequence[str]:
        """Journals that are not archived."""
        return visible(self.inner.open_logs())

    def closed_logs(self) -> Sequence[str]:
        """Those that are."""
        return visible(self.inner.closed_logs())

    def archive(self, log: str, *, lease: Lease) -> None:
        """As the store below."""
        _refuse_ring(log)
        self.inner.archive(log, lease=lease)

    # -- keys ----------------------------------------------------------------------------

    def ring(self) -> Ring | None:
        """The key ring as it is now; `None` where nothing was sealed yet."""
        self._ring = None
        return self._reading()

    def _reading(self) -> Ring | None:
        if self._ring is None:
            self._ring = self.rings.find(self.opener)
        return self._ring

    def _writing(self, lease: Lease) -> Ring:
        ring = self._reading()
        if ring is None or ring.retired:
            unsealed = self.rings.inventory()
            if ring is None and (unsealed.states or unsealed.logs):
                raise self._not_sealed("state" if unsealed.states else "journal")
            self._ring = ring = self.rings.make(self.opener, ring, unsealed, lease=lease)
        if not self._tidy:
            self.rings.drop_others(ring, lease=lease)
            self._tidy = True
        return ring

    def _roots(self) -> dict[str, bytes]:
        ring = self._reading()
        if ring is None:
            raise StoreError(
                "the state is sealed, and its key ring is not in the store",
                target=self.inner.describe(),
                why="It was removed, or the state was copied here without it.",
                advice="Put back the log whose name begins with `keyring-` from a backup.",
            )
        return dict(ring.roots)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_sealed_line(content: bytes) -> bool:
    return content.startswith(b'{"keyplan_sealed":')


def _refuse_ring(log: str) -> None:
    if is_ring(log):
        raise StoreError("journals of a sealed store cannot have names of key rings", target=log)
