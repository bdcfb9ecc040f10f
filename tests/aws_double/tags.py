"""Tags of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.aws_double.errors import ServiceError, limit
from tests.aws_double.operations import Request, on_key
from tests.aws_double.paging import page
from tests.aws_double.records import Key
from tests.aws_double.world import World


@on_key("TagResource")
def tag_resource(world: World, request: Request, key: Key) -> None:
    """Add tags, or give them other values."""
    add_tags(world, key, request.given["Tags"])


@on_key("UntagResource")
def untag_resource(_world: World, request: Request, key: Key) -> None:
    """Take tags away; those that are not there do not matter."""
    for name in request.given["TagKeys"]:
        key.tags.pop(name, None)


@on_key("ListResourceTags")
def list_resource_tags(world: World, request: Request, key: Key) -> dict[str, Any]:
    """The tags of a key."""
    rows = [{"TagKey": name, "TagValue": key.tags[name]} for name in sorted(key.tags)]
    return page(world, request, "Tags", rows)


def add_tags(world: World, key: Key, tags: Sequence[dict[str, str]]) -> None:
    """Write tags on a key, by AWS's rules for their names and number."""
    names = [tag["TagKey"] for tag in tags]
    if len(set(names)) != len(names):
        raise ServiceError("TagException", "Duplicate tag keys are not allowed")
    if any(name.lower().startswith("aws:") for name in names):
        raise ServiceError("TagException", "Tag keys that begin with aws: are reserved")
    if len(key.tags.keys() | set(names)) > world.limits.tags_per_key:
        raise limit(f"A key can have {world.limits.tags_per_key} tags.")
    key.tags = key.tags | {tag["TagKey"]: tag["TagValue"] for tag in tags}
