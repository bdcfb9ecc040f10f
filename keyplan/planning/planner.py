"""The planner: declaration, state and world in; one ordered, reversible program out.

    refresh -> want -> drift, diff -> lower -> order -> guard -> Plan

Planning writes nothing, takes no lock and needs no secret. The same inputs give the
same plan; only tokens are random, and the checksum does not cover them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import Relation
from keyplan.model.resources import Manage
from keyplan.model.stack import StackMode
from keyplan.planning.access import AccessView, access_changes, policy_stages
from keyplan.planning.adopting import diff_imported
from keyplan.planning.aliases import without_moved_aliases
from keyplan.planning.changes import output_changes, parents_of, resource_changes
from keyplan.planning.compare import elements
from keyplan.planning.diff import KeyResult, World, diff_declared
from keyplan.planning.drift import DriftContext, drift_of
from keyplan.planning.elsewhere import refuse_elsewhere
from keyplan.planning.families import hold_parents, orphans, out_of_use, protectors
from keyplan.planning.guards import brakes_of, lockout_line, with_bypass
from keyplan.planning.intents import KeyDiff
from keyplan.planning.lower import lower
from keyplan.planning.moving import Relocation, relocate, with_renames
from keyplan.planning.narrowing import narrowed_policies
from keyplan.planning.order import order
from keyplan.planning.pacing import pace_of_reading, pace_of_steps
from keyplan.planning.performable import (
    moved_to_another_kind,
    overfull,
    refused_while_stopped,
    unsupported,
    worn_out,
)
from keyplan.planning.refresh import RefreshedState, assume, refresh
from keyplan.planning.refreshonly import accept_drift
from keyplan.planning.remediating import covered, reduced, reverting, suspect
from keyplan.planning.replicas import Primaries, hold_primaries, misplaced, primaries
from keyplan.planning.retire import Leaving, diff_leaving, removal_of
from keyplan.planning.selection import select
from keyplan.planning.strangers import doubts, orphaned
from keyplan.planning.visible import hidden, idle, unreadable
from keyplan.planning.wanted import Wanted, accepted_gaps, planning_view, unhonoured, want
from keyplan.planning.wording import describe
from keyplan.plans.changes import DriftItem, Due
from keyplan.plans.findings import Finding
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Pace, Plan, PlanMode, Step
from keyplan.rules.lockout import prove_no_lockout
from keyplan.sdk.capabilities import Capabilities
from keyplan.session.session import ProviderSession
from keyplan.state.model import State, StateSnapshot


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What is the same for the whole plan. `store` and `version` are for its header."""

    now: datetime
    store: str
    version: str
    new_token: Callable[[], str]


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Everything that comparing reads."""

    graph: ResourceGraph
    state: State
    relocation: Relocation
    world: RefreshedState
    capabilities: Mapping[str, Capabilities]
    wanted: Mapping[Address, Wanted]
    chosen: frozenset[Address]
    view: AccessView
    primaries: Primaries
    callers: Mapping[str, str]
    options: PlanOptions
    context: PlanContext

    @property
    def observe(self) -> bool:
        """Whether the stack only looks."""
        return self.graph.stack.mode is StackMode.OBSERVE


@dataclass(frozen=True, slots=True)
class _Compared:
    """What comparing found."""

    diffs: Mapping[Address, KeyDiff]
    drift: tuple[DriftItem, ...]
    findings: tuple[Finding, ...] = ()
    due: tuple[Due, ...] = ()


def make_plan(
    graph: ResourceGraph,
    snapshot: StateSnapshot,
    sessions: Mapping[str, ProviderSession],
    *,
    options: PlanOptions,
    context: PlanContext,
    world: RefreshedState | None = None,
) -> Plan:
    """Plan the way from the world to the declaration; `world` if it was read already.

    Raises `PlanningError` where no plan can be made at all; what a person must decide
    is a finding of level error in the plan.
    """
    inputs, first_findings = _gather(graph, snapshot, sessions, options, context, world=world)
    state, world = inputs.state, inputs.world
    compared = _compare(inputs)
    steps = _steps(inputs, compared.diffs)
    changes = resource_changes(compared.diffs, steps, graph, state)
    proof = prove_no_lockout(policy_stages(steps, compared.diffs, inputs.view))
    return Plan(
        stack=graph.stack.name,
        store=context.store,
        keyplan_version=context.version,
        mode=options.mode,
        lineage=state.lineage,
        serial=state.serial,
        state_version=snapshot.version,
        now=context.now,
        identities={name: session.identity for name, session in sorted(sessions.items())},
        changes=changes,
        steps=steps,
        refs=_refs(inputs),
        drift=compared.drift,
        access=access_changes(list(compared.diffs.values()), inputs.view),
        findings=(
            *first_findings,
            *compared.findings,
            *unsupported(steps, inputs.capabilities),
            *refused_while_stopped(steps, inputs.world.live, inputs.capabilities),
            *worn_out(inputs.chosen, inputs.world.live, steps),
            *overfull(steps, inputs.world.live, inputs.capabilities),
            *moved_to_another_kind(steps, inputs.world.live, inputs.capabilities),
            *proof.findings,
        ),
        brakes=brakes_of(graph, state, steps, changes),
        outputs=()
        if options.remediating
        else output_changes(graph, state, world.live, options.mode),
        due=compared.due,
        lockout=lockout_line(proof, inputs.view, inputs.capabilities),
        keys=len(frozenset(graph.keys) | frozenset(state.resources)),
        read=world.read,
        refreshed=options.refresh,
        complete=not (options.targets or options.excludes),
        observe=inputs.observe,
        pace=pace_of_steps(steps, inputs.capabilities),
        reading_pace=pace_of_reading(
            (item.provider for item in state.resources.values()), inputs.capabilities
        )
        if options.refresh
        else Pace(),
    )


def _gather(
    graph: ResourceGraph,
    snapshot: StateSnapshot,
    sessions: Mapping[str, ProviderSession],
    options: PlanOptions,
    context: PlanContext,
    *,
    world: RefreshedState | None,
) -> tuple[_Inputs, list[Finding]]:
    """Read the world and work out what is wanted; findings about the declaration alone."""
    relocation = relocate(snapshot.state, graph.moved, graph.keys)
    state = relocation.state
    known = frozenset(graph.keys) | frozenset(state.resources)
    chosen = select(known, _dependencies(graph, state), options)
    if world is None and options.refresh:
        world = refresh(graph, state, sessions, parallelism=options.parallelism)
    elif world is None:
        refuse_elsewhere(state, sessions)
        world = assume(state)
    plugins = {instance: session.located for instance, session in sessions.items()}
    declared = [key for key in graph.keys.values() if key.address in chosen]
    wanted, uncompiled = want(declared, plugins, world.live, context.now)
    if options.remediating:
        wanted = reverting(wanted)
    inputs = _Inputs(
        graph=graph,
        state=state,
        relocation=relocation,
        world=world,
        capabilities={
            name: planning_view(session.capabilities) for name, session in sessions.items()
        },
        wanted=wanted,
        chosen=chosen,
        view=AccessView(
            plugins,
            graph.principals,
            {name: session.identity.principal for name, session in sessions.items()},
        ),
        primaries=primaries(world.live),
        callers={name: session.identity.principal for name, session in sessions.items()},
        options=options,
        context=context,
    )
    if options.remediating:
        return inputs, []  # what is wrong with other keys must not stand in the way
    findings = [
        *relocation.findings,
        *uncompiled,
        *accepted_gaps(declared),
        *unhonoured(declared),
        *unreadable(_providers(inputs), world.live, plugins, wanted, state.resources),
        *hidden(_providers(inputs), world.hidden),
        *idle(declared, state.resources, world.live),
        *doubts(wanted, state.resources, world.live, inputs.view),
        *orphaned(
            {a: item for a, item in state.resources.items() if a in chosen}, world.live, inputs.view
        ),
    ]
    return inputs, findings


def _providers(inputs: _Inputs) -> dict[Address, str]:
    """The instance of every chosen key that is declared or in the state."""
    known = {address: item.provider for address, item in inputs.state.resources.items()}
    declared = {address: key.provider for address, key in inputs.graph.keys.items()}
    return {a: p for a, p in (declared | known).items() if a in inputs.chosen}


def _refs(inputs: _Inputs) -> dict[Address, str]:
    """The provider's id of every key that exists and that a step may speak of."""
    known = {address: item.id for address, item in inputs.state.resources.items()}
    adopted = {
        address: inputs.world.live[address].id
        for address in inputs.graph.imported
        if address in inputs.world.live
    }
    return dict(sorted((adopted | known).items()))


