"""What a plan is made from: the declaration, the state and the world, each read once.

    relocate -> select -> refresh -> want -> Inputs

Findings of this stage are about the declaration and what could be seen of the world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.stack import StackMode
from keyplan.planning.access import AccessView
from keyplan.planning.elsewhere import refuse_elsewhere
from keyplan.planning.moving import Relocation, relocate
from keyplan.planning.refresh import RefreshedState, assume, refresh
from keyplan.planning.remediating import reverting
from keyplan.planning.replicas import Primaries, primaries
from keyplan.planning.selection import select
from keyplan.planning.strangers import doubts, orphaned
from keyplan.planning.visible import idle, unreadable
from keyplan.planning.wanted import Wanted, accepted_gaps, planning_view, unhonoured, want
from keyplan.plans.findings import Finding
from keyplan.plans.options import PlanOptions
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
class Inputs:
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


def gather(
    graph: ResourceGraph,
    snapshot: StateSnapshot,
    sessions: Mapping[str, ProviderSession],
    options: PlanOptions,
    context: PlanContext,
    *,
    world: RefreshedState | None,
) -> tuple[Inputs, list[Finding]]:
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
    inputs = Inputs(
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
    seen = world.seen
    findings = [
        *relocation.findings,
        *uncompiled,
        *accepted_gaps(declared),
        *unhonoured(declared),
        *unreadable(_providers(inputs), seen, plugins, wanted, state.resources),
        *idle(declared, state.resources, seen),
        *doubts(wanted, state.resources, seen, inputs.view),
        *orphaned(
            {a: item for a, item in state.resources.items() if a in chosen}, seen, inputs.view
        ),
    ]
    return inputs, findings


def _providers(inputs: Inputs) -> dict[Address, str]:
    """The instance of every chosen key that is declared or in the state."""
    known = {address: item.provider for address, item in inputs.state.resources.items()}
    declared = {address: key.provider for address, key in inputs.graph.keys.items()}
    return {a: p for a, p in (declared | known).items() if a in inputs.chosen}


def _dependencies(graph: ResourceGraph, state: State) -> dict[Address, tuple[Address, ...]]:
    """Edges of declared keys, and those that the state remembers of the others."""
    remembered = {address: item.dependencies for address, item in state.resources.items()}
    return {**remembered, **graph.edges}
