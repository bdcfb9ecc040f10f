"""What guards make of a plan: what it bypasses, the brakes that it needs, the proof in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keyplan.graph.resources import ResourceGraph
from keyplan.model.keys import Tier
from keyplan.model.operations import SETS_POLICY
from keyplan.planning.access import AccessView
from keyplan.planning.drafts import Draft
from keyplan.plans.changes import ResourceChange
from keyplan.plans.findings import Brake
from keyplan.plans.plan import Step
from keyplan.rules.lockout import LockoutProof, locks_out_caller, policies_put
from keyplan.rules.safety import Effects, brakes
from keyplan.state.model import Phase, State


def brakes_of(
    graph: ResourceGraph,
    state: State,
    steps: tuple[Step, ...],
    changes: tuple[ResourceChange, ...],
) -> tuple[Brake, ...]:
    """The brakes that the steps need released."""
    resources = state.resources
    roots = {address for address, key in graph.keys.items() if key.tier is Tier.ROOT}
    roots |= {
        address for address, item in resources.items() if item.attributes.get("tier") == "root"
    }
    effects = Effects(
        actions={change.address: change.action for change in changes},
        roots=frozenset(roots),
        existing=sum(item.phase is Phase.LIVE for item in resources.values()),
        lineage=state.lineage,
    )
    return brakes(steps, effects, graph.stack.safety)


def with_bypass(drafts: Iterable[Draft], view: AccessView) -> list[Draft]:
    """The drafts; a policy that its service would refuse to who applies is put past its check."""
    return [
        replace(draft, operation=replace(draft.operation, bypass=True))
        if isinstance(draft.operation, SETS_POLICY)
        and any(
            locks_out_caller(view.review(draft.provider, policy))
            for policy in policies_put(draft.operation)
        )
        else draft
        for draft in drafts
    ]


def lockout_line(proof: LockoutProof, view: AccessView, instances: Iterable[str] = ()) -> str:
    """The sentence under the access section; empty when no policy is touched."""
    if not proof.stages:
        return ""
    if proof.failed:
        return "Lockout check: FAILED, see findings."
    if proof.gives_up:
        return "Lockout check: proved after each step, but not for who applies: see findings."
    names = {view.name(instance, who) or who for who in proof.always for instance in instances}
    known = sorted(name for name in names if name not in proof.always) or sorted(names)
    if not known:
        return "Lockout check: proved after each step."
    verb = "can always administer"
    return f"Lockout check: proved after each step; {', '.join(known)} {verb}."
