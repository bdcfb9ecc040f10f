"""The tables of a store, and how its file is opened.

`meta` says what the store is; `keys` has one row a key, with the document that is
reported; `material` the wrapped key of each version; `aliases` keeps names unique;
`audit` is the chain of records and `head` its sealed end.

Rules: WAL and `synchronous=FULL`, so that what was answered survives a power cut;
`secure_delete`, so that destroyed material is overwritten; a reader never changes
anything, and creates nothing that it does not remove.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

FORMAT = 1
BUSY_SECONDS = 10.0

TABLES = """
CREATE TABLE IF NOT EXISTS meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (
  id TEXT NOT NULL UNIQUE,
  stack TEXT,
  token TEXT UNIQUE,
  dependent_on TEXT,
  deletion_at INTEGER,
  document TEXT NOT NULL,
  policy TEXT
);
CREATE INDEX IF NOT EXISTS keys_by_parent ON keys (dependent_on)
  WHERE dependent_on IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_by_deletion ON keys (deletion_at)
  WHERE deletion_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS material (
  key_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  parent_version INTEGER,
  wrapped BLOB,
  certificate BLOB,
  certified TEXT,
  uses INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (key_id, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (
  name TEXT PRIMARY KEY,
  key_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
  sequence INTEGER PRIMARY KEY,
  record TEXT NOT NULL,
  digest BLOB NOT NULL,
  seal BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS head (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  sequence INTEGER NOT NULL,
  digest BLOB NOT NULL,
  seal BLOB NOT NULL
);
"""


def open_writing(path: Path) -> sqlite3.Connection:
    """A connection that may write; the file must be there. Transactions are explicit."""
    connection = _connect(path, "rw")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")
    return connection


def open_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write.

    SQLite reads a WAL store through two helper files. Where we may, we open it so that
    they are removed again afterwards; where the file or directory is read-only, without
    them, which needs that nobody is writing.
    """
    may_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if may_write:
        connection = _connect(path, "rw")
    elif path.with_name(path.name + "-wal").exists():
        connection = _connect(path, "ro")
    else:
        connection = _connect(path, "ro&immutable=1")
    connection.execute("PRAGMA query_only=ON")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
