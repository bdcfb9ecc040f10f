"""Policies that only take away: put in force after the steps that may still need what goes.

Rules: a policy that gives anybody something comes before grants and names, because those
may need it. One that only takes away comes last, and so does one that takes from who
performs the plan and gives them nothing, or leaves the key to others.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.values import Value
from keyplan.planning.access import AccessView
from keyplan.planning.intents import KeyDiff
from keyplan.rules.lockout import locks_out_caller


def narrowed_policies(
    diffs: Mapping[Address, KeyDiff], view: AccessView, callers: Mapping[str, str]
) -> frozenset[Address]:
    """The keys whose new policy comes last. `callers` is who acts, by provider instance."""
    return frozenset(
        address
        for address, diff in diffs.items()
        if diff.live is not None and _narrows(diff, view, callers.get(diff.provider, ""))
    )


def _narrows(diff: KeyDiff, view: AccessView, caller: str) -> bool:
    for change in diff.attributes:
        if change.path == "policy":
            if locks_out_caller(view.review(diff.provider, change.after)):
                return True
            rows = view.rows(diff.provider, _active(change.before), _active(change.after))
            wider = {row[0] for row in rows if row[4]}
            narrower = {row[0] for row in rows if not row[4]}
            return bool(narrower) and (not wider or (caller in narrower and caller not in wider))
    return False


def _active(policy: Value) -> tuple[Value, Value, str]:
    return policy, {}, KeyState.ACTIVE.value
