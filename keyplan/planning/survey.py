"""The check behind `keyplan drift`: one look at the world, and what it says of the state.

Rules: the world is read once. What would put a deviation right is taken from the steps of
the plans that would do it, so that the report and `apply` cannot disagree. What only the
declaration or time changed is not drift. Nothing is written, no lock is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import SPELLINGS, Observation
from keyplan.model.timing import format_date, parse_instant
from keyplan.model.touching import paths_of
from keyplan.planning.drift_strays import Strays, find_strays
from keyplan.planning.drift_versions import CURRENT, Rotated, rotated
from keyplan.planning.inputs import PlanContext
from keyplan.planning.moving import relocate
from keyplan.planning.planner import make_plan
from keyplan.planning.refresh import refresh
from keyplan.planning.remediating import suspect
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.plans.drift import Drifted, DriftReport, Repair, Respelt
from keyplan.plans.findings import IDLE, UNREADABLE
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan, Step
from keyplan.session.session import ProviderSession
from keyplan.state.model import State, StateSnapshot

SEEING = frozenset({UNREADABLE, "KP-PLAN-018", IDLE})
"""Findings about what could not be seen, is not what it seems, or does not work."""

_LEFT = {
    DriftResponse.IGNORE: "lifecycle.ignore_changes names it",
    DriftResponse.OBSERVE: "it is only observed",
    DriftResponse.AGREED: "the declaration says the same by now: keyplan apply records it",
    DriftResponse.LEAVE: "keyplan does not manage it",
}


_EITHER = (
    "has new material: by a schedule that was changed since, or by hand; that cannot be told apart"
)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found, and the plan that would put back what it safely can."""

    report: DriftReport
    remedy: Plan


def survey(
    graph: ResourceGraph,
    snapshot: StateSnapshot,
    sessions: Mapping[str, ProviderSession],
    *,
    options: PlanOptions,
    context: PlanContext,
    unmanaged: bool = False,
) -> Survey:
    """Compare declared, last applied and live. `unmanaged` looks for keys of nobody too.

    Raises `PlanningError` and the errors of providers, as planning does.
    """
    state = relocate(snapshot.state, graph.moved, graph.keys).state
    world = refresh(graph, state, sessions, parallelism=options.parallelism)
    plan = make_plan(graph, snapshot, sessions, options=options, context=context, world=world)
    remedial = replace(options, remediating=True)
    remedy = make_plan(graph, snapshot, sessions, options=remedial, context=context, world=world)
    if plan.observe:
        remedy = replace(remedy, steps=(), changes=(), drift=())
    strays = find_strays(graph, state, sessions) if unmanaged else Strays()
    report = DriftReport(
        stack=plan.stack,
        store=plan.store,
        keyplan_version=plan.keyplan_version,
        lineage=plan.lineage,
        serial=plan.serial,
        now=plan.now,
        providers=tuple(sorted(sessions)),
        keys=len(state.resources),
        hidden=len(world.hidden),
        read=sum(address in world.seen for address in state.resources),
        drifted=tuple(_entries(plan, remedy, state)),
        strays=strays.found if unmanaged else None,
        of_other_stacks=strays.of_other_stacks,
        of_services=strays.of_services,
        respelt=tuple(_respelt(plan, state, world.live)),
        findings=tuple(item for item in plan.findings if item.rule in SEEING),
        blocked=next((item.summary for item in plan.findings if item.blocks), ""),
        complete=plan.complete,
    )
    return Survey(report, remedy)


def _entries(plan: Plan, remedy: Plan, state: State) -> Iterator[Drifted]:
    """Each deviation with its repairs, worst first."""
    by_apply, by_remedy = _repairs(plan.steps), _repairs(remedy.steps)
    severity = {kind: number for number, kind in enumerate(DriftKind)}
    pending = {item.address for item in plan.drift if item.path == "deletion_at" and item.live}
    suspects = suspect(plan.drift)
    for item in sorted(plan.drift, key=lambda item: (severity[item.kind], item.address, item.path)):
        resource = state.resources[item.address]
        place = (item.address, item.path)
        facts = resource.attributes
        entry = Drifted(
            item=item,
            id=resource.id,
            tier=str(facts.get("tier") or ""),
            usage=str(facts.get("usage") or ""),
            algorithm=str(facts.get("algorithm") or ""),
            by_apply=by_apply.get(place, ()) if _is_put_back(item) else (),
            by_remedy=by_remedy.get(place, ()),
            until=parse_instant(str(item.live)) if _is_ending(item) else None,
        )
        left = _left(entry, dying=item.address in pending, suspected=item.address in suspects)
        yield replace(entry, left=left)


def _repairs(steps: tuple[Step, ...]) -> dict[tuple[Address, str], tuple[Repair, ...]]:
    """The operations of a plan by the key and path that they set."""
    found: dict[tuple[Address, str], tuple[Repair, ...]] = {}
    for step in steps:
        repair = Repair(step.call, step.detail, step.inverse.grade)
        for path in paths_of(step.operation):
            place = (step.address, path)
            found[place] = (*found.get(place, ()), repair)
    return found


def _is_put_back(item: DriftItem) -> bool:
    """A version that somebody accepted again is retired by its schedule, if it has one."""
    version = item.path.startswith(f"{CURRENT}:") and item.kind is DriftKind.ACCESS_WIDENED
    return version or item.response is DriftResponse.REVERT


def _is_ending(item: DriftItem) -> bool:
    return item.path == "deletion_at" and item.live is not None


def _left(entry: Drifted, *, dying: bool, suspected: bool) -> str:
    """Why `--remediate` does nothing about it; empty where it does."""
    item = entry.item
    if entry.by_remedy:
        return ""
    if item.kind is DriftKind.VANISHED and item.response is DriftResponse.REVERT:
        return "a replica has no material of its own: keyplan apply makes it again"
    if item.kind is DriftKind.VANISHED:
        return "nothing brings back a key that its provider does not have"
    if entry.until is not None and item.response is DriftResponse.REVERT:
        return f"keyplan apply rescues it, until {format_date(entry.until)}"
    if entry.until is not None:
        return f"cancel its deletion at the provider before {format_date(entry.until)}"
    if item.path.partition(":")[0] == CURRENT and item.response is DriftResponse.LEAVE:
        return "no version is declared: whoever changed it may have had to"
    if item.response in _LEFT:
        return _LEFT[item.response]
    if dying:
        return "the key is pending deletion"
    if item.path == "mark":
        return "another stack claims the key: keyplan apply --allow takeover"
    if item.written and item.declared != item.applied:
        return "the declaration changed it too: keyplan apply"
    if suspected and item.path == "state" and item.applied == KeyState.ACTIVE:
        return "it was suspended while somebody gained access: settle that first"
    return "it cannot be put back so that even that could be undone exactly: keyplan apply"


def _respelt(plan: Plan, state: State, live: Mapping[Address, Observation]) -> Iterator[Respelt]:
    """Attributes in other words than at the last apply, whose meaning is the same."""
    drifted = {(item.address, item.path) for item in plan.drift}
    for address in sorted(state.resources.keys() & live.keys()):
        resource = state.resources[address]
        if rotated(resource, live[address], plan.now) is Rotated.UNKNOWN:
            yield Respelt(address, resource.provider, CURRENT, _EITHER)
        before, now = resource.attributes.get(SPELLINGS), live[address].attributes.get(SPELLINGS)
        if not isinstance(before, dict) or not isinstance(now, dict):
            continue
        for name in sorted(before.keys() & now.keys()):
            if before[name] != now[name] and (address, name) not in drifted:
                yield Respelt(address, resource.provider, name)
