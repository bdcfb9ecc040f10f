"""The plan that takes a run back: an ordinary plan, made from its journal.

    journal, state before -> effects -> what of them is still there -> inverses -> Plan

Rules: nothing that the journal does not hold is invented; what somebody changed since is
never overwritten; the plan is guarded as any other is: access, lockout, brakes, and what
the providers perform. Configuration is not asked: a run is undone as it was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from keyplan.errors import DeniedError, JournalError, StalePlanError
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.principals import Principal
from keyplan.model.stack import Safety, Stack, StackMode
from keyplan.planning.access import AccessView, access_changes, policy_stages
from keyplan.planning.changes import resource_changes
from keyplan.planning.drafts import Draft
from keyplan.planning.guards import lockout_line, with_bypass
from keyplan.planning.inputs import PlanContext
from keyplan.planning.intents import KeyDiff
from keyplan.planning.performable import on_stopped_keys, overfull, unsupported
from keyplan.planning.refresh import look
from keyplan.planning.rollback_diffs import diffs_of
from keyplan.planning.rollback_findings import REMAINS, needs_active
from keyplan.planning.rollback_order import steps_of
from keyplan.planning.rollback_past import Present, Run
from keyplan.planning.rollback_undo import Undoing, undo
from keyplan.plans.changes import OutputChange, ResourceChange
from keyplan.plans.findings import Brake, Finding
from keyplan.plans.plan import Plan, PlanMode, Step
from keyplan.rules.lockout import prove_no_lockout
from keyplan.rules.safety import Effects, brakes
from keyplan.sdk.capabilities import Capabilities
from keyplan.session.session import ProviderSession
from keyplan.state.entries import Entry, RunStarted
from keyplan.state.model import Phase, ResourceState, State, StateSnapshot


@dataclass(frozen=True, slots=True)
class Past:
    """The run to take back: how it began, its journal, and the state that it began with."""

    head: RunStarted
    entries: Sequence[Entry]
    before: State


def head_of(run: str, entries: Sequence[Entry]) -> RunStarted:
    """How a run began; raises `JournalError` for a journal that does not say."""
    head = entries[0] if entries else None
    if not isinstance(head, RunStarted):
        raise JournalError(
            "the journal does not say what the run was",
            target=run,
            advice="Choose another run: keyplan rollback --run ID",
        )
    return head


def residue_of(plan: Plan) -> tuple[Finding, ...]:
    """What the rollback does not bring back, as the plan said before anything was done."""
    return tuple(finding for finding in plan.findings if finding.rule in REMAINS)


def make_rollback_plan(
    past: Past,
    snapshot: StateSnapshot,
    sessions: Mapping[str, ProviderSession],
    *,
    stack: Stack,
    principals: Mapping[Address, Principal],
    context: PlanContext,
) -> Plan:
    """Plan the way back to before a run. What stands in the way is an error finding.

    `sessions` has every provider that the run wrote to. Raises `JournalError` if the
    journal does not go with the state before it, `StalePlanError` if a provider is not
    where the run wrote.
    """
    _check_places(past.head, sessions)
    run = Run.of(past.head.run, past.before, past.entries)
    present = _read(run, snapshot.state, sessions)
    live = present.live
    capabilities = {name: session.capabilities for name, session in sessions.items()}
    view = _view(sessions, principals)
    undoing = undo(run, present, capabilities, context.now)
    undoing = replace(undoing, drafts=tuple(with_bypass(undoing.drafts, view)))
    undoing, steps = _performable(undoing, run, present, capabilities)
    resources = _resources(run, snapshot.state)
    diffs = diffs_of(
        undoing.drafts, resources=resources, live=live, notes=_notes(undoing), now=context.now
    )
    graph = ResourceGraph(stack, principals=principals)
    changes = resource_changes(diffs, steps, graph, snapshot.state)
    proof = prove_no_lockout(policy_stages(steps, diffs, view))
    return Plan(
        stack=stack.name,
        store=context.store,
        keyplan_version=context.version,
        mode=PlanMode.NORMAL,
        lineage=snapshot.state.lineage,
        serial=snapshot.state.serial,
        state_version=snapshot.version,
        now=context.now,
        identities={name: session.identity for name, session in sorted(sessions.items())},
        changes=changes,
        steps=steps,
        refs=_refs(run, snapshot.state, steps),
        access=access_changes(_existing(diffs), view),
        findings=(
            *undoing.findings,
            *unsupported(steps, capabilities),
            *overfull(steps, live, capabilities),
            *proof.findings,
        ),
        brakes=_brakes(run, snapshot.state, steps, changes, stack.safety),
        outputs=_outputs(run, snapshot.state),
        lockout=lockout_line(proof, view),
        keys=len(live) + len(present.hidden),
        read=len(live),
        observe=stack.mode is StackMode.OBSERVE,
    )


def _view(
    sessions: Mapping[str, ProviderSession], principals: Mapping[Address, Principal]
) -> AccessView:
    return AccessView(
        {name: item.located for name, item in sessions.items()},
        principals,
        {name: item.identity.principal for name, item in sessions.items()},
    )


def _performable(
    undoing: Undoing, run: Run, present: Present, capabilities: Mapping[str, Capabilities]
) -> tuple[Undoing, tuple[Step, ...]]:
    """The steps; what a service refuses on a key that is not active is left out, and said."""

    def steps_for(drafts: tuple[Draft, ...]) -> tuple[Step, ...]:
        return steps_of(
            drafts,
            rests_on=_rests_on(run.before, run.after, present.state),
            capabilities=capabilities,
            expects={address: key.fingerprint for address, key in present.live.items()},
        )

    steps = steps_for(undoing.drafts)
    refused = list(on_stopped_keys(steps, present.live, capabilities))
    if not refused:
        return undoing, steps
    left = [step.operation for step, _ in refused]
    kept = tuple(draft for draft in undoing.drafts if draft.operation not in left)
    said = tuple(needs_active(step, state) for step, state in refused)
    return Undoing(kept, (*undoing.findings, *said)), steps_for(kept)


def _check_places(head: RunStarted, sessions: Mapping[str, ProviderSession]) -> None:
    """The run is undone where it was done."""
    for instance, session in sorted(sessions.items()):
        place = head.places.get(instance, "")
        if place and not session.identity.is_at(place):
            raise StalePlanError(
                f"run {head.run} wrote to another place",
                target=f"provider {instance}",
                why=f"It wrote to {place}; this connection is {session.identity.place}.",
                advice="Connect to the place of the run, then: keyplan rollback --run " + head.run,
            )


def _read(run: Run, state: State, sessions: Mapping[str, ProviderSession]) -> Present:
    """Every key that the run touched and that still exists, by each address it had."""
    by_provider: dict[str, dict[Address, str]] = {}
    for address, key_id in run.ids.items():
        by_provider.setdefault(run.providers[address], {})[address] = key_id
    live: dict[Address, Observation] = {}
    hidden: dict[Address, DeniedError] = {}
    for provider, ids in by_provider.items():
        seen, refused = look(sessions[provider], list(ids.values()))
        live |= {address: seen[key_id] for address, key_id in ids.items() if key_id in seen}
        hidden |= {address: refused[key_id] for address, key_id in ids.items() if key_id in refused}
    return Present(state, live, hidden)


def _rests_on(*states: State) -> dict[Address, frozenset[Address]]:
    """The parent and the dependencies of each key in any of the states."""
    found: dict[Address, set[Address]] = {}
    for state in states:
        for address, item in state.resources.items():
            above = found.setdefault(address, set())
            above.update(item.dependencies)
            if address.replica_of is not None:
                above.add(address.replica_of)
            parent = item.attributes.get("parent")
            if isinstance(parent, str) and parent:
                above.add(Address(parent))
    return {address: frozenset(above) for address, above in found.items()}


def _resources(run: Run, state: State) -> dict[Address, ResourceState]:
    """The keys as the state has them; those that come back to it, as it had them."""
    return {**run.before.resources, **state.resources}


def _notes(undoing: Undoing) -> dict[Address, tuple[str, ...]]:
    """What stays, at each key that changes."""
    found: dict[Address, list[str]] = {}
    for finding in undoing.findings:
        if finding.rule in REMAINS and finding.address is not None:
            found.setdefault(finding.address, []).append(finding.summary)
    return {address: tuple(notes) for address, notes in found.items()}


def _refs(run: Run, state: State, steps: Sequence[Step]) -> dict[Address, str]:
    """The ids of the state, and of keys that come back to it."""
    known = {address: item.id for address, item in state.resources.items()}
    return dict(
        sorted(
            known.items()
            | {
                step.address: run.ids[step.address]
                for step in steps
                if step.address not in known and step.address in run.ids
            }.items()
        )
    )


def _existing(diffs: Mapping[Address, KeyDiff]) -> list[KeyDiff]:
    """The differences of keys that somebody may use."""
    return [diff for diff in diffs.values() if diff.live is not None]


def _brakes(
    run: Run,
    state: State,
    steps: Sequence[Step],
    changes: Sequence[ResourceChange],
    safety: Safety,
) -> tuple[Brake, ...]:
    """Those of any plan; a key that was a root before or after the run is one."""
    effects = Effects(
        actions={change.address: change.action for change in changes},
        roots=_roots(run.before, run.after, state),
        existing=sum(item.phase is Phase.LIVE for item in state.resources.values()),
        lineage=state.lineage,
    )
    return brakes(steps, effects, safety)


def _roots(*states: State) -> frozenset[Address]:
    return frozenset(
        address
        for state in states
        for address, item in state.resources.items()
        if item.attributes.get("tier") == "root"
    )


def _outputs(run: Run, state: State) -> tuple[OutputChange, ...]:
    """Outputs that the run set and nobody set since, back to what they were."""
    before, after, now = run.before.outputs, run.after.outputs, state.outputs
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return tuple(
        OutputChange(name, now.get(name), before.get(name))
        for name in sorted(names)
        if now.get(name) == after.get(name)
    )
