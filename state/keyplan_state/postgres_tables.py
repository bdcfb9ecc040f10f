"""The tables of a `postgres` store, made by whoever writes first.

Rules: a version of the tables is a list of statements that is never edited afterwards; a
change is a further one. Tables of a newer keyplan are refused. Making them is one
transaction, one at a time.
"""

from __future__ import annotations

from hashlib import sha256

from keyplan.errors import StoreError
from keyplan_state.postgres_link import Statements

# `leases.session` is always false now: an older keyplan, which took a lease over when its
# holder's connection ended, waits for its time as we do.
VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE {s}.format (version integer NOT NULL)",
        "INSERT INTO {s}.format VALUES (0)",
        """CREATE TABLE {s}.leases (
            stack text PRIMARY KEY,
            version bigint NOT NULL,
            fence bigint NOT NULL,
            holder text,
            record bytea NOT NULL,
            ttl double precision NOT NULL,
            session boolean NOT NULL,
            renewed timestamptz NOT NULL DEFAULT clock_timestamp(),
            written uuid)""",
        """CREATE TABLE {s}.states (
            stack text NOT NULL,
            number bigint NOT NULL,
            version text NOT NULL,
            content bytea NOT NULL,
            committed timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (stack, number))""",
        """CREATE TABLE {s}.logs (
            stack text NOT NULL,
            log text COLLATE "C" NOT NULL,
            archived boolean NOT NULL DEFAULT false,
            PRIMARY KEY (stack, log))""",
        """CREATE TABLE {s}.lines (
            stack text NOT NULL,
            log text COLLATE "C" NOT NULL,
            seq bigint NOT NULL,
            line bytea NOT NULL,
            PRIMARY KEY (stack, log, seq),
            FOREIGN KEY (stack, log) REFERENCES {s}.logs)""",
    ),
)


def number(text: str) -> int:
    """The key of an advisory lock: 64 bits, signed."""
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big", signed=True)


def present(sql: Statements, schema: str) -> int:
    """The version of the tables there are; 0 for none. Raises `StoreError` for a newer one."""
    # A query, and not to_regclass: that may answer from before somebody else's transaction.
    if not sql("SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'format'", schema):
        return 0
    found = int(sql("SELECT max(version) FROM {s}.format")[0][0])
    if found > len(VERSIONS):
        raise StoreError(
            "the tables of the store were made by a newer keyplan",
            target=f"postgres {schema}",
            why=f"They have version {found}; this keyplan knows {len(VERSIONS)}.",
            advice="Use that keyplan, or a newer one.",
        )
    return found


def make(sql: Statements, schema: str) -> None:
    """Make the tables, or bring them to this version; nothing where that was done."""
    if present(sql, schema) == len(VERSIONS):
        return
    sql("SELECT pg_advisory_xact_lock(%s)", number(f"keyplan tables {schema}"))
    before = present(sql, schema)
    # CREATE SCHEMA IF NOT EXISTS wants the right to create one even where there is one.
    if not sql("SELECT 1 FROM pg_namespace WHERE nspname = %s", schema):
        sql("CREATE SCHEMA {s}")
    for version, statements in enumerate(VERSIONS[before:], before + 1):
        for statement in statements:
            sql(statement)
        sql("UPDATE {s}.format SET version = %s", version)
