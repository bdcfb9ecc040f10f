"""What must hold before anything is written.

Rules: a plan is applied as it was made, to what it was made for, or not at all. Each
refusal names what moved and the command that goes on from here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from keyplan.errors import BlockedPlanError, BusyError, MovedError, StalePlanError
from keyplan.model.operations import is_remote
from keyplan.model.timing import format_instant
from keyplan.plans.findings import BrakeName
from keyplan.plans.plan import Plan
from keyplan.session.session import ProviderSession
from keyplan.state.model import Phase, StateSnapshot

LATE = timedelta(days=1)
"""How old a plan may be that begins a soak or a window which keyplan itself counts."""

AGAIN = "Make a new plan: keyplan plan"


def check_allowed(plan: Plan, allowed: Collection[str]) -> None:
    """Raise `BlockedPlanError` if a guard or a brake that nobody released forbids the plan."""
    if plan.observe:
        raise BlockedPlanError(
            "this stack is in mode observe, so nothing is written",
            target=plan.stack,
            advice="Set keyplan.mode to manage when keyplan may change keys.",
        )
    blocking = [item for item in plan.findings if item.blocks and item.released_by not in allowed]
    if blocking:
        first = blocking[0]
        more = f" and {len(blocking) - 1} more" if len(blocking) > 1 else ""
        raise BlockedPlanError(
            f"the plan has findings that forbid applying it: {first.rule}{more}",
            target=str(first.address or plan.stack),
            why=first.summary,
            advice=first.advice or "Correct the declaration and plan again.",
        )
    held = _held_brakes(plan, allowed)
    if held:
        flags = " ".join(f"--allow {name}" for name in held)
        raise BlockedPlanError(
            f"the plan needs {_brakes(len(held))} released: {', '.join(held)}",
            target=plan.stack,
            why="; ".join(held.values()) + ".",
            advice=f"If that is what you want, apply it with {flags}",
        )


def _held_brakes(plan: Plan, allowed: Collection[str]) -> dict[str, str]:
    """Brakes not released, with their reasons.

    Steps without a way back need theirs even in a plan that does not list it: this rule
    does not depend on who made the plan.
    """
    needed = {brake.name.value: brake.why for brake in plan.brakes}
    final = [step for step in plan.steps if step.irreversible]
    if final:
        why = f"step {final[0].number}, {final[0].address}, has no way back"
        needed.setdefault(BrakeName.IRREVERSIBLE.value, why)
    return {name: why for name, why in needed.items() if name not in allowed}


def _brakes(count: int) -> str:
    return "a brake" if count == 1 else f"{count} brakes"


def check_idle(snapshot: StateSnapshot, store: str) -> None:
    """Raise `BusyError` if a run before did not end."""
    if snapshot.open_run is not None:
        raise BusyError(
            f"run {snapshot.open_run} did not end",
            target=store,
            why="It was stopped in the middle, and what became of its last steps is not decided.",
            advice="Finish what it was doing: keyplan resume\nOr take it back: keyplan rollback",
        )


def check_state(plan: Plan, snapshot: StateSnapshot) -> None:
    """Raise `StalePlanError` if the state is not the one the plan was made from.

    It is a `MovedError` if it is that one later: a state that was not there yet has no lineage.
    """
    state = snapshot.state
    if plan.lineage != state.lineage:
        first = plan.state_version is None and snapshot.version is not None
        raise (MovedError if first else StalePlanError)(
            "Saved plan does not match the given state",
            target=plan.stack,
            why=f"The plan was made for the state with lineage {plan.lineage};"
            f" this one has lineage {state.lineage}.",
            advice=AGAIN
            if first
            else f"Apply it in the folder of its own stack, or {AGAIN.lower()}",
        )
    if plan.serial != state.serial or plan.state_version != snapshot.version:
        raise MovedError(
            "Saved plan is stale",
            target=plan.stack,
            why=f"It was made at serial {plan.serial}, and the state has moved on to serial"
            f" {state.serial}: another run came first, or it was applied. A plan applies once."
            if plan.serial != state.serial
            else f"The state was written again at the same serial ({state.serial}).",
            advice=AGAIN,
        )


def check_clock(plan: Plan, now: datetime) -> None:
    """Raise `StalePlanError` if a soak or window that keyplan counts would begin in the past.

    A service counts its window from the call; keyplan's own ends at the date in the plan.
    """
    for step in plan.steps:
        counted = step.settlement.phase in (Phase.SOAKING, Phase.PENDING_DELETION)
        if counted and not is_remote(step.operation) and now - plan.now > LATE:
            raise StalePlanError(
                "Saved plan is too old",
                target=str(step.address),
                why=f"It was made at {format_instant(plan.now)}, and the time until"
                f" {step.settlement.until} counts from then: it would be shorter than declared.",
                advice=AGAIN,
            )


def check_sessions(plan: Plan, sessions: Mapping[str, ProviderSession]) -> None:
    """Raise `StalePlanError` if a provider is another place, or somebody else is signed in."""
    for instance, planned in sorted(plan.identities.items()):
        session = sessions.get(instance)
        if session is None:
            raise _other(instance, "It is not declared any more.")
        now = session.identity
        if not now.is_at(planned.place):
            raise _other(instance, f"It was made for {planned.place}; this is {now.place}.")
        if now.principal != planned.principal:
            raise _other(
                instance, f"It was made as {planned.principal}; this connection is {now.principal}."
            )
    for step in plan.steps:
        needed = is_remote(step.operation) or step.expects
        if needed and step.provider not in sessions:
            raise _other(step.provider, "It is not declared any more.")


def _other(instance: str, why: str) -> StalePlanError:
    return StalePlanError(
        "Saved plan does not match the given provider",
        target=f"provider {instance}",
        why=why,
        advice=f"Connect as the plan was made, or plan again: {AGAIN.partition(': ')[2]}",
    )