def _dependencies(graph: ResourceGraph, state: State) -> dict[Address, tuple[Address, ...]]:
    """Edges of declared keys, and those that the state remembers of the others."""
    remembered = {address: item.dependencies for address, item in state.resources.items()}
    return {**remembered, **graph.edges}


def _compare(inputs: _Inputs) -> _Compared:
    """Drift first, then what to do about everything."""
    drift = tuple(_drift(inputs)) if inputs.options.refresh else ()
    if inputs.options.mode is PlanMode.REFRESH_ONLY:
        return _Compared(accept_drift(drift, inputs.state, inputs.world.live), drift)
    results = dict(_results(inputs))
    found = {address: result.diff for address, result in results.items() if result.diff}
    if inputs.options.remediating:
        blocked = {a for a, result in results.items() if any(f.blocks for f in result.findings)}
        return _remedies(inputs, {a: d for a, d in found.items() if a not in blocked}, drift)
    protected_by = protectors(inputs.state, found)
    diffs, held, later = hold_primaries(
        without_moved_aliases(found, _awaited_aliases(inputs)),
        inputs.state,
        inputs.world.live,
        inputs.primaries,
    )
    families = hold_parents(diffs, inputs.state, protected_by, inputs.context.now)
    diffs = with_renames(families.diffs, inputs.relocation)
    findings = [finding for result in results.values() for finding in result.findings]
    declared = () if inputs.options.mode is PlanMode.DESTROY else inputs.graph.keys
    findings += orphans(found, inputs.state, protected_by, declared=declared)
    findings += out_of_use(found, inputs.world.live)
    findings += misplaced(found, inputs.world.live, inputs.primaries)
    due = {due for address, result in results.items() if address not in held for due in result.due}
    due |= {*families.due, *later}
    ordered = sorted(due, key=lambda item: (item.at, item.address, item.what))
    return _Compared(diffs, drift, tuple(findings), tuple(ordered))


