"""Whether an answer is from AWS: a proxy's page, half an answer or nothing at all is none.

botocore takes any body of a 200 for an answer, and gives back an empty one where it cannot read
it. Rules: what is not an answer to this call fails as one that cannot be parsed, before anybody
reads it; for a read that is transient, for a write the outcome is unknown.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.parsers import ResponseParserError


def check_answer(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Handle botocore's event `before-parse`. Raises `ResponseParserError`."""
    body, status = response_dict["body"], response_dict["status_code"]
    if operation_model.service_model.resolved_protocol != "json":
        answers = f"<{operation_model.name}Response".encode() in body
        if status < 300 and not answers:
            raise ResponseParserError("no answer to the call is in it")
    elif status < 300:
        _check_json(body, operation_model.output_shape)
    else:
        _text(body)


def _check_json(body: bytes, shape: Any) -> None:
    """An object with something of what the call answers; nothing, where it answers nothing."""
    if shape is None and not body:
        return
    try:
        answer = json.loads(_text(body))
    except (ValueError, RecursionError):
        raise ResponseParserError("it is not JSON") from None
    if shape is not None and not (isinstance(answer, dict) and shape.members.keys() & answer):
        raise ResponseParserError("no answer to the call is in it")


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise ResponseParserError("it is not text") from None
