"""What was changed outside keyplan: the state against the world.

Rules: normalisation is not drift (both sides are canonical); recorded attributes never
drift; foreign labels are not looked at; a foreign grant or alias that appeared since
the last apply is drift, because it gives access; a policy that nobody manages is still
watched. What is unreadable is not drift, and neither is what only time brings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation, grant_name
from keyplan.model.resources import DesiredKey, Manage
from keyplan.model.timing import format_instant, parse_instant
from keyplan.model.values import Value
from keyplan.planning.access import AccessView
from keyplan.planning.compare import elements, ignored, reports_only
from keyplan.planning.drift_kinds import element_kind, kind_of
from keyplan.planning.drift_versions import version_changes
from keyplan.planning.strangers import as_they_were, deleted
from keyplan.planning.wanted import COLLECTIONS, Wanted, grant_end, is_recorded
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.plans.plan import PlanMode
from keyplan.sdk.capabilities import Capabilities, Deletion
from keyplan.state.model import Phase, ResourceState

_WATCHED = frozenset({"policy", "state", "exportable", "expires_at"})
"""Attributes whose change matters even where keyplan does not manage them."""

MARK = "mark"
"""The path under which a lost or foreign mark of ownership is told."""

_NEAR = timedelta(hours=1)
"""A window that ends earlier than announced by less is a matter of clocks."""


@dataclass(frozen=True, slots=True)
class DriftContext:
    """What deciding about one key's drift needs."""

    mode: PlanMode
    observe: bool
    now: datetime
    capabilities: Mapping[str, Capabilities]
    view: AccessView
    names: Mapping[str, Address]  # of the members of families, as providers call them

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
        return [] if ended else [_gone(resource, wanted, context)]
    items = [
        *_pending(resource, live, wanted, context),
        *_mark(resource, live, wanted, context),
        *_scalars(resource, live, wanted, context),
        *_elements(resource, live, wanted, context),
        *_versions(resource, live, wanted, context),
    ]
    order = list(DriftKind)
    return sorted(items, key=lambda item: (order.index(item.kind), item.path))


def _gone(resource: ResourceState, wanted: Wanted | None, context: DriftContext) -> DriftItem:
    """A key that is gone is a person's matter; a replica is made again from its primary."""
    kept = wanted is not None and wanted.key.lifecycle.manage is Manage.FULL
    again = kept and resource.address.replica_of is not None
    again = again and not (context.observe or context.accepting)
    return DriftItem(
        resource.address,
        resource.provider,
        "",
        resource.id,
        None,
        DriftKind.VANISHED,
        DriftResponse.REVERT if again else DriftResponse.BLOCK,
        wanted.key.position() if wanted else None,
    )


def _pending(
    resource: ResourceState, live: Observation, wanted: Wanted | None, context: DriftContext
) -> Iterator[DriftItem]:
    """A deletion that somebody else scheduled, brought forward or cancelled."""
    expected = parse_instant(resource.until) if resource.phase is Phase.PENDING_DELETION else None
    found = live.deletion_at
    scheduled = context.capabilities[resource.provider].deletion is Deletion.SCHEDULED
    if found is None and (expected is None or not scheduled):
        return
    if found and expected and found >= expected - _NEAR:
        return
    rescued = wanted is not None and wanted.key.lifecycle.manage is Manage.FULL
    response = DriftResponse.REVERT if rescued and found else DriftResponse.LEAVE
    if context.observe or (wanted and wanted.key.lifecycle.manage is Manage.OBSERVE):
        response = DriftResponse.OBSERVE
    elif context.accepting:
        response = DriftResponse.LEAVE
    yield DriftItem(
        resource.address,
        resource.provider,
        "deletion_at",
        format_instant(expected) if expected else None,
        format_instant(found) if found else None,
        DriftKind.DESTRUCTIVE if found else DriftKind.ACCESS_WIDENED,
        response,
        wanted.key.position() if wanted else None,
    )


def _mark(
    resource: ResourceState, live: Observation, wanted: Wanted | None, context: DriftContext
) -> Iterator[DriftItem]:
    """Our mark of ownership, gone or replaced. A refresh has nothing to take over of it."""
    ours, found = resource.owner, live.owner
    unseen = live.unreadable & {"labels", "owner"}  # a mark is a label in most services
    if ours is None or ours == found or unseen or context.accepting:
        return
    owned = found is not None and found.stack == ours.stack
    kept = wanted is not None and wanted.key.lifecycle.manage is Manage.FULL
    response = DriftResponse.REVERT if kept and not owned else DriftResponse.LEAVE
    yield DriftItem(
        resource.address,
        resource.provider,
        MARK,
        ours.stack,
        found.stack if found else None,
        DriftKind.METADATA,
        DriftResponse.OBSERVE if context.observe else response,
        wanted.key.position() if wanted else None,
        ours.stack if kept else None,
        kept,
    )


