"""`--target` and `--exclude`: which keys a plan looks at.

Rules: a target brings everything it depends on, an exclusion takes everything that
depends on it, so that what is left can be applied; in a destroy it is the other way
round, because children go before their parents. A module means every key in it, a name
without an index every instance. A selection that matches nothing is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from keyplan.errors import PlanningError
from keyplan.model.address import Address, matches
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import PlanMode


def select(
    addresses: Collection[Address],
    dependencies: Mapping[Address, tuple[Address, ...]],
    options: PlanOptions,
) -> frozenset[Address]:
    """The addresses that the plan looks at."""
    everything = frozenset(addresses)
    needs, needed_by = dependencies, _reversed(dependencies)
    if options.mode is PlanMode.DESTROY:
        needs, needed_by = needed_by, needs
    if options.targets:
        chosen = _named(options.targets, everything, "--target")
        return _closure(chosen, needs) & everything
    if options.excludes:
        dropped = _named(options.excludes, everything, "--exclude")
        return everything - _closure(dropped, needed_by)
    return everything


def _named(
    patterns: Collection[str], addresses: frozenset[Address], option: str
) -> frozenset[Address]:
    chosen: set[Address] = set()
    for pattern in patterns:
        found = {
            address
            for address in addresses
            if any(matches(form, address) for form in _forms(pattern))
        }
        if not found:
            raise PlanningError(
                f"{option} {pattern} names no key",
                why="Neither the configuration nor the state has a key of that address.",
                advice="Write an address as the plan shows it, such as 'key.master[\"prod\"]'.",
            )
        chosen |= found
    return frozenset(chosen)


def _forms(pattern: str) -> tuple[str, ...]:
    """A pattern with all that it stands for: instances, replicas, what is in a module."""
    return (pattern, f"{pattern}[*]", f"{pattern}.replicas[*]", *_inside(pattern))


def _inside(pattern: str) -> tuple[str, ...]:
    """A module stands for every key inside it, whatever its instance."""
    name = pattern.rpartition("module.")[2]
    if not pattern.startswith("module.") or ".key." in f".{name}":
        return ()
    return (f"{pattern}.*", f"{pattern}[*].*")


def _closure(
    start: frozenset[Address], edges: Mapping[Address, tuple[Address, ...]]
) -> frozenset[Address]:
    reached, waiting = set(start), list(start)
    while waiting:
        for neighbour in edges.get(waiting.pop(), ()):
            if neighbour not in reached:
                reached.add(neighbour)
                waiting.append(neighbour)
    return frozenset(reached)


def _reversed(
    edges: Mapping[Address, tuple[Address, ...]],
) -> dict[Address, tuple[Address, ...]]:
    backwards: dict[Address, tuple[Address, ...]] = {}
    for address, dependencies in edges.items():
        for dependency in dependencies:
            backwards[dependency] = (*backwards.get(dependency, ()), address)
    return backwards
