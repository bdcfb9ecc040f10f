"""Keys that are in several places: which of them is the primary, and what waits for what.

A family is a declared key and its replicas. Rules: replicas are made from the primary,
and both work when it changes; a primary goes last, because services wait for its replicas
before its own window even begins; a replica that is the primary cannot leave before
another one is. A primary that keyplan does not know is never guessed. A replica that is
gone is made again, as no other key ever is: it had no material of its own to lose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import parse_instant
from keyplan.model.values import Reference, Unknown, Value
from keyplan.planning.families import ends_of, works
from keyplan.planning.intents import Create, Destroy, Enter, Intent, KeyDiff, Schedule
from keyplan.plans.changes import Action, Due
from keyplan.plans.findings import Finding
from keyplan.state.model import Phase, ResourceState, State

NAME = "arn"
"""The attribute by which providers name a key of one place in another."""


@dataclass(frozen=True, slots=True)
class Primaries:
    """`of` maps declared keys to the member of their family that is the primary now.

    `strangers` are the names of primaries that nobody here manages. `names` maps what
    providers call a member to its address.
    """

    of: Mapping[Address, Address] = field(default_factory=dict)
    strangers: Mapping[Address, str] = field(default_factory=dict)
    names: Mapping[str, Address] = field(default_factory=dict)

    def find(self, member: Address) -> Address:
        """The primary of a member's family; of one that does not exist yet, the key itself."""
        root = family_of(member)
        return self.of.get(root, root)


def family_of(member: Address) -> Address:
    """The declared key of a family, from any member."""
    return member.replica_of or member


def primaries(live: Mapping[Address, Observation]) -> Primaries:
    """Which key of each family is the primary, as the world says."""
    names = {name: address for address, seen in live.items() if (name := _name(seen))}
    of: dict[Address, Address] = {}
    strangers: dict[Address, str] = {}
    for address, seen in live.items():
        primary = seen.attributes.get("primary")
        if not isinstance(primary, str):
            continue
        root = family_of(address)
        if primary in names:
            of[root] = names[primary]
        else:
            strangers[root] = primary
    others = {root: name for root, name in strangers.items() if root not in of}
    return Primaries(of, others, names)


def _name(seen: Observation) -> str:
    name = seen.attributes.get(NAME)
    return name if isinstance(name, str) else ""


def chosen_primary(key: DesiredKey) -> Address:
    """The member that is declared to be the primary: `none` is the key itself."""
    name = key.attributes.get("primary")
    return key.address if name is None else key.address.replica(str(name))


def primary_name(key: DesiredKey, live: Mapping[Address, Observation]) -> Value:
    """What providers call the declared primary; unknown until it is made."""
    member = chosen_primary(key)
    seen = live.get(member)
    name = _name(seen) if seen is not None else ""
    return name or Unknown((Reference(member, NAME),))


def changes_primary(diff: KeyDiff | None) -> bool:
    """Whether this plan makes another member the primary."""
    return diff is not None and any(change.path == "primary" for change in diff.attributes)


# -- a replica that is gone ----------------------------------------------------------------


def made_again(resource: ResourceState) -> str:
    """What a plan says below a replica that it creates for the second time."""
    return (
        f"made again: {resource.provider} no longer has {resource.id}; its material is the"
        " primary's, so nothing is lost with it"
    )


def vanished_replica(key: DesiredKey, resource: ResourceState) -> Finding:
    """A warning: somebody took a replica away, and this plan makes it again."""
    return Finding(
        "KP-PLAN-022",
        Severity.WARNING,
        f"{key.address} is gone: {resource.provider} no longer has it; it is made again from"
        " its primary",
        key.address,
        key.position(),
        "Find out who destroyed it. Grants and whatever else keyplan does not manage on it are"
        f" not made again. To go on without it, take its entry away and write `removed:"
        f" [{{from: '{key.address}', mode: forget}}]`.",
    )


# -- what cannot be planned ----------------------------------------------------------------


def misplaced(
    diffs: Mapping[Address, KeyDiff], live: Mapping[Address, Observation], now: Primaries
) -> Iterator[Finding]:
    """Replicas and primaries that cannot become what is declared."""
    for address, diff in diffs.items():
        root = family_of(address)
        makes = address != root and any(isinstance(item, Create) for item in diff.intents)
        if makes or changes_primary(diff):
            yield from _hindered(diff, diffs, live, now)
        if makes:
            yield from _open(diff, live, now)
        gone = any(isinstance(item, Schedule | Destroy) for item in diff.intents)
        leaves = diff.desired is None and (gone or diff.action is Action.DELETE)
        stays = root in live and (root not in diffs or diffs[root].desired is not None)
        primary = address != root and now.find(address) == address
        if primary and leaves and stays and not changes_primary(diffs.get(root)):
            yield _needed(address, root)