def _scalars(
    resource: ResourceState, live: Observation, wanted: Wanted | None, context: DriftContext
) -> Iterator[DriftItem]:
    capabilities = context.capabilities[resource.provider]
    for name in sorted(resource.managed | _WATCHED):
        if ":" in name or name in live.unreadable or is_recorded(capabilities, name):
            continue
        if name == "state" and (live.deletion_at is not None or _ended(resource, live, context)):
            continue
        if name not in live.attributes and name not in resource.attributes:
            continue
        applied, now = resource.attributes.get(name), live.attributes.get(name)
        if applied == now or (name not in resource.attributes and name not in resource.managed):
            continue
        kind, note = kind_of(name, applied, now, resource, context.view), ""
        if name == "policy" and (gone := deleted(resource, now, context.view)):
            left = as_they_were(now, gone)
            kind = kind_of(name, applied, left, resource, context.view)
            if kind is DriftKind.METADATA:
                kind = DriftKind.ACCESS_NARROWED
                note = _deleted(resource.provider, gone, context.view)
        if name == "primary":
            was, is_ = (context.names.get(str(item), item) for item in (applied, now))
            note = f"the primary was {was}, and is {is_}"
        yield DriftItem(
            resource.address,
            resource.provider,
            name,
            applied,
            now,
            kind,
            DriftResponse.BLOCK
            if name == "state" and applied == KeyState.COMPROMISED and context.accepting
            else _response(name, now, wanted, context),
            wanted.key.position("policies" if name == "policy" else name) if wanted else None,
            *_declared(name, wanted),
            note=note,
        )


def _deleted(provider: str, gone: Mapping[str, str], view: AccessView) -> str:
    """Who of a policy is no more."""
    return ", ".join(
        f"principal {view.name(provider, identity) or identity} was deleted"
        f" (its id {known} stays in the policy)"
        for known, identity in gone.items()
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
            if (foreign and after is None) or (after is None and _grant_over(before, context)):
                continue
            yield DriftItem(
                resource.address,
                resource.provider,
                f"{collection}:{name}",
                before,
                after,
                element_kind(collection, name, (before, after), resource, context.view),
                _foreign_response(context)
                if foreign
                else _response(f"{collection}:{name}", after, wanted, context),
                wanted.key.position(collection) if wanted else None,
                *_declared(f"{collection}:{name}", wanted),
            )


def _foreign_response(context: DriftContext) -> DriftResponse:
    """What others hold is left alone; `--refresh-only` takes note of it, which ends the report."""
    refreshing = context.mode is PlanMode.REFRESH_ONLY
    return DriftResponse.ACCEPT if refreshing else DriftResponse.LEAVE


def _ended(resource: ResourceState, live: Observation, context: DriftContext) -> bool:
    """Whether the key works no more because its own end has come."""
    end = resource.attributes.get("expires_at")
    stopped = live.state in (KeyState.SUSPENDED, KeyState.DEACTIVATED)
    over = isinstance(end, str) and parse_instant(end, end=True) <= context.now
    return over and stopped and live.attributes.get("expires_at") == end


def _grant_over(terms: Value, context: DriftContext) -> bool:
    end = grant_end(terms)
    return end is not None and end <= context.now


def _versions(
    resource: ResourceState, live: Observation, wanted: Wanted | None, context: DriftContext
) -> Iterator[DriftItem]:
    """No version is declared, so none is put back unless the schedule does it."""
    observed = wanted is not None and wanted.key.lifecycle.manage is Manage.OBSERVE
    response = DriftResponse.LEAVE
    if context.accepting:
        response = DriftResponse.ACCEPT
    elif context.observe or observed:
        response = DriftResponse.OBSERVE
    for change in version_changes(resource, live, context.now):
        yield DriftItem(
            resource.address,
            resource.provider,
            change.path,
            change.applied,
            change.live,
            change.kind,
            response,
            wanted.key.position("rotation") if wanted else None,
        )


def _declared(path: str, wanted: Wanted | None) -> tuple[Value, bool]:
    """What the declaration says of a path, and whether it says anything."""
    name, _, element = path.partition(":")
    if wanted is None or name not in wanted.attributes:
        return None, False
    value = wanted.attributes[name]
    if not element:
        return value, True
    parts = elements(value)
    return parts.get(element), element in parts


def _response(
    path: str, live: Value, wanted: Wanted | None, context: DriftContext
) -> DriftResponse:
    """What this plan does about the drift of one path."""
    if context.accepting:
        return DriftResponse.ACCEPT
    if context.observe:
        return DriftResponse.OBSERVE
    if wanted is None:
        return DriftResponse.LEAVE
    name, _, element = path.partition(":")
    declared, _ = _declared(path, wanted)
    if not element and name not in wanted.attributes:
        return DriftResponse.LEAVE
    if declared == live:
        return DriftResponse.AGREED
    return _left_alone(wanted.key, name) or DriftResponse.REVERT


def _left_alone(key: DesiredKey, name: str) -> DriftResponse | None:
    """Why the key's lifecycle leaves it as it is, if it does."""
    if key.lifecycle.manage is Manage.OBSERVE:
        return DriftResponse.OBSERVE
    if ignored(key, name):
        return DriftResponse.IGNORE
    return DriftResponse.REPORT if reports_only(key) else None