def _remedies(
    inputs: _Inputs, found: Mapping[Address, KeyDiff], drift: tuple[DriftItem, ...]
) -> _Compared:
    """Only what undoes drift; keys that are about to get another address wait for that."""
    renamed = inputs.relocation.renames
    staying = {a: d for a, d in found.items() if a not in renamed}
    diffs = reduced(staying, inputs.capabilities, suspect(drift))
    done = covered(diffs)
    return _Compared(diffs, tuple(item for item in drift if (item.address, item.path) in done))


def _drift(inputs: _Inputs) -> Iterable[DriftItem]:
    context = DriftContext(
        inputs.options.mode,
        inputs.observe,
        inputs.context.now,
        inputs.capabilities,
        inputs.view,
        inputs.primaries.names,
    )
    for address in sorted(inputs.chosen & inputs.state.resources.keys()):
        live = inputs.world.live.get(address)
        yield from drift_of(
            inputs.state.resources[address], live, inputs.wanted.get(address), context
        )


def _results(inputs: _Inputs) -> Iterable[tuple[Address, KeyResult]]:
    """Each chosen key compared: declared ones, then those on the way out."""
    state, live = inputs.state, inputs.world.live
    world = World(
        now=inputs.context.now,
        lineage=state.lineage,
        new_token=inputs.context.new_token,
        capabilities=inputs.capabilities,
        aliases=inputs.world.aliases,
        owners_of={(item.provider, item.id): item.address for item in state.resources.values()},
        edges=inputs.graph.edges,
        derived_from=_derived_from(inputs),
        primaries=inputs.primaries,
        adopting={
            (key.provider, live[address].id): address
            for address in inputs.graph.imported
            if (key := inputs.graph.keys.get(address)) and address in live
        },
        observed=frozenset(item for item in state.resources if _only_observed(inputs, item)),
    )
    destroying = inputs.options.mode is PlanMode.DESTROY
    declared = {} if destroying else inputs.wanted
    imported = inputs.graph.imported
    for address, wanted in declared.items():
        if address in imported and address not in state.resources:
            yield address, diff_imported(wanted, imported[address], live.get(address), world)
        else:
            resource = state.resources.get(address)
            yield address, diff_declared(wanted, resource, live.get(address), world)
    for address in sorted(inputs.chosen & (state.resources.keys() - declared.keys())):
        leaving = Leaving(
            resource=state.resources[address],
            live=live.get(address),
            world=world,
            removed=removal_of(address, inputs.graph.removed),
            destroying=destroying,
        )
        yield address, diff_leaving(leaving)


