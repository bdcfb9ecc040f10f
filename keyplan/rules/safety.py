"""The brakes: what is dangerous is refused until it is named (`--allow`, CLI.md).

Pure functions over the parts of a plan. Thresholds count changes of access, state and
existence, not labels or descriptions, against the keys that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ChangeState,
    CreateGrant,
    DeleteAlias,
    DestroyKey,
    DestroyVersion,
    MoveAlias,
    PutPolicy,
    RetireVersion,
    RevokeGrant,
    ScheduleDeletion,
    SetOwner,
    bypasses,
)
from keyplan.model.stack import Safety
from keyplan.plans.changes import Action
from keyplan.plans.findings import Brake, BrakeName
from keyplan.plans.plan import Step
from keyplan.state.model import Phase

_WEIGHTY = (
    ChangeState,
    PutPolicy,
    CreateGrant,
    RevokeGrant,
    DeleteAlias,
    MoveAlias,
    RetireVersion,
    DestroyVersion,
)
"""Updates of access, state or existence."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a plan does to each key, as far as brakes care. `existing` counts keys in the state.

    `roots` are root keys by the state or by the declaration: another tier in the same
    change does not take a root's guard away.
    """

    actions: Mapping[Address, Action]
    roots: frozenset[Address]
    existing: int
    lineage: str


def brakes(steps: Sequence[Step], effects: Effects, safety: Safety) -> tuple[Brake, ...]:
    """Every brake that the steps need released, in a fixed order."""
    found = (
        _irreversible(steps),
        _root(steps, effects),
        _too_many_deletes(steps, effects, safety),
        _too_many_updates(steps, effects, safety),
        _takeover(steps, effects),
        _lockout(steps),
    )
    return tuple(brake for brake in found if brake is not None)


def unconditional_brakes(steps: Sequence[Step], effects: Effects) -> tuple[Brake, ...]:
    """The brakes that rest on steps and state alone: no setting of a stack turns them off."""
    found = (
        _irreversible(steps),
        _root(steps, effects),
        _takeover(steps, effects),
        _lockout(steps),
    )
    return tuple(brake for brake in found if brake is not None)


def _numbers(steps: Iterable[Step]) -> tuple[int, ...]:
    return tuple(step.number for step in steps)


def _list(addresses: Iterable[Address]) -> str:
    names = sorted(set(addresses))
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _irreversible(steps: Sequence[Step]) -> Brake | None:
    found = [step for step in steps if step.inverse.grade is Grade.NONE]
    if not found:
        return None
    count = "step has" if len(found) == 1 else "steps have"
    why = f"{len(found)} {count} no way back: {_list(step.address for step in found)}"
    return Brake(BrakeName.IRREVERSIBLE, why, _numbers(found))


def _root(steps: Sequence[Step], effects: Effects) -> Brake | None:
    found = [step for step in steps if step.address in effects.roots and _puts_out_of_use(step)]
    if not found:
        return None
    why = f"a root key is suspended or destroyed: {_list(step.address for step in found)}"
    return Brake(BrakeName.ROOT, why, _numbers(found))


def _puts_out_of_use(step: Step) -> bool:
    match step.operation:
        case ChangeState(after=after):
            return after is not KeyState.ACTIVE
        case ScheduleDeletion() | DestroyKey():
            return True
        case _:
            return False


def _too_many_deletes(steps: Sequence[Step], effects: Effects, safety: Safety) -> Brake | None:
    leaving = [step for step in steps if _on_the_way_out(step)]
    if _within(leaving, effects.existing, safety.max_delete, safety):
        return None
    why = _share(leaving, "destroyed", effects.existing, safety.max_delete)
    return Brake(BrakeName.MAX_DELETE, why, _numbers(leaving))


def _on_the_way_out(step: Step) -> bool:
    return isinstance(step.operation, ScheduleDeletion | DestroyKey) or (
        step.settlement.phase in (Phase.SOAKING, Phase.PENDING_DELETION)
    )


def _too_many_updates(steps: Sequence[Step], effects: Effects, safety: Safety) -> Brake | None:
    leaving = {step.address for step in steps if _on_the_way_out(step)}
    changed = [
        step
        for step in steps
        if isinstance(step.operation, _WEIGHTY)
        and effects.actions.get(step.address) in (Action.UPDATE, Action.FORGET)
        and step.address not in leaving
    ]
    if _within(changed, effects.existing, safety.max_update, safety):
        return None
    why = _share(changed, "changed", effects.existing, safety.max_update)
    return Brake(BrakeName.MAX_UPDATE, why, _numbers(changed))


def _within(steps: Sequence[Step], existing: int, limit: float, safety: Safety) -> bool:
    keys = {step.address for step in steps}
    return existing < safety.min_existing or len(keys) <= limit * existing


def _share(steps: Sequence[Step], verb: str, existing: int, limit: float) -> str:
    keys = {step.address for step in steps}
    return f"{len(keys)} of {existing} existing keys are {verb}; keyplan.safety allows {limit:.0%}"


def _takeover(steps: Sequence[Step], effects: Effects) -> Brake | None:
    found = [
        step
        for step in steps
        if isinstance(step.operation, SetOwner)
        and step.operation.before is not None
        and step.operation.before.stack != effects.lineage
    ]
    if not found:
        return None
    why = f"another stack owns {_list(step.address for step in found)}"
    return Brake(BrakeName.TAKEOVER, why, _numbers(found))


def _lockout(steps: Sequence[Step]) -> Brake | None:
    found = [step for step in steps if bypasses(step.operation)]
    if not found:
        return None
    names = _list(step.address for step in found)
    why = f"whoever applies could not set the policy again: {names}"
    return Brake(BrakeName.LOCKOUT, why, _numbers(found))
