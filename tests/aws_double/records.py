"""What an account holds in a Region: keys, aliases, grants, and what related keys share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.aws_double.specs import SYMMETRIC, algorithms


@dataclass(slots=True)
class Material:
    """One version of what a key computes with. `octets` is empty for imported keys' past."""

    id: str
    octets: bytes
    since: datetime
    rotation: str = ""
    """How it became current: `AUTOMATIC`, `ON_DEMAND`, or nothing for the first."""
    pending: bool = False
    """Imported, and waits for an on-demand rotation to become current."""
    imported: bool = False
    expires: datetime | None = None
    description: str = ""


@dataclass(slots=True)
class Rotation:
    """Automatic rotation, and the on-demand one that is under way."""

    enabled: bool = False
    period: int = 365
    next: datetime | None = None
    on_demand: datetime | None = None
    on_demand_used: int = 0


@dataclass(slots=True)
class Shared:
    """What a primary and its replicas have in common."""

    key_id: str
    spec: str
    usage: str
    origin: str
    multi_region: bool
    primary_region: str
    materials: list[Material] = field(default_factory=list)
    rotation: Rotation = field(default_factory=Rotation)
    moving: tuple[str, datetime] | None = None
    """The next primary Region, and from when on."""

    @property
    def current(self) -> Material | None:
        """The version that encrypts now."""
        ready = [m for m in self.materials if not m.pending and m.octets]
        return ready[-1] if ready else None


@dataclass(slots=True)
class Grant:
    """A grant; `tokens` are all that were handed out for it."""

    id: str
    name: str | None
    created: datetime
    terms: dict[str, Any]
    """`GranteePrincipal`, `RetiringPrincipal`, `Operations`, `Constraints`, ... as given."""
    issuer: str
    tokens: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Alias:
    """A name for a key."""

    name: str
    arn: str
    key_id: str
    created: datetime
    updated: datetime


@dataclass(slots=True)
class Key:
    """A key in one Region."""

    arn: str
    account: str
    region: str
    shared: Shared
    created: datetime
    policy: dict[str, Any]
    description: str = ""
    enabled: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    manager: str = "CUSTOMER"
    store: str | None = None
    unavailable: bool = False
    deletion: datetime | None = None
    window: int | None = None
    """Days of waiting, while the key waits for its deletion or for that of its replicas."""
    busy: tuple[str, datetime] | None = None
    """`Creating` or `Updating`, and until when."""

    @property
    def id(self) -> str:
        """The key id, the same for related multi-Region keys."""
        return self.shared.key_id

    @property
    def is_primary(self) -> bool:
        """Whether this is the primary of its multi-Region keys, or not multi-Region at all."""
        return self.shared.primary_region == self.region

    @property
    def state(self) -> str:
        """The key state, as AWS names it."""
        if self.deletion is not None:
            return "PendingDeletion"
        if self.window is not None:
            return "PendingReplicaDeletion"
        if self.busy is not None:
            return self.busy[0]
        if self.shared.origin == "EXTERNAL" and self.shared.current is None:
            return "PendingImport"
        if self.unavailable:
            return "Unavailable"
        return "Enabled" if self.enabled else "Disabled"

    def metadata(self, related: list[Key]) -> dict[str, Any]:
        """`KeyMetadata`. `related` is the primary and all replicas, this one included."""
        shared = self.shared
        current = shared.current
        return {
            "AWSAccountId": self.account,
            "KeyId": self.id,
            "Arn": self.arn,
            "CreationDate": self.created,
            "Enabled": self.enabled and self.state in ("Enabled", "Creating", "Updating"),
            "Description": self.description,
            "KeyUsage": shared.usage,
            "KeyState": self.state,
            "DeletionDate": self.deletion,
            "ValidTo": current.expires if current else None,
            "Origin": shared.origin,
            "CustomKeyStoreId": self.store,
            "ExpirationModel": _expiration(shared, current),
            "KeyManager": self.manager,
            "CustomerMasterKeySpec": shared.spec,
            "KeySpec": shared.spec,
            **algorithms(shared.spec, shared.usage),
            "MultiRegion": shared.multi_region,
            "MultiRegionConfiguration": _configuration(self, related),
            "PendingDeletionWindowInDays": self.window if self.deletion is None else None,
            "CurrentKeyMaterialId": current.id if current and shared.spec == SYMMETRIC else None,
        }


def _expiration(shared: Shared, current: Material | None) -> str | None:
    if shared.origin != "EXTERNAL" or current is None:
        return None
    return "KEY_MATERIAL_DOES_NOT_EXPIRE" if current.expires is None else "KEY_MATERIAL_EXPIRES"


def _configuration(key: Key, related: list[Key]) -> dict[str, Any] | None:
    if not key.shared.multi_region:
        return None
    entries = {each.region: {"Arn": each.arn, "Region": each.region} for each in related}
    primary = entries.pop(key.shared.primary_region)
    return {
        "MultiRegionKeyType": "PRIMARY" if key.is_primary else "REPLICA",
        "PrimaryKey": primary,
        "ReplicaKeys": [entries[region] for region in sorted(entries)],
    }
