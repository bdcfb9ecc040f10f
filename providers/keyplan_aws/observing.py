"""From AWS's answers about one key to what keyplan says of it. Pure.

Rules: everything that was read is reported, in canonical form; what could not be read is
named in `unreadable` and left out. What AWS does not tell (whether a symmetric key is for
wrapping) is left out too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from keyplan.model.keys import KeyState
from keyplan.model.observations import MATERIAL, ROTATIONS_LEFT, SPELLINGS, KeyVersion, Observation
from keyplan.model.timing import format_instant
from keyplan.model.values import Value
from keyplan_aws import marks
from keyplan_aws.attributes import alias_name, canonical
from keyplan_aws.grants import as_attribute, observe
from keyplan_aws.marks import Turn
from keyplan_aws.places import key_id_of, region_of
from keyplan_aws.quotas import ON_DEMAND_ROTATIONS
from keyplan_aws.specs import algorithm_of, usage_of

PENDING = frozenset({"PendingDeletion", "PendingReplicaDeletion"})

_STATES: Mapping[str, KeyState] = {
    "Enabled": KeyState.ACTIVE,
    "Updating": KeyState.ACTIVE,
    "Creating": KeyState.ACTIVE,
    "PendingImport": KeyState.PRE_ACTIVATION,
}
"""Every other state of a key is one in which it cannot be used: suspended."""

_PROTECTIONS = {"EXTERNAL_KEY_STORE": "external"}
"""By origin; all other material is in AWS's HSMs or in the account's CloudHSM."""

DEFAULT_PERIOD = 365
"""Days between automatic rotations where AWS names no period."""


@dataclass(slots=True)
class Facts:
    """What was read of one key; `None` means that it does not apply to the key."""

    metadata: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: Value = None
    rotation: Mapping[str, Any] | None = None
    rotations: Iterable[Mapping[str, Any]] = ()
    grants: Iterable[Mapping[str, Any]] = ()
    aliases: Iterable[str] = ()
    principal_ids: Mapping[str, Value] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)


def rotates(metadata: Mapping[str, Any]) -> bool:
    """Whether the key can rotate by itself: symmetric, with material that AWS made."""
    kind = (metadata.get("KeySpec", "SYMMETRIC_DEFAULT"), metadata.get("Origin", "AWS_KMS"))
    return kind == ("SYMMETRIC_DEFAULT", "AWS_KMS")


def is_pending(metadata: Mapping[str, Any]) -> bool:
    """Whether the key is pending deletion, or its replicas are before it."""
    return str(metadata.get("KeyState")) in PENDING


def observation(facts: Facts, now: datetime) -> Observation:
    """The key, canonical; its policy is so already."""
    metadata = facts.metadata
    attributes: dict[str, Value] = {
        **_identity(metadata),
        "state": state_of(metadata, facts.tags).value,
        "description": metadata.get("Description") or None,
        "labels": {**marks.labels_of(facts.tags)},
        "policy": facts.policy,
        "rotation": _rotation(facts.rotation),
        "aliases": [alias_name(name) for name in facts.aliases],
        "grants": as_attribute(observe(facts.grants)),
        "exportable": False,
    }
    if facts.spellings:
        attributes[SPELLINGS] = {**facts.spellings}
    if material := _material(facts):
        attributes[MATERIAL] = material
    if facts.rotations:
        done = on_demand(facts.rotations, facts.rotation)
        attributes[ROTATIONS_LEFT] = max(0, ON_DEMAND_ROTATIONS - len(done))
    if facts.principal_ids:
        attributes["principal_ids"] = {**facts.principal_ids}
    unreadable = set(facts.unreadable)
    if is_pending(metadata) and rotates(metadata):
        unreadable.add("rotation")  # AWS says that it is off until the deletion is cancelled
    for name in unreadable:
        attributes.pop(name, None)
    return Observation(
        id=str(metadata["Arn"]),
        attributes=canonical(attributes, lambda policy: policy),
        owner=marks.owner_of(facts.tags),
        versions=_versions(facts),
        deletion_at=_deletion(metadata, now),
        unreadable=frozenset(unreadable),
        rotates_at=_rotates_at(facts.rotation),
    )


def state_of(metadata: Mapping[str, Any], tags: Mapping[str, str]) -> KeyState:
    """The NIST state."""
    state = _STATES.get(str(metadata.get("KeyState")), KeyState.SUSPENDED)
    if state is KeyState.SUSPENDED and tags.get(marks.STATE) == marks.COMPROMISED:
        return KeyState.COMPROMISED
    return state


def _identity(metadata: Mapping[str, Any]) -> dict[str, Value]:
    """What never changes, and where the key is."""
    arn = str(metadata["Arn"])
    spec = str(metadata.get("KeySpec", "SYMMETRIC_DEFAULT"))
    origin = str(metadata.get("Origin", "AWS_KMS"))
    found: dict[str, Value] = {
        "arn": arn,
        "key_id": key_id_of(arn),
        "account": str(metadata.get("AWSAccountId", "")),
        "region": region_of(arn),
        "manager": str(metadata.get("KeyManager", "CUSTOMER")).lower(),
        "origin": origin,
        "algorithm": algorithm_of(spec),
        "usage": usage_of(str(metadata.get("KeyUsage", "ENCRYPT_DECRYPT"))),
        "protection": _PROTECTIONS.get(origin, "hsm"),
        "multi_region": bool(metadata.get("MultiRegion", False)),
    }
    if metadata.get("CustomKeyStoreId"):
        found["custom_key_store"] = str(metadata["CustomKeyStoreId"])
    if metadata.get("ValidTo"):
        found["material_ends"] = _utc(metadata["ValidTo"]).isoformat()
    configuration = metadata.get("MultiRegionConfiguration") or {}
    primary = configuration.get("PrimaryKey")
    found["primary"] = None if primary is None else str(primary["Arn"])
    if replicas := configuration.get("ReplicaKeys"):
        found["replica_regions"] = [*sorted(str(item["Region"]) for item in replicas)]
    return found


def _rotation(status: Mapping[str, Any] | None) -> Value:
    if status is None or not status.get("KeyRotationEnabled"):
        return None
    return {"every": f"{status.get('RotationPeriodInDays') or DEFAULT_PERIOD}d"}


def _rotates_at(status: Mapping[str, Any] | None) -> datetime | None:
    """When AWS rotates the key by itself next."""
    date = (status or {}).get("NextRotationDate")
    return None if date is None else _utc(date)


def _material(facts: Facts) -> dict[str, Value]:
    """The material in use and when AWS replaces it, where both are told."""
    current = facts.metadata.get("CurrentKeyMaterialId")
    if current is None or facts.rotation is None:
        return {}
    ends = _rotates_at(facts.rotation)
    return {"id": str(current), "rotates_at": None if ends is None else format_instant(ends)}


def on_demand(
    rotations: Iterable[Mapping[str, Any]], status: Mapping[str, Any] | None
) -> list[datetime]:
    """When each on-demand rotation was, oldest first; one that still runs counts."""
    done = sorted(
        _utc(entry["RotationDate"])
        for entry in rotations
        if entry.get("RotationType") == "ON_DEMAND" and entry.get("RotationDate")
    )
    started = (status or {}).get("OnDemandRotationStartDate")
    if started and not any(date >= _utc(started) for date in done):
        done.append(_utc(started))
    return done


def _versions(facts: Facts) -> tuple[KeyVersion, ...]:
    """Versions as keyplan counts them: one, and one more for each of its on-demand rotations."""
    if facts.unreadable & {"versions", "labels"}:
        return ()
    metadata = facts.metadata
    created = _utc(metadata["CreationDate"])
    turn = Turn.parse(facts.tags.get(marks.VERSION))
    dates = [created]
    if turn is not None:
        rotated = on_demand(facts.rotations, facts.rotation)
        latest = turn.latest(len(rotated))
        own = rotated[-(latest - 1) :] if latest > 1 else []
        dates = [*[created] * (latest - len(own)), *own]
    newest = len(dates)
    return tuple(
        KeyVersion(number, date, KeyState.ACTIVE if number == newest else KeyState.DEACTIVATED)
        for number, date in enumerate(dates, 1)
    )


def _deletion(metadata: Mapping[str, Any], now: datetime) -> datetime | None:
    """The date of destruction. A primary waits for its replicas: its window has not begun."""
    if not is_pending(metadata):
        return None
    if metadata.get("DeletionDate"):
        return _utc(metadata["DeletionDate"])
    return now + timedelta(days=int(metadata.get("PendingDeletionWindowInDays") or 30))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
