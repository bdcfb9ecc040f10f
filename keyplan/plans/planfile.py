"""Saved plans: canonical JSON, readable in review, refused if it was altered.

Rules: the file carries a digest of itself (against accidents and merges, not against
an attacker who can write it) and the plan's checksum (what people compare and
approve). Writing the same plan twice gives the same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from keyplan.errors import PlanFileError
from keyplan.plans.plan import Plan
from keyplan.plans.records import decode_record, encode_record

FORMAT = 1
"""The version of the plan file's own format."""

_AGAIN = "Make a new plan: keyplan plan --out FILE"


def write_plan(plan: Plan) -> bytes:
    """The plan as the bytes of a plan file."""
    body = _text({"format": FORMAT, "checksum": plan.checksum, "plan": encode_record(plan)})
    return f'{{"digest":"{_digest(body)}",\n"body":{body}}}\n'.encode()


def read_plan(content: bytes) -> Plan:
    """The plan in a plan file; raises `PlanFileError` for anything else."""
    try:
        document = json.loads(content)
        digest, body = document["digest"], document["body"]
        written, checksum, data = body["format"], body["checksum"], body["plan"]
    except (ValueError, KeyError, TypeError):
        raise PlanFileError("this is not a keyplan plan file", advice=_AGAIN) from None
    if written != FORMAT:
        raise PlanFileError(
            f"the plan file has format {written}; this keyplan reads format {FORMAT}",
            advice=_AGAIN,
        )
    if not hmac.compare_digest(str(digest), _digest(_text(body))):
        raise PlanFileError(
            "the plan file was altered after it was written",
            why="Its digest does not fit.",
            advice=_AGAIN,
        )
    try:
        plan = decode_record(Plan, data)
    except ValueError as error:
        raise PlanFileError("the plan file cannot be read", why=str(error), advice=_AGAIN) from None
    if not hmac.compare_digest(str(checksum), plan.checksum):
        raise PlanFileError("the plan's checksum does not fit its steps", advice=_AGAIN)
    return plan


def _text(data: Any) -> str:
    return json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
