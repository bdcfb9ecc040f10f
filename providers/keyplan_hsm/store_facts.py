"""What a store says about itself: its serial, its lock, and its format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from keyplan.errors import RejectedError
from keyplan_hsm import schema
from keyplan_hsm.rows import Rows


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a store says about itself. `formerly` is its place while it did not exist yet."""

    serial: str
    created_at: str
    formerly: str
    lock: dict[str, Any]


def read_facts(rows: Rows) -> StoreFacts | None:
    """What a store says, or `None` if it is not (completely) made. Raises `RejectedError`."""
    meta = rows.meta()
    if "format" not in meta:
        return None
    if int(meta["format"]) > schema.FORMAT:
        raise RejectedError(
            f"the HSM's store has format {meta['format']}; this version reads {schema.FORMAT}",
            advice="Use the version of keyplan that made it, or a newer one.",
        )
    return StoreFacts(
        meta["serial"], meta["created_at"], meta["formerly"], json.loads(meta["lock"])
    )


def write_facts(rows: Rows, facts: StoreFacts) -> None:
    """Say it, once."""
    rows.put_meta("format", str(schema.FORMAT))
    rows.put_meta("serial", facts.serial)
    rows.put_meta("created_at", facts.created_at)
    rows.put_meta("formerly", facts.formerly)
    rows.put_meta("lock", json.dumps(facts.lock))