def _hindered(
    diff: KeyDiff,
    diffs: Mapping[Address, KeyDiff],
    live: Mapping[Address, Observation],
    now: Primaries,
) -> Iterator[Finding]:
    """What keeps a replica from being made, or the primary from changing."""
    root = family_of(diff.address)
    position = diff.desired.position("primary") if diff.desired else None
    if root in now.strangers:
        yield Finding(
            "KP-PLAN-016",
            Severity.ERROR,
            f"the primary of {root} is {now.strangers[root]}, which this stack does not manage",
            diff.address,
            position,
            f"Declare it among the replicas of {root} and import it.",
        )
        return
    primary = now.find(diff.address)
    if primary not in live:
        made = primary in diffs and diffs[primary].action is Action.CREATE
        if not made:
            yield _without_primary(diff, primary, position)
    elif not works(diffs.get(primary), live[primary]):
        yield Finding(
            "KP-PLAN-016",
            Severity.ERROR,
            f"{diff.address} needs the primary {primary}, which is {live[primary].state}",
            diff.address,
            position,
            f"Write `state: active` on {root}; what is suspended is not copied.",
        )


def _without_primary(diff: KeyDiff, primary: Address, position: Position | None) -> Finding:
    return Finding(
        "KP-PLAN-016",
        Severity.ERROR,
        f"{diff.address} needs the primary {primary}, which is not there",
        diff.address,
        position,
        "Only the primary gives a replica its material: settle first what became of it.",
    )


def _open(diff: KeyDiff, live: Mapping[Address, Observation], now: Primaries) -> Iterator[Finding]:
    """A policy that is not declared is not copied: the service gives the replica its own."""
    key, primary = diff.desired, live.get(now.find(diff.address))
    if key is None or primary is None or primary.attributes.get("policy") is None:
        return
    if key.policy is None or key.keep_policy:
        yield Finding(
            "KP-PLAN-019",
            Severity.WARNING,
            f"{diff.address} is made with the policy that the service gives every new key",
            diff.address,
            key.position("policies"),
            f"Write `policies` for it: those of {family_of(diff.address)} are not declared, and"
            " nothing copies them.",
        )


def _needed(address: Address, root: Address) -> Finding:
    return Finding(
        "KP-PLAN-016",
        Severity.ERROR,
        f"{address} cannot leave: it is the primary of {root}",
        address,
        None,
        "Write `primary: none` or the name of another replica first, and apply that.",
    )


# -- a primary goes last -------------------------------------------------------------------


def hold_primaries(
    diffs: Mapping[Address, KeyDiff],
    state: State,
    live: Mapping[Address, Observation],
    now: Primaries,
) -> tuple[dict[Address, KeyDiff], frozenset[Address], tuple[Due, ...]]:
    """The diffs, with primaries suspended at most while any of their replicas is there.

    Also which those are, and when they go on.
    """
    result = dict(diffs)
    held: set[Address] = set()
    due: list[Due] = []
    families = _families(state.resources.keys() & live.keys())
    for root, members in families.items():
        last = now.find(root)
        change = diffs.get(root)
        if change is not None and change.desired is not None and changes_primary(change):
            last = chosen_primary(change.desired)
        diff = result.get(last)
        others = [member for member in members if member != last]
        if diff is None or not others or not any(_ends(intent) for intent in diff.intents):
            continue
        held.add(last)
        kept = replace(
            diff,
            action=Action.UPDATE,
            intents=tuple(intent for intent in diff.intents if not _ends(intent)),
            notes=("its deletion is scheduled when its replicas are gone",),
        )
        if kept.has_work:
            result[last] = kept
        else:
            del result[last]
        ends = [ends_of(member, diffs.get(member), state) for member in others]
        if known := [end for end in ends if end]:
            due.append(Due(last, "deletion is scheduled", parse_instant(max(known))))
    return result, frozenset(held), tuple(due)


def _families(members: Collection[Address]) -> dict[Address, list[Address]]:
    """The families that have replicas, by their keys."""
    replicas: dict[Address, list[Address]] = {}
    for address in sorted(members):
        if (root := address.replica_of) is not None:
            replicas.setdefault(root, [root] if root in members else []).append(address)
    return replicas


def _ends(intent: Intent) -> bool:
    match intent:
        case Schedule() | Destroy() | Enter(phase=Phase.PENDING_DELETION):
            return True
        case _:
            return False
