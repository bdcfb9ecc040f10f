"""The planner: declaration, state and world in; one ordered, reversible program out.

    refresh -> want -> drift, diff -> lower -> order -> guard -> Plan

Planning writes nothing, takes no lock and needs no secret. The same inputs give the
same plan; only tokens are random, and the checksum does not cover them.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.planning.access import access_changes, policy_stages
from keyplan.planning.changes import output_changes, parents_of, resource_changes
from keyplan.planning.comparing import compare
from keyplan.planning.guards import brakes_of, lockout_line, with_bypass
from keyplan.planning.inputs import Inputs, PlanContext, gather
from keyplan.planning.intents import KeyDiff
from keyplan.planning.lower import lower
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
from keyplan.planning.refresh import RefreshedState
from keyplan.planning.wording import describe
from keyplan.plans.findings import Finding
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Pace, Plan, Step
from keyplan.rules.lockout import prove_no_lockout
from keyplan.session.session import ProviderSession
from keyplan.state.model import StateSnapshot


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
    inputs, first_findings = gather(graph, snapshot, sessions, options, context, world=world)
    state, world = inputs.state, inputs.world
    compared = compare(inputs)
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
            *_impossible(inputs, steps),
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


def _impossible(inputs: Inputs, steps: tuple[Step, ...]) -> tuple[Finding, ...]:
    """What a provider cannot do, or would refuse, of these steps."""
    live, capabilities = inputs.world.live, inputs.capabilities
    return (
        *unsupported(steps, capabilities),
        *refused_while_stopped(steps, live, capabilities),
        *worn_out(inputs.chosen, live, steps),
        *overfull(steps, live, capabilities),
        *moved_to_another_kind(steps, live, capabilities),
    )


def _refs(inputs: Inputs) -> dict[Address, str]:
    """The provider's id of every key that exists and that a step may speak of."""
    known = {address: item.id for address, item in inputs.state.resources.items()}
    adopted = {
        address: inputs.world.live[address].id
        for address in inputs.graph.imported
        if address in inputs.world.live
    }
    return dict(sorted((adopted | known).items()))


def _steps(inputs: Inputs, diffs: Mapping[Address, KeyDiff]) -> tuple[Step, ...]:
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
