"""Aliases that move between two keys of one stack: one step, not a delete and a create.

An alias that one key takes from another must not also be taken off the other: the move
does both at once, so that the name never points nowhere. The same holds where the key
that takes it is left out of this plan: the name stays until the plan that moves it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.resources import DesiredKey
from keyplan.planning.intents import Intent, KeyDiff, TakeAlias
from keyplan.plans.changes import AttributeChange, Reason
from keyplan.plans.findings import Finding


def without_moved_aliases(
    diffs: Mapping[Address, KeyDiff], awaited: Collection[tuple[str, str]] = ()
) -> dict[Address, KeyDiff]:
    """The diffs, with withdrawals dropped that a move performs; empty diffs vanish.

    `awaited` are (provider, alias) pairs that keys outside this plan declare.
    """
    moved: dict[Address, set[str]] = {}
    for diff in diffs.values():
        for change in diff.attributes:
            collection, _, alias = change.path.partition(":")
            if collection == "aliases" and (diff.provider, alias) in awaited:
                moved.setdefault(diff.address, set()).add(change.path)
        for intent in diff.intents:
            if isinstance(intent, TakeAlias) and intent.source is not None:
                moved.setdefault(intent.source, set()).add(f"aliases:{intent.alias}")
    result = dict(diffs)
    for source, paths in moved.items():
        if source not in result:
            continue
        kept = _without(result[source], paths)
        if kept is None:
            del result[source]
        else:
            result[source] = kept
    return result


def _without(diff: KeyDiff, paths: set[str]) -> KeyDiff | None:
    kept = replace(
        diff,
        attributes=tuple(
            change
            for change in diff.attributes
            if change.path not in paths or change.reason is not Reason.WITHDRAWN
        ),
        unmanage=tuple(path for path in diff.unmanage if path not in paths),
    )
    return kept if kept.has_work else None


def take_aliases(
    key: DesiredKey,
    changes: Iterable[AttributeChange],
    holders: Mapping[tuple[str, str], str],
    owners_of: Mapping[tuple[str, str], Address],
    observed: Collection[Address] = (),
) -> tuple[list[Intent], tuple[Finding, ...]]:
    """Aliases that point elsewhere now: moved if keyplan manages their key, else refused.

    `holders` maps (provider, alias) to the id it points to, `owners_of` (provider, id) to
    the address that manages it; of those in `observed` nothing is taken.
    """
    intents: list[Intent] = []
    findings: list[Finding] = []
    for change in changes:
        collection, _, alias = change.path.partition(":")
        if collection != "aliases" or change.after is None:
            continue
        holder = holders.get((key.provider, alias))
        if holder is None:
            continue
        source = owners_of.get((key.provider, holder))
        if source is None or source in observed:
            findings.append(
                Finding(
                    "KP-PLAN-005",
                    Severity.ERROR,
                    f"the alias {alias} already points to {holder}, which this stack does not"
                    " manage",
                    key.address,
                    key.position("aliases"),
                    "Choose another alias, or take it off that key first. If that key is meant:"
                    f" keyplan import '{key.address}' ID",
                )
            )
        elif source != key.address:
            intents.append(TakeAlias(alias, source))
    return intents, tuple(findings)
