"""What `keyplan hsm` shows of a store. Needs no PIN, but to check the audit chain's seals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keyplan.errors import NotFoundError, UnauthenticatedError
from keyplan.model.printable import printable
from keyplan.model.timing import format_instant
from keyplan_hsm import audit as chain
from keyplan_hsm.console import Where, device
from keyplan_hsm.device import Device
from keyplan_hsm.records import KeyRecord, instant
from keyplan_hsm.rows import Rows
from keyplan_hsm.store_facts import StoreFacts

NOTICE = "software for development and tests, not hardware"
_PAGE = 500


def status(store: Path, *, as_json: bool) -> str:
    """Serial, seal, numbers of keys and audit records."""
    with _opened(store) as (facts, rows):
        records = list(_all(rows))
        count, head = chain.end(rows.connection)
    states = Counter(record.state.value for record in records)
    pending = sum(record.pending for record in records)
    sealed, kdf = facts.lock["kind"], facts.lock["kdf"]["name"]
    if as_json:
        return _json(
            {
                "emulator": True,
                "store": str(store),
                "serial": facts.serial,
                "created_at": facts.created_at,
                "sealed_by": sealed,
                "kdf": kdf,
                "keys": dict(sorted(states.items())),
                "pending_deletion": pending,
                "audit_records": count,
                "audit_head": head,
            }
        )
    by_state = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    details = f" ({by_state}{f'; {pending} pending deletion' if pending else ''})"
    seal = f"PIN ({kdf})" if sealed == "pin" else f"unlock file {printable(store.name)}.unlock"
    return "\n".join(
        (
            f"HSM emulator: {NOTICE}",
            f"  store      {printable(str(store))}",
            f"  serial     {facts.serial}, made {facts.created_at}",
            f"  sealed by  {seal}",
            f"  keys       {states.total()}{details if states else ''}",
            f"  audit      {count} records, head {head[:16]}",
        )
    )


def keys(store: Path, *, as_json: bool) -> str:
    """Every key, without its policy."""
    with _opened(store) as (_, rows):
        records = list(_all(rows))
    if as_json:
        return _json([_summary(record) for record in records])
    if not records:
        return "No keys."
    lines: list[tuple[str, ...]] = [_COLUMNS]
    lines += [tuple(printable(str(item)) for item in _line(record)) for record in records]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


_COLUMNS = ("ID", "USAGE", "ALGORITHM", "STATE", "VERSION", "ALIASES")


def _line(record: KeyRecord) -> tuple[object, ...]:
    summary = _summary(record)
    state = summary["state"]
    if record.deletion_at is not None:
        state = f"{state}, destroyed on {str(summary['deletion_at'])[:10]}"
    aliases = " ".join(summary["aliases"]) or "-"
    return (
        record.id, summary["usage"], summary["algorithm"], state, summary["version"], aliases,
    )  # fmt: skip


def _summary(record: KeyRecord) -> dict[str, Any]:
    names = ("usage", "algorithm", "relation", "parent", "state", "protection", "exportable")
    return {
        "id": record.id,
        **{name: record.attributes[name] for name in names},
        "aliases": record.attributes["aliases"],
        "version": record.current.number,
        "versions": {str(item.number): item.state.value for item in record.versions},
        "deletion_at": None
        if record.deletion_at is None
        else format_instant(instant(record.deletion_at)),
    }


def audit(store: Path, last: int, *, as_json: bool) -> str:
    """The newest audit records, oldest first."""
    with _opened(store) as (_, rows):
        records = list(chain.records(rows.connection, last=last))
    if as_json:
        return "\n".join(_json(asdict(record), indent=None) for record in records)
    return "\n".join(_audit_line(record) for record in records)


def _audit_line(record: chain.Record) -> str:
    what = f"{record.sequence:>6}  {record.at}  {record.outcome:<8}  {record.event:<18}"
    return f"{what}  {printable(record.key) or '-':<19}  {printable(record.actor)}"


def verify(where: Where, *, as_json: bool) -> tuple[str, bool]:
    """Walk the chain; the result for people or programs, and whether it is intact."""
    opened = device(where, read_only=True)
    try:
        facts = _facts(opened)
        audit_key, locked = _audit_key(opened, where)
        with opened.reading() as rows:
            if rows is None:
                raise _disappeared(opened)
            result = chain.verify(rows.connection, facts.serial, audit_key)
    finally:
        opened.close()
    intact = result.broken_at is None
    if as_json:
        return _json({"intact": intact, **asdict(result)}), intact
    seals = "seals checked" if result.sealed else f"seals NOT checked ({locked})"
    if intact:
        return f"{result.records} records, unbroken; {seals}.\nHead {result.head}", True
    text = (
        f"BROKEN at record {result.broken_at} of {result.records} ({seals}):\n"
        f"{result.problem}.\n"
        f"Records before {result.broken_at} are as they were written. Somebody changed the\n"
        "store without the HSM: compare it with a copy, treat its keys as exposed."
    )
    return text, False


def _audit_key(opened: Device, where: Where) -> tuple[bytes | None, str]:
    """The key of the seals, or why they cannot be checked. A PIN that was given must be right."""
    try:
        return opened.unlock().audit_key, ""
    except UnauthenticatedError as error:
        if where.pin_env or where.pin_file is not None:
            raise
        return None, error.what


@contextmanager
def _opened(store: Path) -> Iterator[tuple[StoreFacts, Rows]]:
    opened = device(Where(store), read_only=True)
    try:
        facts = _facts(opened)
        with opened.reading() as rows:
            if rows is None:
                raise _disappeared(opened)
            yield facts, rows
    finally:
        opened.close()


def _facts(opened: Device) -> StoreFacts:
    facts = opened.facts()
    if facts is None:
        raise _disappeared(opened)
    return facts


def _disappeared(opened: Device) -> NotFoundError:
    return NotFoundError("the HSM store disappeared while it was read", target=str(opened.path))


def _all(rows: Rows) -> Iterator[KeyRecord]:
    after = ""
    while page := rows.page(after, _PAGE):
        yield from page
        after = page[-1].id


def _json(document: object, indent: int | None = 2) -> str:
    return json.dumps(document, indent=indent, ensure_ascii=True)
