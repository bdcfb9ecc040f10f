"""A plan as its journal keeps it: what performing the rest of it needs, and nothing else.

Rules: operations, preconditions and brakes are all there, so that a run is finished under
the checks it began with; what was only for reading (drift, access, findings, values before
and after) is left out, because a journal is written before the first effect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keyplan.errors import JournalError
from keyplan.plans.plan import Plan
from keyplan.plans.records import decode_record, encode_record


def write_program(plan: Plan) -> dict[str, Any]:
    """The document of a plan's program."""
    document: dict[str, Any] = encode_record(
        replace(
            plan,
            changes=tuple(
                replace(change, before=None, after=None, attributes=(), notes=(), position=None)
                for change in plan.changes
            ),
            drift=(),
            access=(),
            findings=(),
            due=(),
        )
    )
    return document


def read_program(document: dict[str, Any], *, run: str, checksum: str) -> Plan:
    """The plan of a program; raises `JournalError` if it is not the one of that checksum."""
    try:
        plan = decode_record(Plan, document)
    except (ValueError, RecursionError) as error:
        raise _unreadable(run, str(error)) from None
    if plan.checksum != checksum:
        raise _unreadable(run, "Its checksum is not the one that the run began with.")
    return plan


def _unreadable(run: str, why: str) -> JournalError:
    return JournalError(
        "the program of the run cannot be read from its journal",
        target=run,
        why=why,
        advice="It was written by another version of keyplan. Plan what is left: keyplan plan",
    )
