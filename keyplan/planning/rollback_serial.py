"""The plan that goes back to the state of an earlier serial: an ordinary plan of that state.

What keyplan managed then is declared again; what it did not manage is left alone. Keys
that are newer are suspended and stay tracked; keys that were on their way out are not sent
there again. What cannot come back is said before anything is done, and left as it is; so is
a key of which nothing may be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from keyplan.errors import DeniedError
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.operations import AdoptKey, ChangeState
from keyplan.model.principals import Principal
from keyplan.model.resources import DesiredKey, Imported, Moved
from keyplan.model.stack import OutputBlock, ProviderBlock, Stack
from keyplan.planning.elsewhere import refuse_elsewhere
from keyplan.planning.inputs import PlanContext
from keyplan.planning.planner import make_plan
from keyplan.planning.refresh import look
from keyplan.planning.rollback_declared import as_it_was, put_away
from keyplan.planning.rollback_findings import hidden, newer, not_back, taken
from keyplan.planning.rollback_settling import merged, settlement_back
from keyplan.plans.changes import AttributeChange, Reason, ResourceChange
from keyplan.plans.findings import Finding
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan, Step
from keyplan.sdk.capabilities import Capabilities
from keyplan.session.session import ProviderSession
from keyplan.state.model import Phase, ResourceState, State, StateSnapshot

_OURS = (Reason.DECLARED, Reason.WITHDRAWN, Reason.DRIFT)
"""Reasons of a declaration, which here is an earlier state."""


@dataclass(frozen=True, slots=True)
class Then:
    """What is declared in the name of an earlier state, and what cannot come back of it."""

    graph: ResourceGraph
    findings: tuple[Finding, ...]


def make_serial_plan(
    earlier: State,
    snapshot: StateSnapshot,
    sessions: Mapping[str, ProviderSession],
    *,
    stack: Stack,
    principals: Mapping[Address, Principal],
    context: PlanContext,
) -> Plan:
    """Plan the way from the world to what an earlier state says of it.

    Raises `PlanningError` for a provider that is not where its keys are.
    """
    refuse_elsewhere(snapshot.state, sessions)
    live, unseen = _read(earlier, snapshot.state, sessions)
    capabilities = {name: session.capabilities for name, session in sessions.items()}
    then = _declared(earlier, snapshot.state, live, unseen, capabilities)
    graph = replace(
        then.graph,
        stack=stack,
        principals=principals,
        providers={name: ProviderBlock(name) for name in sessions},
    )
    plan = make_plan(graph, snapshot, sessions, options=PlanOptions(), context=context)
    resources = {**snapshot.state.resources, **earlier.resources}
    return replace(
        plan,
        steps=tuple(_step(step, resources) for step in plan.steps),
        changes=tuple(_change(change, earlier) for change in plan.changes),
        findings=(*then.findings, *plan.findings),
    )


def _read(
    earlier: State, now: State, sessions: Mapping[str, ProviderSession]
) -> tuple[dict[tuple[str, str], Observation], dict[tuple[str, str], DeniedError]]:
    """Every key of both states that exists, by provider and id, and why others are hidden."""
    ids: dict[str, set[str]] = {}
    for resource in (*earlier.resources.values(), *now.resources.values()):
        ids.setdefault(resource.provider, set()).add(resource.id)
    live: dict[tuple[str, str], Observation] = {}
    unseen: dict[tuple[str, str], DeniedError] = {}
    for provider, wanted in ids.items():
        seen, refused = look(sessions[provider], sorted(wanted))
        live |= {(provider, key_id): key for key_id, key in seen.items()}
        unseen |= {(provider, key_id): error for key_id, error in refused.items()}
    return live, unseen


def _declared(
    earlier: State,
    now: State,
    live: Mapping[tuple[str, str], Observation],
    unseen: Mapping[tuple[str, str], DeniedError],
    capabilities: Mapping[str, Capabilities],
) -> Then:
    """The earlier state as a declaration."""
    held = {(item.provider, item.id): address for address, item in now.resources.items()}
    keys: dict[Address, DesiredKey] = {}
    imported: dict[Address, Imported] = {}
    moved: list[Moved] = []
    findings: list[Finding] = []
    for address in _parents_first(earlier.resources):
        then = earlier.resources[address]
        place = (then.provider, then.id)
        seen, holder = live.get(place), held.get(place)
        if place in unseen:
            findings.append(hidden(address, unseen[place]))
            continue
        if seen is None:
            findings.append(not_back(address, "its material is gone for good"))
            continue
        if then.phase is not Phase.LIVE:
            findings += _leaving(address, now.resources.get(holder or address))
            if holder is None:
                continue
        if holder is None and address in now.resources:
            findings.append(taken("that state", address, "another key"))
            continue
        key, lost = as_it_was(
            then, now.resources[holder] if holder else None, seen, capabilities[then.provider]
        )
        findings += [not_back(address, what) for what in lost]
        if holder is None:
            imported[address] = Imported(address, then.id)
        elif holder != address:
            moved.append(Moved(holder, address))
        keys[address] = key
    known = {(item.provider, item.id) for item in earlier.resources.values()}
    sources = {entry.source for entry in moved}
    for address in _parents_first(now.resources):
        if address in keys or address in sources:
            continue
        resource = now.resources[address]
        place = (resource.provider, resource.id)
        # A key of that state which is gone stays in the state as it is: nothing can be done.
        keys[address], away = put_away(resource, None if place in known else live.get(place))
        if place in unseen and place not in known:
            findings.append(hidden(address, unseen[place]))
        findings += [newer(address)] if away else []
    graph = ResourceGraph(
        Stack(""),
        keys=keys,
        edges=_edges(keys, earlier, now),
        moved=tuple(moved),
        imported=imported,
        outputs={name: OutputBlock(name, value) for name, value in earlier.outputs.items()},
    )
    return Then(graph, tuple(findings))


def _leaving(address: Address, now: ResourceState | None) -> Iterator[Finding]:
    """A key that was on its way out then is not sent there by a rollback."""
    if now is None or now.phase is Phase.LIVE:
        yield not_back(address, "it was on its way out then, and is not sent there again")


def _parents_first(resources: Mapping[Address, ResourceState]) -> list[Address]:
    """The keys in dependency order."""
    done: dict[Address, None] = {}

    def visit(address: Address) -> None:
        waiting = [(address, iter(_above(resources[address])))]
        while waiting:
            current, above = waiting[-1]
            following = next((item for item in above if _open(item, resources, done)), None)
            if following is None:
                done[current] = None
                waiting.pop()
            else:
                waiting.append((following, iter(_above(resources[following]))))

    for address in sorted(resources):
        if address not in done:
            visit(address)
    return list(done)


def _open(
    address: Address, resources: Mapping[Address, ResourceState], done: Mapping[Address, None]
) -> bool:
    return address in resources and address not in done


def _above(resource: ResourceState) -> list[Address]:
    parent = resource.attributes.get("parent")
    own = [Address(parent)] if isinstance(parent, str) and parent else []
    own += [resource.address.replica_of] if resource.address.replica_of is not None else []
    return [item for item in (*own, *resource.dependencies) if item != resource.address]


def _edges(
    keys: Iterable[Address], earlier: State, now: State
) -> dict[Address, tuple[Address, ...]]:
    """Dependencies as they were; those of a newer key as they are."""
    found: dict[Address, tuple[Address, ...]] = {}
    for address in keys:
        resource = earlier.resources.get(address) or now.resources.get(address)
        found[address] = () if resource is None else resource.dependencies
    return found


def _step(step: Step, resources: Mapping[Address, ResourceState]) -> Step:
    """The step in the words of a rollback; a state that was not managed is not managed then."""
    settlement = step.settlement
    then = resources.get(step.address)
    if isinstance(step.operation, AdoptKey):
        settlement = merged(settlement, settlement_back(None, then))
    if then is not None and "state" not in then.managed:
        kept = tuple(path for path in settlement.manage if path != "state")
        moved = ("state",) if isinstance(step.operation, ChangeState) else ()
        settlement = replace(settlement, manage=kept, unmanage=(*settlement.unmanage, *moved))
    return replace(step, settlement=settlement, reason=_reason(step.reason))


def _change(change: ResourceChange, earlier: State) -> ResourceChange:
    return replace(
        change,
        reason=_reason(change.reason),
        attributes=tuple(_attribute(item) for item in change.attributes),
        notes=(*change.notes, *_note(change.address, earlier)),
    )


def _attribute(item: AttributeChange) -> AttributeChange:
    return replace(item, reason=_reason(item.reason))


def _note(address: Address, earlier: State) -> tuple[str, ...]:
    if address in earlier.resources:
        return ()
    return ("newer than that state: suspended, kept and tracked",)


def _reason(reason: Reason) -> Reason:
    return Reason.ROLLBACK if reason in _OURS else reason
