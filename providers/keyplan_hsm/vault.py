"""Key material by way of its parents: unwrapped, derived, and wrapped for keeping.

How material is kept follows from the relation to the parent:

- none, `signs`, `governs`: wrapped under the store's own sealing key;
- `wraps`: wrapped under the parent's current version (AES-KWP; an RSA parent wraps by
  RSA AES key wrap), with a key derived for just that child and version, so that a blob
  moved to another row does not open;
- `derives`: not kept at all, but derived from the parent version it was made under,
  with the child's id and version as context: distinct per child, and derivable again
  for as long as the parent version lives.

Rules: material exists in clear only within a call; only parents' is cached, because
each of their children needs it, and never beyond work that was rolled back. State is not
checked here (see `rules`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from keyplan.errors import ProviderDefectError, RejectedError
from keyplan.model.keys import Algorithm, Family, KeyState, Relation
from keyplan_hsm.material import rsa_private_key, symmetric_size
from keyplan_hsm.records import KeyRecord
from keyplan_hsm.rows import Material, Rows
from keyplan_hsm.sealing import StoreKeys
from keyplan_hsm.wrapping import (
    Purpose,
    hkdf,
    kbkdf_cmac,
    rsa_unwrap,
    rsa_wrap,
    unwrap,
    wrap,
)

CACHED_PARENTS = 1024


class Vault:
    """The material of one unlocked store. Safe to use from several threads."""

    def __init__(self, keys: StoreKeys) -> None:
        self._keys = keys
        self._parents: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def audit_key(self) -> bytes:
        """The key that seals the audit chain."""
        return self._keys.auditing

    def material(self, rows: Rows, record: KeyRecord, version: int) -> bytes:
        """The clear material of one version. Raises `RejectedError` if it was destroyed."""
        row = rows.material(record.id, version)
        if row is None:
            raise RejectedError(
                f"version {version} was destroyed",
                target=record.id,
                advice="What it protected cannot be recovered.",
            )
        try:
            return self._open(rows, record, _place(record.id, version), row)
        except ValueError:
            raise RejectedError(
                f"the stored material of version {version} does not open",
                target=record.id,
                why="It was altered, or moved here from another key or version.",
                advice="Restore the store from a copy; `keyplan hsm audit --verify` says more.",
            ) from None

    def _open(self, rows: Rows, record: KeyRecord, place: bytes, row: Material) -> bytes:
        if record.relation is Relation.DERIVES:
            parent, key = self._parent(rows, record, row.parent_version)
            return derive(parent.algorithm, key, Purpose.DERIVE_CHILD, place, record.algorithm)
        if record.relation is Relation.WRAPS:
            parent, key = self._parent(rows, record, row.parent_version)
            return _unwrap_child(parent.algorithm, key, place, row.wrapped or b"")
        return unwrap(self._root_key(place), row.wrapped or b"")

    def keep(self, rows: Rows, record: KeyRecord, version: int, material: bytes | None) -> None:
        """Store a version's material under the parent that `record` names, wrapped anew."""
        place = _place(record.id, version)
        if not record.needs_parent:
            sealed = wrap(self._root_key(place), _present(material))
            rows.put_material(record.id, version, sealed, None)
            return
        current = self.parent_of(rows, record).current.number
        parent, key = self._parent(rows, record, current)
        wrapped = None
        if record.relation is Relation.WRAPS:
            wrapped = _wrap_child(parent.algorithm, key, place, _present(material))
        rows.put_material(record.id, version, wrapped, current)

    def rewrap(self, rows: Rows, old: KeyRecord, new: KeyRecord) -> None:
        """Wrap every version that still has material under the (new) parent's current version."""
        for version in old.versions:
            if version.state is not KeyState.DESTROYED:
                self.keep(rows, new, version.number, self.material(rows, old, version.number))

    def rewrap_children(self, rows: Rows, parent: KeyRecord) -> int:
        """Move all that a key wraps to its current version; the number of children."""
        children = [
            child for child in rows.dependents(parent.id) if child.relation is Relation.WRAPS
        ]
        for child in children:
            self.rewrap(rows, child, child)
        return len(children)

    def forget(self, key_id: str) -> None:
        """Drop a key from the cache."""
        with self._lock:
            for entry in [entry for entry in self._parents if entry[0] == key_id]:
                del self._parents[entry]

    def forget_all(self) -> None:
        """Empty the cache: what a transaction put there may not be what the store keeps."""
        with self._lock:
            self._parents.clear()

    def parent_of(self, rows: Rows, record: KeyRecord) -> KeyRecord:
        """The record of the parent that a key's material rests on."""
        parent = rows.key(record.parent or "")
        if parent is None:
            raise ProviderDefectError(
                "the key's parent is not in the store", target=record.id, operation="unwrap"
            )
        return parent

    def _parent(
        self, rows: Rows, record: KeyRecord, version: int | None
    ) -> tuple[KeyRecord, bytes]:
        parent = self.parent_of(rows, record)
        entry = (parent.id, version or parent.current.number)
        with self._lock:
            cached = self._parents.get(entry)
            if cached is not None:
                self._parents.move_to_end(entry)
                return parent, cached
        material = self.material(rows, parent, entry[1])
        with self._lock:
            self._parents[entry] = material
            if len(self._parents) > CACHED_PARENTS:
                self._parents.popitem(last=False)
        return parent, material

    def _root_key(self, place: bytes) -> bytes:
        info = Purpose.SEAL_ROOT.bind(place)
        return hkdf(self._keys.wrapping, info=info, length=32)


def derive(
    parent: Algorithm, key: bytes, purpose: Purpose, context: bytes, child: Algorithm
) -> bytes:
    """A symmetric key from a derivation key: HKDF from an HMAC key, CMAC KBKDF from an AES key."""
    return derive_octets(parent, key, purpose, context, symmetric_size(child))


def derive_octets(
    parent: Algorithm, key: bytes, purpose: Purpose, context: bytes, length: int
) -> bytes:
    """The same, of any length."""
    if parent.family is Family.AES:
        return kbkdf_cmac(key, label=purpose.value, context=context, length=length)
    digest = parent.name.removeprefix("hmac-")
    return hkdf(key, info=purpose.bind(context), length=length, digest=digest)


def _wrap_child(parent: Algorithm, key: bytes, place: bytes, material: bytes) -> bytes:
    info = Purpose.WRAP_CHILD.bind(place)
    if parent.family is Family.RSA:
        return rsa_wrap(rsa_private_key(key).public_key(), material, info)
    return wrap(hkdf(key, info=info, length=len(key)), material)


def _unwrap_child(parent: Algorithm, key: bytes, place: bytes, wrapped: bytes) -> bytes:
    info = Purpose.WRAP_CHILD.bind(place)
    if parent.family is Family.RSA:
        return rsa_unwrap(rsa_private_key(key), wrapped, info)
    return unwrap(hkdf(key, info=info, length=len(key)), wrapped)


def _place(key_id: str, version: int) -> bytes:
    return f"{key_id}/{version}".encode()


def _present(material: bytes | None) -> bytes:
    if material is None:
        raise ProviderDefectError("there is no material to wrap", operation="wrap")
    return material
