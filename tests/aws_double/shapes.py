"""Input and output by botocore's service model: decoding, checking, encoding.

Checked is what AWS checks before it looks at anything: required members, enumerations,
lengths, ranges, patterns. boto3 checks less, so that a test can send what is refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape

from tests.aws_double.errors import ServiceError, validation

TIGHTER = {"PendingWindowInDaysType": (7, 30)}
"""Ranges that AWS documents and enforces, and that the model states wider."""


def decode(shape: Shape, value: Any) -> Any:
    """What arrived as JSON, in Python's types."""
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            return {
                name: decode(shape.members[name], item)
                for name, item in value.items()
                if name in shape.members and item is not None
            }
        case "list" if isinstance(value, list):
            return [decode(shape.member, item) for item in value]
        case "blob" if isinstance(value, str):
            return base64.b64decode(value)
        case "timestamp" if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        case _:
            return value


def encode(shape: Shape, value: Any) -> Any:
    """What goes out as JSON: blobs in base64, times in seconds, nothing that is `None`."""
    match shape.type_name:
        case "structure":
            unknown = value.keys() - shape.members.keys()
            assert not unknown, f"the model does not have {sorted(unknown)}"
            return {
                name: encode(shape.members[name], item)
                for name, item in value.items()
                if item is not None
            }
        case "list":
            return [encode(shape.member, item) for item in value]
        case "map":
            return dict(value)
        case "blob":
            return base64.b64encode(value).decode("ascii")
        case "timestamp":
            return value.timestamp()
        case _:
            return value


def check(shape: Shape | None, value: dict[str, Any]) -> None:
    """Refuse input that breaks the model, with all that is wrong in one text as AWS does."""
    faults = [] if shape is None else list(_faults(shape, value, ""))
    if faults:
        plural = "s" if len(faults) > 1 else ""
        raise validation(f"{len(faults)} validation error{plural} detected: {'; '.join(faults)}")


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            if not isinstance(value, dict):
                raise ServiceError("SerializationException", f"{path or 'input'} is no structure")
            for name in shape.required_members:
                if value.get(name) is None:
                    yield _fault("null", f"{path}{_lower(name)}", "Member must not be null")
            for name, item in value.items():
                yield from _faults(shape.members[name], item, f"{path}{_lower(name)}.")
        case "list":
            yield from _sizes(shape, len(value), value, path)
            for number, item in enumerate(value, 1):
                yield from _faults(shape.member, item, f"{path}{number}.member.")
        case "string":
            yield from _text(shape, value, path)
        case "integer":
            yield from _range(shape, value, path)


def _text(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        raise ServiceError("SerializationException", f"{path} is not text")
    yield from _sizes(shape, len(value), value, path)
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        yield _fault(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is None:
        yield _fault(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _sizes(shape: Shape, size: int, value: Any, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        rule = f"Member must have length greater than or equal to {low}"
        yield _fault(value, path, rule)
    if high is not None and size > high:
        yield _fault(value, path, f"Member must have length less than or equal to {high}")


def _range(shape: Shape, value: int, path: str) -> Iterator[str]:
    limits = shape.metadata.get("min"), shape.metadata.get("max")
    low, high = TIGHTER.get(shape.name, limits)
    if low is not None and value < low:
        yield _fault(value, path, f"Member must have value greater than or equal to {low}")
    if high is not None and value > high:
        yield _fault(value, path, f"Member must have value less than or equal to {high}")


def _fault(value: Any, path: str, rule: str) -> str:
    shown = value if len(str(value)) < 200 else f"{str(value)[:200]}..."
    place = path.removesuffix(".")
    return f"Value '{shown}' at '{place}' failed to satisfy constraint: {rule}"


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
