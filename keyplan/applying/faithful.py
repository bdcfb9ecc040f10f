"""Whether the steps of a plan are what the plan says of them.

A plan file is reviewed by what it shows: the key, the call, the way back, the brakes.
Its digest finds accidents; who can write the file can write the digest. So what follows
from an operation is worked out again before anything is done, and a plan that says
something else is refused.

What this cannot find is a plan that was honestly made from another configuration: keep
plan files where only those can write who may approve.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from keyplan.applying.preflight import check_allowed
from keyplan.errors import PlanFileError
from keyplan.model.inverses import inverse_of
from keyplan.model.operations import RemoteOperation, bypasses, is_remote
from keyplan.model.values import has_unknown
from keyplan.plans.plan import Plan, Step
from keyplan.plans.ways_back import way_back
from keyplan.rules.lockout import locks_out_caller, policies_put
from keyplan.rules.safety import Effects, unconditional_brakes
from keyplan.session.session import ProviderSession
from keyplan.state.model import State


def check_steps(plan: Plan, sessions: Mapping[str, ProviderSession]) -> None:
    """Raise `PlanFileError` for a step whose key, call or way back is not its operation's."""
    for step in plan.steps:
        said = _what_is_wrong(step, sessions)
        if said:
            raise PlanFileError(
                f"step {step.number} is not what the plan says of it",
                target=plan.stack,
                why=f"{said} The plan was altered, or made by another version of keyplan.",
                advice="Make a new plan: keyplan plan --out FILE",
            )


def check_brakes(plan: Plan, state: State, allowed: Collection[str]) -> None:
    """Raise `BlockedPlanError` for a brake that steps and state need, listed or not."""
    effects = Effects(
        actions={},
        roots=frozenset(
            address
            for address, item in state.resources.items()
            if item.attributes.get("tier") == "root"
        ),
        existing=len(state.resources),
        lineage=state.lineage,
    )
    listed = {brake.name for brake in plan.brakes}
    more = [
        brake for brake in unconditional_brakes(plan.steps, effects) if brake.name not in listed
    ]
    if more:
        check_allowed(replace(plan, brakes=(*plan.brakes, *more)), allowed)


def _what_is_wrong(step: Step, sessions: Mapping[str, ProviderSession]) -> str:
    operation = step.operation
    if operation.target != step.address:
        return f"It names {step.address} and changes {operation.target}."
    if not is_remote(operation):
        expected = inverse_of(operation, supported=())
    elif step.provider not in sessions:
        return ""  # refused already: no connection
    else:
        capabilities = sessions[step.provider].capabilities
        if step.call != capabilities.call(operation):
            return f"It says {step.call} and does {capabilities.call(operation)}."
        expected = way_back(operation, capabilities)
        if said := _what_is_wrong_with_policy(operation, sessions[step.provider]):
            return said
    if step.inverse != expected:
        return f"Its way back is another than it says ({expected.grade.value})."
    return ""


def _what_is_wrong_with_policy(operation: RemoteOperation, session: ProviderSession) -> str:
    """Whether somebody could repair it, and whether just those past the service's check need that.

    Where the service does not judge policies itself there is no check to bypass.
    """
    caller = session.identity.principal
    for policy in policies_put(operation):
        if has_unknown(policy):  # what is judged here would not be what is put
            return "Its policy is not known yet, and no plan that keyplan makes has such a one."
        review = session.located.review_policy(policy, caller)
        if review is not None and not review.administrators:
            return "Nobody surely could set the policy again after it, which no brake lifts."
        if bypasses(operation) != locks_out_caller(review):
            return (
                "It says otherwise than the policy itself whether the service's own check of"
                " who applies is bypassed."
            )
    return ""