def _derived_from(inputs: _Inputs) -> frozenset[Address]:
    """Keys that others, declared or in the state, are derived from."""
    parents = parents_of(inputs.graph, inputs.state)
    derived = {
        address
        for address, item in inputs.state.resources.items()
        if item.attributes.get("relation") == Relation.DERIVES
    }
    derived |= {
        address for address, key in inputs.graph.keys.items() if key.relation is Relation.DERIVES
    }
    return frozenset(parent for address in derived if (parent := parents.get(address)))


def _awaited_aliases(inputs: _Inputs) -> frozenset[tuple[str, str]]:
    """Aliases that declared keys want which `--target` or `--exclude` leaves out."""
    return frozenset(
        (key.provider, alias)
        for address, key in inputs.graph.keys.items()
        if address not in inputs.chosen
        for alias in elements(key.attributes.get("aliases"))
    )


def _only_observed(inputs: _Inputs, address: Address) -> bool:
    """Whether a key of the state is not to be touched in any way, not even to be destroyed.

    So says the declaration or, unless it takes the key over, what the last apply made of it.
    """
    key = inputs.graph.keys.get(address)
    declared = key is not None and key.lifecycle.manage is Manage.OBSERVE
    taken_over = key is not None and inputs.options.mode is not PlanMode.DESTROY
    return declared or (inputs.state.resources[address].observed and not taken_over)


def _steps(inputs: _Inputs, diffs: Mapping[Address, KeyDiff]) -> tuple[Step, ...]:
    """Operations of every key, in the order of the hierarchy, numbered."""
    sequence = [address for address in inputs.graph.keys if address in diffs]
    sequence += [address for address in diffs if address not in inputs.graph.keys]
    narrowed = narrowed_policies(diffs, inputs.view, inputs.callers)
    drafts = [
        draft
        for address in sequence
        for draft in lower(
            diffs[address],
            inputs.capabilities[diffs[address].provider],
            narrows=address in narrowed,
        )
    ]
    return order(
        with_bypass(drafts, inputs.view),
        edges=inputs.graph.edges,
        parents=parents_of(inputs.graph, inputs.state),
        capabilities=inputs.capabilities,
        expects=inputs.world.fingerprints,
        detail=lambda draft, makers: describe(draft.operation, draft.settlement, makers),
    )
