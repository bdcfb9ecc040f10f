"""Parents on the way out wait for their children.

Rules: what protects a key's material is what the state says, until a step of this plan
has moved it: a declaration alone moves nothing. A parent whose material protects a
child's never goes while the child stays; it is scheduled for destruction only once the
child is, and its window never ends before the child's, so that a child pending
deletion can be rescued until the last moment. Where keyplan holds the clock, the parent
is destroyed only when the child is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.keys import KeyState, Relation
from keyplan.model.observations import Observation
from keyplan.model.timing import format_instant, parse_instant
from keyplan.planning.intents import (
    Certify,
    Create,
    Destroy,
    Enter,
    Forget,
    Intent,
    KeyDiff,
    Move,
    Schedule,
)
from keyplan.plans.changes import Action, Due
from keyplan.plans.findings import Finding
from keyplan.state.model import Phase, State

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Families:
    """Leaving keys after their parents were held back, and when those go on."""

    diffs: Mapping[Address, KeyDiff]
    due: tuple[Due, ...] = ()


def protectors(state: State, diffs: Mapping[Address, KeyDiff]) -> dict[Address, Address]:
    """The key whose material protects each key of the state, once the diffs are performed."""
    found: dict[Address, Address] = {}
    for address, resource in state.resources.items():
        relation = resource.attributes.get("relation")
        if not isinstance(relation, str) or not Relation(relation).protects_material:
            continue
        parent = resource.attributes.get("parent")
        for change in diffs[address].recorded if address in diffs else ():
            if change.path == "parent":
                parent = change.after
        if isinstance(parent, str):
            found[address] = Address(parent)
    return found


def orphans(
    diffs: Mapping[Address, KeyDiff],
    state: State,
    protected_by: Mapping[Address, Address],
    *,
    declared: Collection[Address],
) -> Iterator[Finding]:
    """Keys that stay while the parent that protects their material is destroyed."""
    for child, parent in protected_by.items():
        diff = diffs.get(parent)
        what = _ends(diff) if diff is not None else ""
        if not what:
            continue
        if child in declared or _left_behind(diffs.get(child), state.resources[child].phase):
            yield Finding(
                "KP-HIER-022",
                Severity.ERROR,
                f"{parent} cannot be {what} while {child} depends on its material",
                parent,
                None,
                f"Destroy {child} first, or give it another parent and apply that.",
            )


def _ends(diff: KeyDiff) -> str:
    """What becomes of a leaving key that its children would not survive; empty if nothing."""
    if diff.action is Action.DELETE:
        return "destroyed"
    suspended = any(isinstance(intent, Move) for intent in diff.intents)
    return "suspended and forgotten" if diff.action is Action.FORGET and suspended else ""


def out_of_use(
    diffs: Mapping[Address, KeyDiff], live: Mapping[Address, Observation]
) -> Iterator[Finding]:
    """Keys that need their parent for a step of this plan, while it does not work."""
    for address, diff in diffs.items():
        parent = _worker(diff)
        if parent is None or parent not in live or works(diffs.get(parent), live[parent]):
            continue
        yield Finding(
            "KP-PLAN-014",
            Severity.ERROR,
            f"{address} needs its parent, and {parent} is {live[parent].state}",
            address,
            diff.desired.position("parent") if diff.desired else None,
            f"Write `state: active` on {parent}, or give {address} another parent.",
        )


def _worker(diff: KeyDiff) -> Address | None:
    """The parent that must wrap, derive or sign something for the key in this plan."""
    key = diff.desired
    if key is None or key.relation is None or not key.relation.protects_material:
        return None
    asked = any(isinstance(intent, Create | Certify) for intent in diff.intents)
    moved = any(change.path == "parent" for change in diff.recorded)
    return key.parent if asked or moved else None


def works(diff: KeyDiff | None, live: Observation) -> bool:
    """Whether a parent is active, or is made so before its children need it."""
    for intent in diff.intents if diff else ():
        if isinstance(intent, Move) and intent.after is KeyState.ACTIVE:
            return True
    return live.state is KeyState.ACTIVE and live.deletion_at is None


def _left_behind(diff: KeyDiff | None, phase: Phase) -> bool:
    """Whether a key that is not declared stays all the same: not looked at, or forgotten."""
    if diff is None:
        return phase is Phase.LIVE
    return diff.action is Action.FORGET and diff.live is not None


def hold_parents(
    diffs: Mapping[Address, KeyDiff],
    state: State,
    protected_by: Mapping[Address, Address],
    now: datetime,
) -> Families:
    """Hold back or extend what would destroy a parent before its children.

    `protected_by` maps every key of the state to the parent whose material protects it.
    """
    children: dict[Address, list[Address]] = {}
    for child, parent in protected_by.items():
        children.setdefault(parent, []).append(child)
    result = dict(diffs)
    due: list[Due] = []
    for parent in _deepest_first(children, protected_by):
        diff = result.get(parent)
        if diff is None or not any(_destroys(intent) for intent in diff.intents):
            continue
        ends = [ends_of(child, result.get(child), state) for child in children[parent]]
        if any(end is None for end in ends) or (_at_once(diff) and any(ends)):
            del result[parent]
            due += _waiting(parent, children[parent], state)
        else:
            result[parent] = _covering(diff, max(str(end) for end in ends), now)
    return Families(result, tuple(due))


def _deepest_first(
    children: Mapping[Address, list[Address]], parents: Mapping[Address, Address]
) -> list[Address]:
    def depth(address: Address) -> int:
        above, steps = parents.get(address), 0
        while above is not None:
            above, steps = parents.get(above), steps + 1
        return steps

    return sorted(children, key=depth, reverse=True)


def _destroys(intent: Intent) -> bool:
    match intent:
        case Schedule() | Destroy() | Enter(phase=Phase.PENDING_DELETION):
            return True
        case _:
            return False


def _at_once(diff: KeyDiff) -> bool:
    return any(isinstance(intent, Destroy) for intent in diff.intents)


def ends_of(child: Address, diff: KeyDiff | None, state: State) -> str | None:
    """When a child's window ends: empty if it is gone by then, `None` while none runs."""
    for intent in diff.intents if diff else ():
        match intent:
            case Schedule(until=until) | Enter(phase=Phase.PENDING_DELETION, until=until):
                return until
            case Destroy() | Forget():
                return ""
            case _:
                pass
    resource = state.resources[child]
    return resource.until if resource.phase is Phase.PENDING_DELETION else None


def _waiting(parent: Address, children: list[Address], state: State) -> list[Due]:
    """The parent goes on when the last of its children does."""
    ends = [state.resources[child].until for child in children if state.resources[child].until]
    if not ends:
        return []
    return [Due(parent, "destroyed after its children", parse_instant(max(ends)))]


def _covering(diff: KeyDiff, until: str, now: datetime) -> KeyDiff:
    """The diff with its window extended so that it does not end before `until`."""
    return replace(diff, intents=tuple(_extended(intent, until, now) for intent in diff.intents))


def _extended(intent: Intent, until: str, now: datetime) -> Intent:
    match intent:
        case Schedule(until=own) if own < until:
            days = -((now - parse_instant(until)) // _DAY)
            return Schedule(f"{days}d", format_instant(now + days * _DAY))
        case Enter(phase=Phase.PENDING_DELETION, until=own) if own < until:
            return Enter(Phase.PENDING_DELETION, until)
        case _:
            return intent
