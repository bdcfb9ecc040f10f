"""Typed access to the tables of a store, within one connection.

Rules: SQL stands here and nowhere else (the audit chain has its own tables). Keys whose
deletion window has ended do not exist, whether or not their rows were removed already.
Statements are constant texts, so that SQLite prepares each once.
"""

# ruff: noqa: S608  (statements are built from constants of this module only)

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from keyplan.model.canonical import canonical_json
from keyplan_hsm.records import KeyRecord, decode, encode

_COLUMNS = "id, stack, token, deletion_at, document, policy"
_LIVE = "(deletion_at IS NULL OR deletion_at > ?)"


class Material(NamedTuple):
    """One version's row. `wrapped` is `None` for derived material.

    `certificate` is DER; `certified` says in JSON by which profile and parent version.
    """

    parent_version: int | None
    wrapped: bytes | None
    certificate: bytes | None
    certified: str | None


class Rows:
    """Reading and writing at one instant, `now` in seconds since 1970.

    A key that was read once is remembered, because parents are asked for again and
    again; call `forget` when something was rolled back.
    """

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.connection = connection
        self.now = now
        self._known: dict[str, KeyRecord] = {}

    def forget(self) -> None:
        """Drop what is remembered."""
        self._known.clear()

    # -- keys ----------------------------------------------------------------------------

    def key(self, key_id: str) -> KeyRecord | None:
        """A key by id."""
        known = self._known.get(key_id)
        if known is not None:
            return known
        found = self._one(f"SELECT {_COLUMNS} FROM keys WHERE id = ? AND {_LIVE}", key_id)
        if found is not None:
            self._known[key_id] = found
        return found

    def key_by_token(self, token: str) -> KeyRecord | None:
        """The key that carries an operation token."""
        return self._one(f"SELECT {_COLUMNS} FROM keys WHERE token = ? AND {_LIVE}", token)

    def _one(self, statement: str, value: str) -> KeyRecord | None:
        row = self.connection.execute(statement, (value, self.now)).fetchone()
        return None if row is None else decode(row)

    def keys(self, ids: Sequence[str]) -> Iterator[KeyRecord]:
        """Those of the ids that exist."""
        statement = (
            f"SELECT {_COLUMNS} FROM keys WHERE id IN (SELECT value FROM json_each(?)) AND {_LIVE}"
        )
        for row in self.connection.execute(statement, (canonical_json(list(ids)), self.now)):
            yield decode(row)

    def page(self, after: str, size: int) -> list[KeyRecord]:
        """Up to `size` keys whose ids come after `after`, by id."""
        statement = f"SELECT {_COLUMNS} FROM keys WHERE id > ? AND {_LIVE} ORDER BY id LIMIT ?"
        return [decode(row) for row in self.connection.execute(statement, (after, self.now, size))]

    def dependents(self, key_id: str) -> list[KeyRecord]:
        """Keys whose material rests on this one's: what it wraps, what is derived from it."""
        statement = f"SELECT {_COLUMNS} FROM keys WHERE dependent_on = ? AND {_LIVE} ORDER BY id"
        return [decode(row) for row in self.connection.execute(statement, (key_id, self.now))]

    def insert(self, record: KeyRecord) -> None:
        """Add a key. Raises `sqlite3.IntegrityError` if id or token are taken."""
        self.connection.execute(
            "INSERT INTO keys (id, stack, token, dependent_on, deletion_at, document, policy) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (record.id, *_mutable_columns(record)),
        )

    def update(self, record: KeyRecord) -> None:
        """Replace a key's record."""
        self.connection.execute(
            "UPDATE keys SET stack = ?, token = ?, dependent_on = ?, deletion_at = ?, "
            "document = ?, policy = ? WHERE id = ?",
            (*_mutable_columns(record), record.id),
        )
        self._known[record.id] = record

    def ended(self) -> list[str]:
        """Ids of the keys whose deletion window has ended, earliest first."""
        statement = "SELECT id FROM keys WHERE deletion_at <= ? ORDER BY deletion_at, id"
        return [row[0] for row in self.connection.execute(statement, (self.now,))]

    def purge(self, key_id: str) -> None:
        """Remove a key, its material and its names for good."""
        self.connection.execute("DELETE FROM material WHERE key_id = ?", (key_id,))
        self.connection.execute("DELETE FROM aliases WHERE key_id = ?", (key_id,))
        self.connection.execute("DELETE FROM keys WHERE id = ?", (key_id,))
        self._known.pop(key_id, None)

    # -- material ------------------------------------------------------------------------

    def material(self, key_id: str, version: int) -> Material | None:
        """The row of one version."""
        row = self.connection.execute(
            "SELECT parent_version, wrapped, certificate, certified FROM material "
            "WHERE key_id = ? AND version = ?",
            (key_id, version),
        ).fetchone()
        return None if row is None else Material(*row)

    def put_material(
        self, key_id: str, version: int, wrapped: bytes | None, parent_version: int | None
    ) -> None:
        """Store the wrapped key of a version, new or wrapped anew."""
        self.connection.execute(
            "INSERT INTO material (key_id, version, wrapped, parent_version) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (key_id, version) DO UPDATE SET wrapped = excluded.wrapped, "
            "parent_version = excluded.parent_version",
            (key_id, version, wrapped, parent_version),
        )

    def destroy_material(self, key_id: str, version: int) -> None:
        """Overwrite and remove the material of a version."""
        self.connection.execute(
            "DELETE FROM material WHERE key_id = ? AND version = ?", (key_id, version)
        )

    def put_certificate(
        self, key_id: str, version: int, certificate: bytes, certified: str
    ) -> None:
        """Keep the certificate of a version; the arguments are those of `Material`."""
        self.connection.execute(
            "UPDATE material SET certificate = ?, certified = ? WHERE key_id = ? AND version = ?",
            (certificate, certified, key_id, version),
        )

    def rests_on(self, key_id: str, version: int) -> str | None:
        """The id of a key whose material needs this version of its parent, if there is one."""
        row = self.connection.execute(
            "SELECT keys.id FROM keys JOIN material ON material.key_id = keys.id "
            f"WHERE dependent_on = ? AND parent_version = ? AND {_LIVE} LIMIT 1",
            (key_id, version, self.now),
        ).fetchone()
        return None if row is None else str(row[0])

    def count_use(self, key_id: str, version: int) -> int:
        """Count one invocation of a version; the number so far, this one included."""
        self.connection.execute(
            "UPDATE material SET uses = uses + 1 WHERE key_id = ? AND version = ?",
            (key_id, version),
        )
        row = self.connection.execute(
            "SELECT uses FROM material WHERE key_id = ? AND version = ?", (key_id, version)
        ).fetchone()
        return int(row[0])

    # -- aliases and facts ---------------------------------------------------------------

    def alias(self, name: str) -> str | None:
        """The id that a name points to."""
        row = self.connection.execute(
            f"SELECT key_id FROM aliases JOIN keys ON keys.id = key_id WHERE name = ? AND {_LIVE}",
            (name, self.now),
        ).fetchone()
        return None if row is None else str(row[0])

    def put_alias(self, name: str, key_id: str) -> None:
        """Let a name point to a key, in place of whatever it pointed to."""
        self.connection.execute(
            "INSERT INTO aliases (name, key_id) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id",
            (name, key_id),
        )

    def delete_alias(self, name: str) -> None:
        """Take a name away."""
        self.connection.execute("DELETE FROM aliases WHERE name = ?", (name,))

    def meta(self) -> dict[str, str]:
        """Everything that the store says about itself; nothing if it is not one yet."""
        there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
        if self.connection.execute(there).fetchone() is None:
            return {}
        return dict(self.connection.execute("SELECT name, value FROM meta").fetchall())

    def put_meta(self, name: str, value: str) -> None:
        """Set one of them."""
        self.connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (name, value))


def _mutable_columns(
    record: KeyRecord,
) -> tuple[str | int | None, ...]:
    owner = record.owner
    return (
        owner.stack if owner else None,
        owner.token if owner else None,
        record.parent if record.needs_parent else None,
        record.deletion_at,
        *encode(record),
    )
