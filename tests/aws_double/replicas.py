"""Multi-Region keys: replicas, and which of them is the primary."""

from __future__ import annotations

from typing import Any

from tests.aws_double import errors, policies, states
from tests.aws_double.keys import policy_of
from tests.aws_double.operations import Request, on_key
from tests.aws_double.records import Key
from tests.aws_double.tags import add_tags
from tests.aws_double.world import World


@on_key("ReplicateKey")
def replicate_key(world: World, request: Request, key: Key) -> dict[str, Any]:
    """A replica in another Region, with its own policy, description and tags."""
    given, region = request.given, request.given["ReplicaRegion"]
    if not key.shared.multi_region or not key.is_primary:
        raise errors.unsupported(f"{key.arn} is not a multi-Region primary key.")
    if region == key.region or region not in world.regions:
        raise errors.validation(f"The replica Region {region} is not valid.")
    arn = f"arn:aws:kms:{region}:{key.account}:key/{key.id}"
    if key.id in world.keys(key.account, region):
        raise errors.ServiceError("AlreadyExistsException", f"{arn} already exists.")
    replica = Key(
        arn, key.account, region, key.shared, world.clock(), policy_of(world, request, key.account)
    )
    replica.description = given.get("Description", "")
    add_tags(world, replica, given.get("Tags", []))
    world.add(replica)
    _busy(world, replica, "Creating")
    return {
        "ReplicaKeyMetadata": replica.metadata(world.related(replica)),
        "ReplicaPolicy": policies.serialise(replica.policy),
        "ReplicaTags": given.get("Tags", []),
    }


@on_key("UpdatePrimaryRegion")
def update_primary_region(world: World, request: Request, key: Key) -> None:
    """Make the replica in another Region the primary. Both are `Updating` for a while."""
    region = request.given["PrimaryRegion"]
    if not key.shared.multi_region or not key.is_primary:
        raise errors.unsupported(f"{key.arn} is not a multi-Region primary key.")
    replica = world.keys(key.account, region).get(key.id)
    if replica is None:
        raise errors.not_found(
            f"Key 'arn:aws:kms:{region}:{key.account}:key/{key.id}' does not exist"
        )
    if replica is key:
        raise errors.unsupported(f"{key.arn} is the primary key already.")
    states.check(replica, request.operation)
    key.shared.moving = (region, world.clock() + world.transition)
    _busy(world, key, "Updating")
    _busy(world, replica, "Updating")


def _busy(world: World, key: Key, state: str) -> None:
    until = world.clock() + world.transition
    key.busy = (state, until)
    world.wake_at(until)
    world.settle()
