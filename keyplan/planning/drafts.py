"""A step before it has a number, and its place within its key.

The order within a key is fixed by `RANK`: out of pending deletion first, enabled before
other changes, access before names, disabled late, deletion last. A policy that only takes
away (`late`) comes when nothing needs what goes any more.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import ChangeState, Operation, PutPolicy, SetOwner
from keyplan.planning.intents import KeyDiff
from keyplan.plans.changes import Reason
from keyplan.state.entries import Settlement

RANK = {
    "rename_key": -2,
    "adopt_key": -1,
    "create_key": 0,
    "replicate_key": 0,
    "cancel_deletion": 1,
    "set_owner": 2,
    "enable": 3,
    "set_attribute": 4,
    "put_labels": 5,
    "put_policy": 6,
    "create_grant": 7,
    "revoke_grant": 8,
    "rewrap_key": 9,
    "change_primary": 9.5,
    "rotate_key": 10,
    "issue_certificate": 11,
    "retire_version": 12,
    "delete_alias": 13,
    "create_alias": 14,
    "move_alias": 15,
    "change_state": 16,
    "destroy_version": 17,
    "narrow_policy": 17.5,
    "schedule_deletion": 18,
    "destroy_key": 19,
    "record_attributes": 20,
    "release": 21,
    "forget_key": 22,
}
"""Where an operation stands within its key."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A step before it has a number."""

    address: Address
    provider: str
    operation: Operation
    reason: Reason
    settlement: Settlement
    detail: str = ""
    late: bool = False

    @property
    def rank(self) -> float:
        """Its place within the key."""
        match self.operation:
            case ChangeState(after=KeyState.ACTIVE):
                return RANK["enable"]
            case PutPolicy() if self.late:
                return RANK["narrow_policy"]
            case SetOwner(after=None):
                return RANK["release"]
            case _:
                return RANK[self.operation.name]


def draft(
    diff: KeyDiff,
    operation: Operation,
    reason: Reason,
    settlement: Settlement | None = None,
    detail: str = "",
) -> Draft:
    """A draft about the diff's key."""
    return Draft(diff.address, diff.provider, operation, reason, settlement or Settlement(), detail)
