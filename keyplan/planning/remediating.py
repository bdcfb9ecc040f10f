"""Reducing a plan to what undoes drift: `keyplan drift --remediate`.

Rules: a drifted attribute that is declared goes back to what was declared and applied,
also where `lifecycle.on_drift` only reports; a state only where it is written. Only what
itself can be undone exactly is done: no key is made, destroyed, rescued or taken from
another stack, and nothing is done that only the declaration or time asks for. A key that
was suspended while somebody gained access to it stays suspended until that is settled:
whoever suspended it may have meant just that. What is left is said by the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.resources import Manage, OnDrift
from keyplan.model.touching import paths_of
from keyplan.planning.intents import Intent, KeyDiff, Mark, Move, TakeAlias
from keyplan.planning.lower import lower
from keyplan.planning.wanted import Wanted
from keyplan.plans.changes import Action, DriftItem, DriftKind, Reason
from keyplan.plans.ways_back import way_back
from keyplan.sdk.capabilities import Capabilities
from keyplan.state.model import Phase


def reverting(wanted: Mapping[Address, Wanted]) -> dict[Address, Wanted]:
    """What is wanted, with drift put back wherever a key is managed at all."""
    return {
        address: replace(
            item,
            key=replace(item.key, lifecycle=replace(item.key.lifecycle, on_drift=OnDrift.REVERT)),
        )
        for address, item in wanted.items()
        if item.key.lifecycle.manage is Manage.FULL
    }


def suspect(drift: Iterable[DriftItem]) -> frozenset[Address]:
    """Keys to which somebody gained access: not to be enabled in the same breath."""
    return frozenset(
        item.address
        for item in drift
        if item.kind is DriftKind.ACCESS_WIDENED and item.path != "state"
    )


def reduced(
    diffs: Mapping[Address, KeyDiff],
    capabilities: Mapping[str, Capabilities],
    suspects: frozenset[Address] = frozenset(),
) -> dict[Address, KeyDiff]:
    """Of each key that is live only what drifted and can be put back exactly.

    Of `suspects` none is enabled.
    """
    found: dict[Address, KeyDiff] = {}
    for address, diff in diffs.items():
        least = _drifted(diff, enabling=address not in suspects)
        if least is not None:
            least = _exact(least, capabilities[diff.provider])
        if least is not None:
            found[address] = least
    return found


def covered(diffs: Mapping[Address, KeyDiff]) -> frozenset[tuple[Address, str]]:
    """Every key and path that reduced diffs put back."""
    return frozenset(
        (address, path)
        for address, diff in diffs.items()
        for path in (
            *(change.path for change in diff.attributes),
            *(path for intent in diff.intents for path in _paths(intent)),
        )
    )


def _drifted(diff: KeyDiff, *, enabling: bool) -> KeyDiff | None:
    """The part of a diff that is there because somebody changed the key."""
    if diff.action is not Action.UPDATE or diff.resource is None or diff.live is None:
        return None
    if diff.resource.phase is not Phase.LIVE or diff.live.deletion_at is not None:
        return None
    attributes = tuple(change for change in diff.attributes if change.reason is Reason.DRIFT)
    paths = {change.path for change in attributes}
    intents = tuple(
        intent
        for intent in diff.intents
        if _undoes(intent, paths, diff) and (enabling or not _enables(intent))
    )
    return _with(diff, replace(diff, attributes=attributes, intents=intents))


def _enables(intent: Intent) -> bool:
    return isinstance(intent, Move) and intent.after is KeyState.ACTIVE


def _undoes(intent: Intent, paths: set[str], diff: KeyDiff) -> bool:
    match intent:
        case Move(reason=reason):
            return reason is Reason.DRIFT
        case TakeAlias(alias):
            return f"aliases:{alias}" in paths
        case Mark(before, after):
            ours = diff.resource is not None and diff.resource.owner == after
            return before is None and ours
        case _:
            return False


def _with(whole: KeyDiff, part: KeyDiff) -> KeyDiff | None:
    """The part without anything that only the state would keep; `None` if nothing is left."""
    only = replace(
        part,
        reason=Reason.DRIFT,
        recorded=(),
        manage=(),
        unmanage=(),
        dependencies=None,
        notes=(),
        resource=whole.resource,
    )
    return only if only.has_work else None


def _exact(diff: KeyDiff, capabilities: Capabilities) -> KeyDiff | None:
    """The diff without each path one of whose operations cannot be undone exactly."""
    refused = {
        path
        for draft in lower(diff, capabilities)
        if way_back(draft.operation, capabilities).grade is not Grade.EXACT
        for path in paths_of(draft.operation)
    }
    if not refused:
        return diff
    kept = replace(
        diff,
        attributes=tuple(change for change in diff.attributes if change.path not in refused),
        intents=tuple(
            intent for intent in diff.intents if not refused.intersection(_paths(intent))
        ),
    )
    return kept if kept.has_work else None


def _paths(intent: Intent) -> Iterator[str]:
    match intent:
        case Move():
            yield "state"
        case TakeAlias(alias):
            yield f"aliases:{alias}"
        case Mark():
            yield "mark"
        case _:
            return
