"""`moved` entries: the state as it will be once its keys have their new addresses.

Rules: a move changes the state only, no key is touched; an entry whose key has moved
already says nothing; one that would put two keys under one address is an error, and so is
one that would have a replica stand in another place. Replicas follow their key first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.resources import DesiredKey, Moved
from keyplan.planning.intents import KeyDiff, Rename
from keyplan.plans.changes import Action, Reason
from keyplan.plans.findings import Finding
from keyplan.state.effects import renamed
from keyplan.state.model import State


@dataclass(frozen=True, slots=True)
class Relocation:
    """A state with its keys under their new addresses; `renames` maps those to the old ones."""

    state: State
    renames: Mapping[Address, Rename] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def relocate(
    state: State, moved: tuple[Moved, ...], declared: Mapping[Address, DesiredKey]
) -> Relocation:
    """Apply every move that the state has not seen yet."""
    resources = dict(state.resources)
    renames: dict[Address, Rename] = {}
    findings: list[Finding] = []
    for entry in _with_replicas(moved, state.resources):
        if entry.source not in resources:
            continue
        if entry.source in declared or entry.target in resources:
            findings.append(_taken(entry, still_declared=entry.source in declared))
            continue
        if other := _elsewhere(entry, resources[entry.source].provider, declared):
            findings.append(other)
            continue
        resources = {
            address: renamed(item, entry.source, entry.target)
            for address, item in resources.items()
        }
        resources[entry.target] = resources.pop(entry.source)
        first = renames.pop(entry.source, Rename(entry.source, resources[entry.target].id))
        renames[entry.target] = first
    return Relocation(replace(state, resources=resources), renames, tuple(findings))


def _with_replicas(moved: Iterable[Moved], known: Collection[Address]) -> Iterator[Moved]:
    """The entries, each followed by those of the key's replicas, which go along.

    Those that name a replica come last: they say what it is called below its key.
    """
    for entry in sorted(moved, key=lambda entry: entry.source.replica_of is not None):
        yield entry
        for address in known:
            if address.replica_of == entry.source:
                yield Moved(
                    address, Address(entry.target + address[len(entry.source) :]), entry.position
                )


def _elsewhere(
    entry: Moved, provider: str, declared: Mapping[Address, DesiredKey]
) -> Finding | None:
    """Why a replica that is in one place cannot have the name of one in another."""
    key = declared.get(entry.target)
    if key is None or key.replica_of is None or key.provider == provider:
        return None
    return Finding(
        "KP-PLAN-008",
        Severity.ERROR,
        f"{entry.source} cannot move to {entry.target}: it is in {provider}, and {key.provider}"
        " is another place",
        entry.target,
        entry.position,
        "A replica stays where it is. Take the entry out, so that the new one is made, and say"
        f" what becomes of the other: `removed: [{{from: '{entry.source}', mode: destroy}}]`.",
    )


def with_renames(
    diffs: Mapping[Address, KeyDiff], relocation: Relocation
) -> dict[Address, KeyDiff]:
    """The diffs, with the rename as the first thing that happens to each moved key."""
    result = dict(diffs)
    for target, rename in relocation.renames.items():
        diff = result.get(target)
        if diff is None:
            resource = relocation.state.resources[target]
            diff = KeyDiff(target, resource.provider, Action.NO_OP, Reason.MOVED, resource=resource)
        note = f"moved from {rename.source}; the key itself is not touched"
        result[target] = replace(diff, intents=(rename, *diff.intents), notes=(note, *diff.notes))
    return result


def _taken(entry: Moved, *, still_declared: bool) -> Finding:
    why = f"{entry.source} is still declared" if still_declared else f"{entry.target} is taken"
    return Finding(
        "KP-PLAN-008",
        Severity.ERROR,
        f"{entry.source} cannot move to {entry.target}: {why}",
        entry.target,
        entry.position,
        "Declare the key under its new address only, or take the `moved` entry out.",
    )
