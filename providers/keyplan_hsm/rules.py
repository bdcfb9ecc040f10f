"""What the state of a key permits: the table of states and operations, and its reasons.

Source: NIST SP 800-57 Part 1 rev. 5 §7. New protection (encrypt, sign, wrap, derive, ...)
needs an active key; processing (decrypt, verify, unwrap, ...) an active or deactivated
one; nothing uses a suspended or compromised key, one that is pending deletion, or one
whose parent's material cannot be used.

Rules: what makes a key less usable is permitted in more states than what makes it more so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyplan.errors import RejectedError
from keyplan.model.keys import TRANSITIONS, KeyState
from keyplan.model.timing import format_instant, parse_instant
from keyplan_hsm.records import KeyRecord, instant
from keyplan_hsm.rows import Rows

_ACTIVE = frozenset({KeyState.ACTIVE})
_HEALTHY = frozenset({KeyState.ACTIVE, KeyState.SUSPENDED, KeyState.DEACTIVATED})
_ANY = frozenset(KeyState) - {KeyState.DESTROYED}
_ENDABLE = frozenset(state for state in KeyState if KeyState.DESTROYED in TRANSITIONS[state])


@dataclass(frozen=True, slots=True)
class Admission:
    """The states in which an operation is permitted; `pending`: also while deletion is pending."""

    states: frozenset[KeyState]
    pending: bool = False


ADMISSIONS: Mapping[str, Admission] = MappingProxyType(
    {
        "schedule_deletion": Admission(_ENDABLE, pending=True),
        "cancel_deletion": Admission(_ANY, pending=True),
        "set_owner": Admission(_ANY, pending=True),
        "change_state": Admission(_ANY, pending=True),
        "set_attribute": Admission(_ANY),
        "put_labels": Admission(_ANY, pending=True),
        "rewrap_key": Admission(_HEALTHY),
        "issue_certificate": Admission(_ACTIVE),
        "put_policy": Admission(_ANY),
        "create_grant": Admission(_HEALTHY),
        "revoke_grant": Admission(_ANY, pending=True),
        "create_alias": Admission(_HEALTHY),
        "move_alias": Admission(_HEALTHY),
        "delete_alias": Admission(_ANY, pending=True),
        "rotate_key": Admission(_ACTIVE),
        "activate_version": Admission(_ACTIVE),
        "retire_version": Admission(_ANY),
        "accept_version": Admission(_HEALTHY),
        "destroy_version": Admission(_ANY),
    }
)
"""By operation of the closed union; `create_key` has no key to ask."""


def require_admission(record: KeyRecord, operation: str) -> None:
    """Raise `RejectedError` unless the key's state permits the operation."""
    admission = ADMISSIONS[operation]
    said = operation.replace("_", " ")
    if record.deletion_at is not None and not admission.pending:
        raise RejectedError(
            f"a key that is pending deletion does not permit to {said}",
            target=record.id,
            why=f"Its material will be destroyed on {format_instant(instant(record.deletion_at))}.",
            advice="Cancel the deletion first.",
            operation=operation,
        )
    if record.state not in admission.states:
        states = " or ".join(sorted(state.value for state in admission.states))
        raise RejectedError(
            f"a key that is {record.state.value} does not permit to {said}",
            target=record.id,
            why=f"The key must be {states}.",
            operation=operation,
        )


def require_use(rows: Rows, record: KeyRecord, *, applies: bool) -> None:
    """Raise `RejectedError` unless the key may be used now: its own state, end, and parents.

    `applies`: to protect something new; otherwise to process what is protected already.
    """
    require_usable(record, applies=applies)
    expires = record.attributes["expires_at"]
    if applies and expires is not None and instant(rows.now) > parse_instant(str(expires)):
        raise RejectedError(
            "the key's originator-usage period is over",
            target=record.id,
            why=f"It ended on {expires}; what it protected can still be processed.",
            advice="Rotate to another key, or set a later `expires_at`.",
        )
    require_parents(rows, record, applies=False)


def require_usable(record: KeyRecord, *, applies: bool) -> None:
    """The same, of the key's own state alone."""
    if record.deletion_at is not None:
        raise RejectedError(
            "the key is pending deletion and cannot be used",
            target=record.id,
            why=f"Its material will be destroyed on {format_instant(instant(record.deletion_at))}.",
            advice="Cancel the deletion, then make the key active.",
        )
    allowed = record.state.may_apply if applies else record.state.may_process
    if not allowed:
        purpose = "protect anything new" if applies else "be used"
        raise RejectedError(
            f"the key is {record.state.value} and cannot {purpose}",
            target=record.id,
            why="SP 800-57 permits it "
            + ("for active keys only." if applies else "for active and deactivated keys only."),
        )


def require_parents(rows: Rows, record: KeyRecord, *, applies: bool) -> None:
    """Raise `RejectedError` unless every key that this one's material rests on can be used.

    `applies`: the nearest parent must be able to protect something new (a new version).
    """
    child = record
    while child.needs_parent and child.parent is not None:
        parent = rows.key(child.parent)
        if parent is None:
            return
        try:
            require_usable(parent, applies=applies)
        except RejectedError as error:
            raise RejectedError(
                f"its material rests on {parent.id}, which cannot be used",
                target=record.id,
                why=error.what[:1].upper() + error.what[1:] + ".",
                advice=f"Make {parent.id} active again.",
            ) from None
        child, applies = parent, False
