"""How bad a drift is: its class, from what was applied and what is live.

Rules: who may do more than before is `access widened`, whatever was changed to that end:
a policy, a grant, a later end, a key that was suspended and works again. Where two
policies cannot be ordered, a reviewer must read it as wider. What makes another key of a
key, or an end of it, is `destructive`.
"""

from __future__ import annotations

from keyplan.model.keys import KeyState
from keyplan.model.values import Value
from keyplan.planning.access import AccessView
from keyplan.plans.changes import DriftKind
from keyplan.state.model import ResourceState

_IDENTITY = frozenset({"usage", "algorithm", "protection", "multi_region"})
"""What a key is made with: if it differs, another key stands under the id."""

_AVAILABILITY = frozenset({"rotation", "certificate", "primary"})

_END_OF_TIME = "9999"
"""Sorts after every instant."""


def kind_of(
    name: str, applied: Value, live: Value, resource: ResourceState, view: AccessView
) -> DriftKind:
    """The class of a changed attribute."""
    if name in _IDENTITY:
        return DriftKind.DESTRUCTIVE
    match name:
        case "policy":
            return _policy_kind(applied, live, resource, view)
        case "state":
            return _state_kind(live)
        case "exportable":
            return DriftKind.ACCESS_WIDENED if live is True else DriftKind.ACCESS_NARROWED
        case "expires_at":
            later = _end(live) > _end(applied)
            return DriftKind.ACCESS_WIDENED if later else DriftKind.AVAILABILITY
        case _ if name in _AVAILABILITY:
            return DriftKind.AVAILABILITY
        case _:
            return DriftKind.METADATA


def element_kind(
    collection: str,
    name: str,
    sides: tuple[Value, Value],
    resource: ResourceState,
    view: AccessView,
) -> DriftKind:
    """The class of a changed element; `sides` are the applied and the live value."""
    applied, live = sides
    match collection:
        case "labels":
            return DriftKind.METADATA
        case "aliases":
            return DriftKind.AVAILABILITY if live is None else DriftKind.ACCESS_WIDENED
        case _ if live is None:
            return DriftKind.ACCESS_NARROWED
        case _ if applied is None:
            return DriftKind.ACCESS_WIDENED
        case _:
            before: Value = {name: applied}
            after: Value = {name: live}
            rows = view.rows(resource.provider, (None, before, "active"), (None, after, "active"))
            wider = any(row[4] for row in rows)
            return DriftKind.ACCESS_WIDENED if wider else DriftKind.ACCESS_NARROWED


def _policy_kind(
    applied: Value, live: Value, resource: ResourceState, view: AccessView
) -> DriftKind:
    grants: Value = {}
    rows = view.rows(resource.provider, (applied, grants, "active"), (live, grants, "active"))
    if not rows:  # other words for the same access: another Sid, a statement split in two
        return DriftKind.METADATA
    return DriftKind.ACCESS_WIDENED if any(row[4] for row in rows) else DriftKind.ACCESS_NARROWED


def _state_kind(live: Value) -> DriftKind:
    if live in (KeyState.COMPROMISED, KeyState.DESTROYED):
        return DriftKind.DESTRUCTIVE
    return DriftKind.ACCESS_WIDENED if live == KeyState.ACTIVE else DriftKind.AVAILABILITY


def _end(value: Value) -> str:
    """An end as it sorts: canonical instants do, and no end is the latest."""
    return value if isinstance(value, str) else _END_OF_TIME
