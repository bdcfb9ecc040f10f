"""What was changed outside keyplan: the state against the world.

Rules: normalisation is not drift (both sides are canonical); recorded attributes never
drift; foreign labels are not looked at; a foreign grant or alias that appeared since
the last apply is drift, because it gives access; a policy that nobody manages is still
watched. What is unreadable is not drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation, grant_name
from keyplan.model.resources import DesiredKey, Manage
from keyplan.model.timing import format_instant, parse_instant
from keyplan.model.values import Value
from keyplan.planning.access import AccessView
from keyplan.planning.compare import elements, ignored, reports_only
from keyplan.planning.wanted import COLLECTIONS, Wanted, is_recorded
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.plans.plan import PlanMode
from keyplan.sdk.capabilities import Capabilities
from keyplan.state.model import Phase, ResourceState

_WATCHED = frozenset({"policy", "state", "exportable", "expires_at"})
"""Attributes whose change matters even where keyplan does not manage them."""

_KINDS = {
    "state": DriftKind.AVAILABILITY,
    "rotation": DriftKind.AVAILABILITY,
    "aliases": DriftKind.AVAILABILITY,
    "exportable": DriftKind.ACCESS_WIDENED,
    "expires_at": DriftKind.AVAILABILITY,
}


@dataclass(frozen=True, slots=True)
class DriftContext:
    """What deciding about one key's drift needs."""

    mode: PlanMode
    observe: bool
    now: datetime
    capabilities: Mapping[str, Capabilities]
    view: AccessView

    @property
    def accepting(self) -> bool:
        """Whether the state takes the world over."""
        return self.mode is PlanMode.REFRESH_ONLY


def drift_of(
    resource: ResourceState,
    live: Observation | None,
    wanted: Wanted | None,
    context: DriftContext,
) -> list[DriftItem]:
    """Every attribute of one key that is not as keyplan left it, worst first."""
    if live is None:
        ended = resource.phase is Phase.PENDING_DELETION and bool(
            resource.until and parse_instant(resource.until) <= context.now
        )
        return [] if ended else [_gone(resource)]
    items = [
        *_pending(resource, live, wanted, context),
        *_scalars(resource, live, wanted, context),
        *_elements(resource, live, wanted, context),
    ]
    order = list(DriftKind)
    return sorted(items, key=lambda item: (order.index(item.kind), item.path))


def _gone(resource: ResourceState) -> DriftItem:
    return DriftItem(
        resource.address,
        resource.provider,
        "",
        resource.id,
        None,
        DriftKind.VANISHED,
        DriftResponse.BLOCK,
    )


def _pending(
    resource: ResourceState, live: Observation, wanted: Wanted | None, context: DriftContext
) -> Iterator[DriftItem]:
    expected = resource.phase is Phase.PENDING_DELETION
    if live.deletion_at is None or expected:
        return
    rescued = wanted is not None and wanted.key.lifecycle.manage is Manage.FULL
    response = DriftResponse.REVERT if rescued else DriftResponse.LEAVE
    if context.observe or context.accepting:
        response = DriftResponse.REPORT
    yield DriftItem(
        resource.address,
        resource.provider,
        "deletion_at",
        None,
        format_instant(live.deletion_at),
        DriftKind.DESTRUCTIVE,
        response,
        wanted.key.position() if wanted else None,
    )


def _scalars(
    resource: ResourceState, live: Observation, wanted: Wanted | None, context: DriftContext
) -> Iterator[DriftItem]:
    capabilities = context.capabilities[resource.provider]
    leaving = live.deletion_at is not None or resource.phase is not Phase.LIVE
    for name in sorted(resource.managed | _WATCHED):
        if ":" in name or name in live.unreadable or is_recorded(capabilities, name):
            continue
        if name == "state" and leaving:
            continue
        if name not in live.attributes and name not in resource.attributes:
            continue
        applied, now = resource.attributes.get(name), live.attributes.get(name)
        if applied == now or (name not in resource.attributes and name not in resource.managed):
            continue
        yield DriftItem(
            resource.address,
            resource.provider,
            name,
            applied,
            now,
            _kind(name, applied, now, resource, context),
            DriftResponse.BLOCK
            if name == "state" and applied == KeyState.COMPROMISED and context.accepting
            else _response(name, now, wanted, context),
            wanted.key.position(name) if wanted else None,
        )


def _elements(
    resource: ResourceState, live: Observation, wanted: Wanted | None, context: DriftContext
) -> Iterator[DriftItem]:
    managed = resource.elements
    for collection in COLLECTIONS:
        if collection in live.unreadable:
            continue
        applied = elements(resource.attributes.get(collection))
        now = elements(live.attributes.get(collection))
        names = set(managed.get(collection, ()))
        if collection != "labels":
            names |= now.keys() | applied.keys()
        for name in sorted(names):
            before, after = applied.get(name), now.get(name)
            if before == after:
                continue
            known = grant_name(name) if collection == "grants" else name
            foreign = known not in managed.get(collection, ())
            if foreign and after is None:
                continue
            yield DriftItem(
                resource.address,
                resource.provider,
                f"{collection}:{name}",
                before,
                after,
                _element_kind(collection, after),
                _foreign_response(context)
                if foreign
                else _response(f"{collection}:{name}", after, wanted, context),
                wanted.key.position(collection) if wanted else None,
            )


def _foreign_response(context: DriftContext) -> DriftResponse:
    """What others hold is left alone; `--refresh-only` takes note of it, which ends the report."""
    refreshing = context.mode is PlanMode.REFRESH_ONLY
    return DriftResponse.ACCEPT if refreshing else DriftResponse.LEAVE


def _element_kind(collection: str, after: Value) -> DriftKind:
    if collection == "labels":
        return DriftKind.METADATA
    if after is None:
        return DriftKind.AVAILABILITY if collection == "aliases" else DriftKind.ACCESS_NARROWED
    return DriftKind.ACCESS_WIDENED


def _kind(
    name: str, applied: Value, now: Value, resource: ResourceState, context: DriftContext
) -> DriftKind:
    if name == "policy":
        grants: Value = {}
        rows = context.view.rows(
            resource.provider, (applied, grants, "active"), (now, grants, "active")
        )
        widened = any(row[4] for row in rows)
        return DriftKind.ACCESS_WIDENED if widened else DriftKind.ACCESS_NARROWED
    if name == "state" and now in (KeyState.COMPROMISED, KeyState.DESTROYED):
        return DriftKind.DESTRUCTIVE
    return _KINDS.get(name, DriftKind.METADATA)


def _response(
    path: str, live: Value, wanted: Wanted | None, context: DriftContext
) -> DriftResponse:
    """What this plan does about the drift of one path."""
    if context.accepting:
        return DriftResponse.ACCEPT
    if wanted is None or context.observe:
        return DriftResponse.REPORT if context.observe else DriftResponse.LEAVE
    name, _, element = path.partition(":")
    declared = wanted.attributes.get(name)
    if element:
        declared = elements(declared).get(element)
    elif name not in wanted.attributes:
        return DriftResponse.LEAVE
    if declared == live:
        return DriftResponse.AGREED
    if _left_alone(wanted.key, name):
        return DriftResponse.REPORT
    return DriftResponse.REVERT


def _left_alone(key: DesiredKey, name: str) -> bool:
    return key.lifecycle.manage is Manage.OBSERVE or reports_only(key) or ignored(key, name)
