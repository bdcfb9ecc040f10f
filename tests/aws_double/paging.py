"""Pages of lists: `Limit`, `Marker`, `Truncated`, `NextMarker`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from tests.aws_double.errors import ServiceError, validation
from tests.aws_double.operations import Request
from tests.aws_double.world import World

# For each list: its size where none is asked for, and the largest that may be asked for.
_SIZES = {
    "ListKeys": (100, 1000),
    "ListAliases": (50, 100),
    "ListGrants": (50, 100),
    "ListRetirableGrants": (50, 100),
    "ListResourceTags": (50, 50),
    "ListKeyPolicies": (100, 1000),
    "ListKeyRotations": (100, 1000),
}


def page(world: World, request: Request, field: str, rows: Sequence[Any]) -> dict[str, Any]:
    """The part of `rows` that is asked for, in the words of the list calls."""
    usual, largest = _SIZES[request.operation]
    size = request.given.get("Limit", usual)
    if size > largest:
        raise validation(
            f"1 validation error detected: Value '{size}' at 'limit' failed to satisfy "
            f"constraint: Member must have value less than or equal to {largest}"
        )
    start = 0
    if (marker := request.given.get("Marker")) is not None:
        start = _position(request, marker)
    end = start + min(size, world.limits.page)
    out: dict[str, Any] = {field: list(rows[start:end]), "Truncated": end < len(rows)}
    if end < len(rows):
        out["NextMarker"] = _marker(request, end)
    return out


def _marker(request: Request, position: int) -> str:
    return base64.b64encode(f"{request.operation}:{position}".encode()).decode("ascii")


def _position(request: Request, marker: str) -> int:
    try:
        operation, _, position = base64.b64decode(marker, validate=True).decode().partition(":")
        if operation == request.operation:
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise ServiceError("InvalidMarkerException", "Could not deserialize marker")
