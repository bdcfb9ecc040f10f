"""How often each call may be made, and how many things a key may have.

AWS KMS developer guide, "Quotas": requests a second for an account in a Region, as they
are by default. They are independent of one another, and shared with everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

QUOTAS: Mapping[str, float] = MappingProxyType(
    {
        "CancelKeyDeletion": 5,
        "CreateAlias": 5,
        "CreateGrant": 50,
        "CreateKey": 5,
        "DeleteAlias": 15,
        "DescribeKey": 2000,
        "DisableKey": 5,
        "DisableKeyRotation": 5,
        "EnableKey": 5,
        "EnableKeyRotation": 15,
        "GetKeyPolicy": 1000,
        "GetKeyRotationStatus": 1000,
        "GetResources": 15,
        "GetRole": 15,
        "GetUser": 15,
        "ListAliases": 500,
        "ListGrants": 100,
        "ListKeyRotations": 100,
        "ListKeys": 500,
        "ListResourceTags": 2000,
        "PutKeyPolicy": 15,
        "ReplicateKey": 2.5,
        "RevokeGrant": 50,
        "RotateKeyOnDemand": 5,
        "ScheduleKeyDeletion": 15,
        "TagResource": 10,
        "UntagResource": 5,
        "UpdateAlias": 5,
        "UpdateKeyDescription": 5,
        "UpdatePrimaryRegion": 2.5,
    }
)
"""`ReplicateKey` and `UpdatePrimaryRegion` count twice. `GetResources` is the tagging API's.
IAM does not publish its own (`GetRole`, `GetUser`): these are careful."""

ALIASES_PER_KEY = 50
TAGS_PER_KEY = 50
ON_DEMAND_ROTATIONS = 25
"""For the whole life of a key; AWS does not raise it."""
