"""On-demand rotations, and which Region has the primary."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.errors import ConflictError, QuotaError, RejectedError
from keyplan.model.operations import RotateKey
from keyplan_aws import marks
from keyplan_aws.api import Work
from keyplan_aws.changes import described
from keyplan_aws.marks import Turn
from keyplan_aws.observing import on_demand
from keyplan_aws.places import key_id_of, region_of
from keyplan_aws.quotas import ON_DEMAND_ROTATIONS
from keyplan_aws.reading import resource_tags


def rotate_key(work: Work, key: str, operation: RotateKey) -> None:
    """Rotate on demand, unless the version is there. The tag is written before the rotation."""
    described(work, key)
    tags = resource_tags(work, key)
    rotations = list(work.pages("ListKeyRotations", "Rotations", KeyId=key))
    count = len(on_demand(rotations, work.read("GetKeyRotationStatus", KeyId=key)))
    turn = Turn.parse(tags.get(marks.VERSION))
    latest = turn.latest(count) if turn else 1
    if latest >= operation.version:
        return
    if latest + 1 != operation.version:
        raise ConflictError(
            f"the key has version {latest}: version {operation.version} cannot follow",
            target=key,
            advice="Plan again.",
            operation="RotateKeyOnDemand",
        )
    if count >= ON_DEMAND_ROTATIONS:
        raise QuotaError(
            f"the key was rotated on demand {count} times, and may not be again",
            target=key,
            why=f"AWS allows {ON_DEMAND_ROTATIONS} in a key's life, and does not raise it.",
            advice="Let it rotate by itself, or move to a new key.",
            operation="RotateKeyOnDemand",
        )
    wanted = Turn(operation.version, count)
    if turn != wanted:
        mark: Mapping[str, str] = {marks.VERSION: str(wanted)}
        work.write("TagResource", KeyId=key, Tags=marks.tag_list(mark))
    work.write("RotateKeyOnDemand", KeyId=key)


def change_primary(work: Work, key: str, before: str, after: str) -> None:
    """Make `after` the primary instead of `before`, both ARNs; asked where the primary is."""
    configuration = described(work, key).get("MultiRegionConfiguration")
    if configuration is None or not region_of(after):
        raise RejectedError(
            "the primary cannot be changed",
            target=key,
            why="The key is in one Region only.",
            operation="UpdatePrimaryRegion",
        )
    primary = str(configuration["PrimaryKey"]["Arn"])
    if primary == after:
        return
    if primary != before:
        raise ConflictError(
            f"the primary is {primary}, not {before}",
            target=key,
            advice="Plan again.",
            operation="UpdatePrimaryRegion",
        )
    region = region_of(primary)
    work.write(
        "UpdatePrimaryRegion", region=region, KeyId=key_id_of(key), PrimaryRegion=region_of(after)
    )
    _await_primary(work, key, after)


def _await_primary(work: Work, key: str, after: str) -> None:
    """Wait while the family is `Updating`: until it is not, AWS still shows the old primary.

    When the time is over without it, that is for whoever reads the key back to say.
    """
    clock, wait = work.api.clock, 0.5
    while True:
        metadata = described(work, key)
        primary = metadata["MultiRegionConfiguration"]["PrimaryKey"]["Arn"]
        if primary == after and metadata.get("KeyState") != "Updating":
            return
        if clock.monotonic() + wait >= work.until:
            return
        clock.sleep(wait)
        wait = min(2 * wait, 8.0)
