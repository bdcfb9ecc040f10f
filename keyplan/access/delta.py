"""Who gains and who loses on one key, as set algebra over atoms.

Rules: only the symmetric difference of the two sets of atoms is looked at, by
(principal, operation), never pair by pair. Rewording that changes nobody's access
(another Sid, a statement split in two, an allow that another covers) is no change.
What cannot be ordered, such as one condition in place of another, is `changed`:
a reviewer must read it as possibly wider.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from keyplan.access.atoms import ANYONE, Atom
from keyplan.access.conditions import parse_conditions
from keyplan.model.canonical import canonical_json
from keyplan.model.policies import Effect


class Change(StrEnum):
    """What becomes of one principal's access to one operation."""

    GAINS = "gains"
    WIDER = "wider"
    CHANGED = "changed"
    NARROWER = "narrower"
    LOSES = "loses"

    @property
    def may_widen(self) -> bool:
        """Whether somebody may be able to do what they could not do before."""
        return self in (Change.GAINS, Change.WIDER, Change.CHANGED)


class Reach(NamedTuple):
    """What decides about one principal and one operation: atoms without those that never matter."""

    allows: tuple[Atom, ...]
    denies: tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class AccessChange:
    """One principal's change on one operation, with what decided before and after.

    `principal` may be `*`: everybody that no atom names.
    """

    principal: str
    operation: str
    change: Change
    before: Reach
    after: Reach


def delta(before: Iterable[Atom], after: Iterable[Atom]) -> tuple[AccessChange, ...]:
    """Every change of access between two policies of a key, by principal, then operation."""
    old, new = set(before), set(after)
    touched = {atom.operation for atom in old ^ new}
    was_there, will_be_there = _by_operation(old, touched), _by_operation(new, touched)
    changes = []
    for operation in touched:
        was, becomes = was_there.get(operation, {}), will_be_there.get(operation, {})
        for principal in _touched(was, becomes):
            reach_before, reach_after = _reach(was, principal), _reach(becomes, principal)
            change = _classify(reach_before, reach_after)
            if change is not None:
                changes.append(
                    AccessChange(principal, operation, change, reach_before, reach_after)
                )
    return tuple(sorted(changes, key=lambda item: (item.principal, item.operation)))


_ByPrincipal = dict[str, set[Atom]]


def _by_operation(atoms: Iterable[Atom], operations: Collection[str]) -> dict[str, _ByPrincipal]:
    grouped: dict[str, _ByPrincipal] = defaultdict(lambda: defaultdict(set))
    for atom in atoms:
        if atom.operation in operations:
            grouped[atom.operation][atom.principal].add(replace(atom, source=""))
    return grouped


def _touched(was: _ByPrincipal, becomes: _ByPrincipal) -> set[str]:
    """Principals whose atoms differ; all that are named, where those for anyone do."""
    named = was.keys() | becomes.keys()
    if was.get(ANYONE) != becomes.get(ANYONE):
        return set(named)
    return {name for name in named if was.get(name) != becomes.get(name)}


def _reach(atoms: _ByPrincipal, principal: str) -> Reach:
    relevant = atoms.get(principal, set()) | atoms.get(ANYONE, set())
    denies = {atom for atom in relevant if atom.effect is Effect.DENY}
    allows = {atom for atom in relevant - denies if not any(_covers(deny, atom) for deny in denies)}
    return Reach(tuple(sorted(allows)), tuple(sorted(denies)))


def _classify(before: Reach, after: Reach) -> Change | None:
    match bool(before.allows), bool(after.allows):
        case False, False:
            return None
        case False, True:
            return Change.GAINS
        case True, False:
            return Change.LOSES
    wider, narrower = _permits(after, before), _permits(before, after)
    if wider and narrower:
        return None
    if wider:
        return Change.WIDER
    return Change.NARROWER if narrower else Change.CHANGED


def _permits(more: Reach, less: Reach) -> bool:
    """Whether everything that `less` permits is surely permitted by `more`."""
    return all(
        any(_covers(wide, narrow) for wide in more.allows) for narrow in less.allows
    ) and all(any(_covers(kept, deny) for kept in less.denies) for deny in more.denies)


def _covers(wide: Atom, narrow: Atom) -> bool:
    """Whether one atom applies wherever the other does, effects aside."""
    lasts = not wide.expires_at or (
        bool(narrow.expires_at) and narrow.expires_at <= wide.expires_at
    )
    excludes_no_more = not wide.unless or (
        bool(narrow.unless) and _pairs(narrow.unless) <= _pairs(wide.unless)
    )
    return lasts and excludes_no_more and _pairs(wide.when) <= _pairs(narrow.when)


@lru_cache(maxsize=4096)
def _pairs(conditions: str) -> frozenset[tuple[str, str]]:
    """A canonical map of conditions as the set of single facts that it demands."""
    pairs = set()
    for name, wanted in parse_conditions(conditions).items():
        facts: dict[str, Any] = {"": wanted}
        if name in ("context", "tags"):
            facts = wanted
        pairs |= {(f"{name}.{part}", canonical_json(value)) for part, value in facts.items()}
    return frozenset(pairs)
