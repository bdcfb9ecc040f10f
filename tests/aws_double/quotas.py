"""Request quotas: one bucket of tokens per operation, account and Region.

The rates are AWS's defaults per second. `scale` multiplies them; without one, as from the
start, nothing is throttled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.aws_double.errors import throttled

_RATES = {
    1: "GetParametersForImport",
    5: "CancelKeyDeletion CreateAlias CreateKey DisableKey DisableKeyRotation EnableKey "
    "UpdateAlias UpdateKeyDescription UntagResource RotateKeyOnDemand GetKeyLastUsage "
    "ReplicateKey UpdatePrimaryRegion",
    10: "TagResource",
    15: "DeleteAlias EnableKeyRotation PutKeyPolicy ScheduleKeyDeletion ImportKeyMaterial "
    "DeleteImportedKeyMaterial",
    50: "CreateGrant RetireGrant RevokeGrant",
    100: "ListGrants ListKeyPolicies ListRetirableGrants ListKeyRotations",
    500: "ListAliases ListKeys",
    1000: "GetKeyPolicy GetKeyRotationStatus",
    2000: "DescribeKey GetPublicKey ListResourceTags",
}
RATES = {name: float(rate) for rate, names in _RATES.items() for name in names.split()}


class Quotas:
    """The buckets. A bucket holds what one second brings."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.scale: float | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}

    def take(self, account: str, region: str, operation: str, cost: int = 1) -> None:
        """Take tokens; raises AWS's error if there are too few."""
        rate = RATES.get(operation)
        if self.scale is None or rate is None:
            return
        rate *= self.scale
        size = max(rate, cost)
        with self._lock:
            now = self._clock()
            left, since = self._buckets.get((account, region, operation), (size, now))
            left = min(size, left + (now - since) * rate)
            enough = left >= cost
            self._buckets[account, region, operation] = (left - cost if enough else left, now)
        if not enough:
            raise throttled()

    def charge(self, account: str, region: str, operation: str, replica_region: str) -> None:
        """Take what a call costs: some count twice, or in another Region too."""
        self.take(account, region, operation, 2 if operation == "UpdatePrimaryRegion" else 1)
        if operation == "ReplicateKey" and replica_region:
            self.take(account, replica_region, "CreateKey", 2)
