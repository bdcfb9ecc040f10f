"""Rotation of key material: by schedule, and on demand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.aws_double import errors
from tests.aws_double.operations import Request, on_key
from tests.aws_double.paging import page
from tests.aws_double.records import Key
from tests.aws_double.specs import SYMMETRIC
from tests.aws_double.world import World


@on_key("EnableKeyRotation")
def enable_key_rotation(world: World, request: Request, key: Key) -> None:
    """Rotate every so many days from now on; called again, with another period."""
    _check_rotates(key)
    rotation = key.shared.rotation
    rotation.enabled, rotation.period = True, request.given.get("RotationPeriodInDays", 365)
    rotation.next = world.clock() + timedelta(days=rotation.period)
    world.wake_at(rotation.next)


@on_key("DisableKeyRotation")
def disable_key_rotation(_world: World, _request: Request, key: Key) -> None:
    """Rotate no more by itself."""
    _check_rotates(key)
    key.shared.rotation.enabled, key.shared.rotation.next = False, None


@on_key("GetKeyRotationStatus")
def get_key_rotation_status(_world: World, _request: Request, key: Key) -> dict[str, Any]:
    """Whether and when it rotates: not while the key waits for its deletion."""
    rotation = key.shared.rotation
    on = rotation.enabled and key.state not in ("PendingDeletion", "PendingReplicaDeletion")
    return {
        "KeyRotationEnabled": on,
        "KeyId": key.arn,
        "RotationPeriodInDays": rotation.period if on else None,
        "NextRotationDate": rotation.next if on else None,
        "OnDemandRotationStartDate": rotation.on_demand,
    }


@on_key("RotateKeyOnDemand")
def rotate_key_on_demand(world: World, _request: Request, key: Key) -> dict[str, Any]:
    """Begin to rotate now. It goes on after the answer."""
    _check_rotates(key)
    rotation = key.shared.rotation
    if rotation.on_demand is not None:
        raise errors.ServiceError(
            "ConflictException", f"{key.arn} has an on-demand rotation in progress."
        )
    if rotation.on_demand_used >= world.limits.on_demand_rotations:
        raise errors.limit(f"{key.arn} has used up its on-demand rotations.")
    if key.shared.origin == "EXTERNAL" and not any(m.pending for m in key.shared.materials):
        raise errors.invalid_state(key.arn, "without key material that is pending rotation")
    rotation.on_demand_used += 1
    rotation.on_demand = world.clock()
    world.wake_at(rotation.on_demand + world.rotation_takes)
    world.settle()
    return {"KeyId": key.arn}


@on_key("ListKeyRotations")
def list_key_rotations(world: World, request: Request, key: Key) -> dict[str, Any]:
    """The rotations that are complete, and all key material where that is asked for."""
    everything = request.given.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
    if key.shared.spec != SYMMETRIC:
        raise errors.unsupported(f"{key.arn} has no rotations: it is {key.shared.spec}.")
    current = key.shared.current
    rows = []
    for material in key.shared.materials:
        if not material.rotation and not everything:
            continue
        state = "CURRENT" if material is current else "NON_CURRENT"
        imported = "IMPORTED" if material.octets else "PENDING_IMPORT"
        rows.append(
            {
                "KeyId": key.arn,
                "KeyMaterialId": material.id,
                "KeyMaterialDescription": material.description or None,
                "KeyMaterialState": "PENDING_ROTATION" if material.pending else state,
                "ImportState": imported if material.imported else None,
                "ValidTo": material.expires,
                "RotationDate": material.since if material.rotation else None,
                "RotationType": material.rotation or None,
            }
        )
    return page(world, request, "Rotations", rows)


def _check_rotates(key: Key) -> None:
    """Refuse keys that do not rotate, and replicas: rotation is the primary's."""
    if key.shared.spec != SYMMETRIC:
        raise errors.unsupported(f"{key.arn} is {key.shared.spec}: it does not rotate.")
    if not key.is_primary:
        raise errors.unsupported(f"{key.arn} is a replica: its primary key rotates.")
