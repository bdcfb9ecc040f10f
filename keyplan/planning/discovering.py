"""From keys that exist to declarations that adopt them without a change.

Rules: pure. What is proposed is what was observed: nothing is guessed that a plan would
then change. What is guessed (a name, a tier, a parent that only governs) is kept by
keyplan alone. A key that cannot be adopted as it is, such as one pending deletion or one
of another stack, is left out, with the reason. The same keys give the same names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from keyplan.model.address import Address
from keyplan.model.hierarchy import tier_may_follow
from keyplan.model.keys import KeyState, Relation, Tier, Usage
from keyplan.model.observations import Observation
from keyplan.model.timing import format_date
from keyplan.model.values import Value
from keyplan.planning.compare import elements
from keyplan.planning.naming import Names
from keyplan.plans.discovery import Discovery, LeftOut, Proposal
from keyplan.sdk.capabilities import Capabilities

SERVICE = "manager"
"""The attribute by which a provider says who keeps a key, where it is not the customer."""

_WRITTEN = ("description", "labels", "aliases", "rotation", "expires_at", "multi_region")
"""Attributes that are declared as they are, where a provider reports them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One key that a scan found, and the manifest of where it is."""

    provider: str
    key: Observation
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Managed:
    """What the stack has already: keys of the state by provider and id, and their tiers.

    `lineage` is the stack's own; `names` are taken by declarations.
    """

    lineage: str
    addresses: Mapping[tuple[str, str], Address]
    tiers: Mapping[Address, Tier]
    names: Collection[str] = ()


def propose(seen: Iterable[Seen], managed: Managed) -> Discovery:
    """A proposal for each key that can be adopted, parents before children."""
    everything = list(seen)
    fresh = [item for item in everything if (item.provider, item.key.id) not in managed.addresses]
    kept = [item for item in fresh if _kept_by_service(item.key)]
    left = [out for item in fresh if (out := _left_out(item, managed.lineage)) is not None]
    gone = {(item.provider, item.id) for item in left}
    usable = [
        item for item in fresh if item not in kept and (item.provider, item.key.id) not in gone
    ]
    proposals = _placed(_named(usable, managed.names), managed)
    return Discovery(tuple(proposals), tuple(left), len(kept), len(everything))


def _kept_by_service(key: Observation) -> bool:
    return key.attributes.get(SERVICE) not in (None, "customer")


def _left_out(item: Seen, lineage: str) -> LeftOut | None:
    key = item.key
    why = ""
    if _kept_by_service(key):
        return None
    if key.deletion_at is not None:
        why = f"pending deletion until {format_date(key.deletion_at)}: declaring it would rescue it"
    elif key.state is KeyState.DESTROYED:
        why = "its material is destroyed"
    elif key.owner is not None and key.owner.stack != lineage:
        why = f"another keyplan stack owns it (lineage {key.owner.stack})"
    return LeftOut(item.provider, key.id, why) if why else None


# -- names ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Named:
    seen: Seen
    address: Address


def _named(seen: list[Seen], taken: Collection[str]) -> list[_Named]:
    """Each key under a name of its own. Those with an alias choose first: it means most."""
    names = Names(taken)
    ordered = sorted(seen, key=lambda item: (not _aliases(item.key), item.provider, item.key.id))
    return [_Named(item, Address(f"key.{names.of(item.key)}")) for item in ordered]


def _aliases(key: Observation) -> list[str]:
    aliases = key.attributes.get("aliases")
    return sorted(str(alias) for alias in aliases) if isinstance(aliases, list) else []


# -- the hierarchy -------------------------------------------------------------------------


def _placed(named: list[_Named], managed: Managed) -> list[Proposal]:
    """Proposals in the order of the hierarchy."""
    by_id = {(item.seen.provider, item.seen.key.id): item for item in named}
    parents = {item.address: _parent_of(item, by_id, managed) for item in named}
    used = {parent for parent in parents.values() if parent is not None}
    tiers: dict[Address, Tier] = dict(managed.tiers)
    proposals: dict[Address, Proposal] = {}
    waiting = {item.address: item for item in named}
    while waiting:
        ready = [item for address, item in waiting.items() if parents[address] not in waiting]
        if not ready:  # parents in a circle: cut it, a person sees to the rest
            first = next(iter(waiting))
            parents[first] = None
            continue
        for item in ready:
            address = item.address
            del waiting[address]
            parent = parents[address]
            tier = _tier(
                None if parent is None else tiers.get(parent), has_children=address in used
            )
            if parent is not None and not tier_may_follow(tiers.get(parent, Tier.ROOT), tier):
                parent, tier = None, Tier.ROOT
            tiers[address] = tier
            proposals[address] = _proposal(item, tier, parent, proposals)
    return list(proposals.values())


def _parent_of(
    item: _Named, by_id: Mapping[tuple[str, str], _Named], managed: Managed
) -> Address | None:
    """The key that protects it, or the one whose alias its own alias stands under."""
    provider, key = item.seen.provider, item.seen.key
    above = key.attributes.get("parent")
    if isinstance(above, str):
        known = (provider, above)
        found = by_id.get(known)
        return found.address if found else managed.addresses.get(known)
    if item.seen.capabilities.default_relation is not Relation.GOVERNS:
        return None
    for alias in _aliases(key):
        over = [
            (len(shorter), other.address)
            for other in by_id.values()
            if other is not item
            for shorter in _aliases(other.seen.key)
            if alias.startswith(f"{shorter}/")
        ]
        if over:
            return max(over)[1]
    return None


def _tier(above: Tier | None, *, has_children: bool) -> Tier:
    """Where a key stands. What has nothing above it is a root: a plan asks for one or the other."""
    if above is None:
        return Tier.ROOT
    if not has_children:
        return Tier.SERVICE if above is not Tier.DATA else Tier.DATA
    return Tier.MASTER if above in (Tier.ROOT, Tier.MASTER) else Tier.SERVICE


def _proposal(
    item: _Named, tier: Tier, parent: Address | None, above: Mapping[Address, Proposal]
) -> Proposal:
    seen, key = item.seen, item.seen.key
    relation = _relation(seen, parent)
    usage, algorithm = key.attributes.get("usage"), key.attributes.get("algorithm")
    made = Proposal(
        address=item.address,
        provider=seen.provider,
        id=key.id,
        tier=tier,
        parent=parent,
        relation=relation,
        keep_policy="policy" in seen.capabilities.attributes,
        notes=_notes(key),
    )
    known = str(algorithm) in seen.capabilities.algorithms
    if not known or not isinstance(usage, str) or Usage(usage) not in _usages(seen, algorithm):
        return replace(made, observe=True, parent=None, relation=None, keep_policy=False)
    attributes: dict[str, Value] = {"usage": usage, "algorithm": algorithm}
    attributes |= {
        name: value
        for name in _WRITTEN
        if name in seen.capabilities.attributes
        and name not in key.unreadable
        and (value := key.attributes.get(name))
    }
    if key.state is not KeyState.ACTIVE and key.state in seen.capabilities.states:
        attributes["state"] = key.state.value
    if _outlives(attributes, parent, above):
        del attributes["expires_at"]
    return replace(made, attributes=attributes)


def _usages(seen: Seen, algorithm: Value) -> frozenset[Usage]:
    return seen.capabilities.algorithms[str(algorithm)]


def _relation(seen: Seen, parent: Address | None) -> Relation | None:
    if parent is None:
        return None
    observed = seen.key.attributes.get("relation")
    return Relation(observed) if isinstance(observed, str) else Relation.GOVERNS


def _outlives(
    attributes: Mapping[str, Value], parent: Address | None, above: Mapping[Address, Proposal]
) -> bool:
    """Whether the language would refuse its end, because its parent ends before."""
    if parent is None or parent not in above:
        return False
    mine, theirs = attributes.get("expires_at"), above[parent].attributes.get("expires_at")
    return isinstance(mine, str) and isinstance(theirs, str) and mine > theirs


def _notes(key: Observation) -> tuple[str, ...]:
    notes = []
    if key.owner is not None:
        notes.append("It carries this stack's mark and is not in its state.")
    if grants := elements(key.attributes.get("grants")):
        many = "1 grant stays as it is" if len(grants) == 1 else f"{len(grants)} grants stay as is"
        notes.append(f"{many}: nobody manages it here.")
    if key.unreadable:
        notes.append(f"Not readable: {', '.join(sorted(key.unreadable))}.")
    return tuple(notes)
