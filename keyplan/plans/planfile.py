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

_HEAD, _MIDDLE, _TAIL = b'{"digest":"', b'",\n"body":', b"}\n"
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
_AGAIN = "Make a new plan: keyplan plan --out FILE"


def write_plan(plan: Plan) -> bytes:
    """The plan as the bytes of a plan file: one line per step, change and finding."""
    record = encode_record(plan)
    parts = ",\n".join(f"{_text(name)}:{_lines(record[name])}" for name in sorted(record))
    body = f'{{"checksum":"{plan.checksum}","format":{FORMAT},"plan":{{\n{parts}}}}}'.encode()
    return _HEAD + _digest(body) + _MIDDLE + body + _TAIL


def read_plan(content: bytes) -> Plan:
    """The plan in a plan file; raises `PlanFileError` for anything else."""
    digest, body = _taken_apart(content)
    if not hmac.compare_digest(digest, _digest(body)):
        raise PlanFileError(
            "the plan file was altered after it was written",
            why="Its digest does not fit.",
            advice=_AGAIN,
        )
    try:
        document = json.loads(body)
        written, checksum, data = document["format"], document["checksum"], document["plan"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _not_a_plan() from None
    if written != FORMAT:
        raise PlanFileError(
            f"the plan file has format {written}; this keyplan reads format {FORMAT}",
            advice=_AGAIN,
        )
    try:
        plan = decode_record(Plan, data)
    except (ValueError, RecursionError) as error:
        raise PlanFileError("the plan file cannot be read", why=str(error), advice=_AGAIN) from None
    if checksum != plan.checksum:
        raise PlanFileError("the plan's checksum does not fit its steps", advice=_AGAIN)
    return plan


def _taken_apart(content: bytes) -> tuple[bytes, bytes]:
    """The digest and the body, byte for byte as they were written."""
    start = len(_HEAD) + 64
    fits = content.startswith(_HEAD) and content[start:].startswith(_MIDDLE)
    if not (fits and content.endswith(_TAIL)):
        raise _not_a_plan()
    return content[len(_HEAD) : start], content[start + len(_MIDDLE) : -len(_TAIL)]


def _not_a_plan() -> PlanFileError:
    return PlanFileError("this is not a keyplan plan file", advice=_AGAIN)


def _lines(data: Any) -> str:
    if not isinstance(data, list) or not data:
        return _text(data)
    return "[\n" + ",\n".join(_text(item) for item in data) + "]"


def _text(data: Any) -> str:
    return _ENCODER.encode(data)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
