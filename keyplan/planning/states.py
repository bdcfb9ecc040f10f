"""The state a key is declared in, and the way there.

Rules: only what NIST SP 800-57 Part 1 section 7 leads to is planned; a key on its way out
that is declared again is taken back; nothing loosens by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.diagnostics import Severity
from keyplan.model.keys import TRANSITIONS, KeyState
from keyplan.model.observations import Observation
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Value
from keyplan.planning.compare import ignored, reports_only
from keyplan.planning.intents import Enter, Intent, Move, Rescue
from keyplan.planning.terms import deletion_terms
from keyplan.plans.changes import Reason
from keyplan.plans.findings import Finding
from keyplan.state.model import Phase, ResourceState


def rescue(resource: ResourceState, live: Observation) -> list[Intent]:
    """Out of pending deletion, or out of the soak before it."""
    if live.deletion_at is not None:
        return [Rescue(deletion_terms(resource.attributes).window)]
    if resource.phase is not Phase.LIVE:
        return [Enter(Phase.LIVE, "")]
    return []


def state_moves(
    key: DesiredKey,
    wanted: Mapping[str, Value],
    resource: ResourceState,
    live: Observation,
    *,
    expired: bool,
) -> tuple[list[Move], list[Finding], tuple[str, ...]]:
    """The move to the declared state, if it is declared, allowed and not there yet.

    A key whose period has ended is active no more, whatever state it is declared in.
    """
    declared = wanted.get("state")
    now_in = live.state
    if declared is None:
        on_its_way = resource.phase is not Phase.LIVE or live.deletion_at is not None
        if now_in is KeyState.SUSPENDED and on_its_way:
            return [], [], ("it stays suspended; write `state: active` to enable it",)
        return [], [], ()
    target = KeyState(str(declared))
    recorded = resource.attributes.get("state")
    if recorded == KeyState.COMPROMISED and target is not KeyState.COMPROMISED:
        now_in = KeyState.COMPROMISED
    if target is KeyState.ACTIVE and expired and now_in is KeyState.SUSPENDED:
        return [Move(now_in, KeyState.DEACTIVATED, Reason.DUE)], [], ()
    ended = target is KeyState.ACTIVE and expired and now_in is KeyState.DEACTIVATED
    if target is now_in or ended or ignored(key, "state"):
        return [], [], ()
    drifted = "state" in resource.managed and recorded == declared
    if drifted and reports_only(key):
        return [], [], ()
    if target not in TRANSITIONS[now_in]:
        return [], [_forbidden_move(key, now_in, target)], ()
    reason = Reason.DRIFT if drifted else Reason.DECLARED
    return [Move(now_in, target, reason)], [], ()


def _forbidden_move(key: DesiredKey, before: KeyState, after: KeyState) -> Finding:
    return Finding(
        "KP-PLAN-004",
        Severity.ERROR,
        f"{key.address} is {before} and cannot become {after} again",
        key.address,
        key.position("state"),
        f"Write `state: {before}` here, and declare a successor key. Only suspended and"
        " active lead back to each other (NIST SP 800-57 Part 1 section 7).",
    )
