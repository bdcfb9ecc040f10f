"""What holds of every state that is written: numbered invariants, each with a stable code.

Rules: pure, and linear in the size of the state. All violations are found, in the order of
their codes. A message names the place of key material, never the material.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

from keyplan.errors import StateError
from keyplan.model.address import NAME, Address
from keyplan.model.canonical import UNKNOWN_KEY
from keyplan.model.keys import KeyState
from keyplan.model.timing import parse_instant
from keyplan.state.fold import CLOSED_RUNS
from keyplan.state.model import Phase, ResourceState, State

INVARIANTS: Mapping[str, str] = MappingProxyType(
    {
        "KP-STATE-001": "the lineage is a UUID",
        "KP-STATE-002": "the serial is not negative",
        "KP-STATE-003": f"closed runs are distinct, and the last {CLOSED_RUNS} at most",
        "KP-STATE-004": "each resource is a key and stands under its own address",
        "KP-STATE-005": "each key names a provider instance, such as `hsm` or `aws.dr`",
        "KP-STATE-006": "each key has an id, and no other key of its provider has the same",
        "KP-STATE-007": "dependencies are other keys, each named once, in the state or gone",
        "KP-STATE-008": "no key depends on itself by way of others",
        "KP-STATE-009": "a key on its way out has the date of its next stage, a live one none",
        "KP-STATE-010": "every value is known, and JSON can hold it",
        "KP-STATE-011": "no value looks like private or secret key material",
        "KP-STATE-012": "what is managed is an attribute, or an element of a collection",
        "KP-STATE-013": "recorded attributes are there",
        "KP-STATE-014": "the key state, where it is known, is one of NIST SP 800-57",
        "KP-STATE-015": "versions are numbered from 1, in order, each once",
        "KP-STATE-016": "an owner mark fits the tag values of every service",
    }
)
"""Code to sentence. A code is never given to another invariant."""

_PROVIDER = re.compile(r"[a-z][a-z0-9_]{0,62}(\.[a-z][a-z0-9_]{0,62})?")
_MARK = re.compile(r"[A-Za-z0-9-]{1,64}")
_SECRET = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File|AGE-SECRET-KEY-1")
_JWK_SECRETS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi"})  # RFC 7518 §6


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant. `place` is an address with an attribute, or a field of the state."""

    code: str
    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.code} {self.place}: {self.problem}"


_Found: TypeAlias = Iterator[Violation]


def verify(state: State) -> None:
    """Raise `StateError` with everything that is wrong, or return."""
    violations = find_violations(state)
    if not violations:
        return
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    raise StateError(
        f"{first.problem}{more}",
        target=first.place,
        why=f"Every state must keep {first.code}: {INVARIANTS[first.code]}.",
        advice="The state was not changed. If it was edited by hand, restore the version before;"
        " if not, this is a defect of keyplan or of a provider: please report it.",
    )


def find_violations(state: State) -> tuple[Violation, ...]:
    """Every broken invariant, by code and then by address."""
    found = [*_head(state), *_ids(state), *_cycles(state)]
    for name, value in state.outputs.items():
        found += _values(f"outputs.{name}", value)
    for address in state.resources:
        resource = state.resources[address]
        for check in _RESOURCE_CHECKS:
            found += check(address, resource)
    return tuple(sorted(found, key=lambda violation: (violation.code, violation.place)))


def _head(state: State) -> _Found:
    try:
        UUID(state.lineage)
    except ValueError:
        yield Violation("KP-STATE-001", "lineage", f"{state.lineage!r} is no UUID")
    if state.serial < 0:
        yield Violation("KP-STATE-002", "serial", f"{state.serial} is negative")
    runs = state.closed_runs
    if len(set(runs)) < len(runs):
        yield Violation("KP-STATE-003", "closed_runs", "a run is named twice")
    if len(runs) > CLOSED_RUNS:
        yield Violation("KP-STATE-003", "closed_runs", f"{len(runs)} runs are named")


def _ids(state: State) -> _Found:
    seen: dict[tuple[str, str], Address] = {}
    for address, resource in state.resources.items():
        if not resource.id:
            yield Violation("KP-STATE-006", address, "it has no id")
            continue
        first = seen.setdefault((resource.provider, resource.id), address)
        if first != address:
            problem = f"{first} has the same id on {resource.provider}"
            yield Violation("KP-STATE-006", address, problem)


def _cycles(state: State) -> _Found:
    """Take away keys without dependencies until none is left; the rest stands in cycles."""
    waiting = {
        address: {item for item in resource.dependencies if item in state.resources} - {address}
        for address, resource in state.resources.items()
        if resource.dependencies
    }
    dependents: dict[Address, list[Address]] = {}
    for address, dependencies in waiting.items():
        for item in dependencies:
            dependents.setdefault(item, []).append(address)
    free = [address for address in state.resources if not waiting.get(address)]
    for address in free:
        waiting.pop(address, None)
        for dependent in dependents.get(address, ()):
            waiting[dependent].discard(address)
            if not waiting[dependent]:
                free.append(dependent)  # the list is the queue
    if waiting:
        first, *others = sorted(waiting)
        problem = f"it is in a cycle, or after one ({len(others)} other keys are)"
        yield Violation("KP-STATE-008", first, problem)


def _identity(address: Address, resource: ResourceState) -> _Found:
    if resource.address != address:
        yield Violation("KP-STATE-004", address, f"the key here is {resource.address}")
    if address.kind != "key":
        yield Violation("KP-STATE-004", address, "it is not the address of a key")
    if not _PROVIDER.fullmatch(resource.provider):
        problem = f"{resource.provider!r} is not a provider instance"
        yield Violation("KP-STATE-005", address, problem)
    owner = resource.owner
    if owner is not None and not (_MARK.fullmatch(owner.stack) and _MARK.fullmatch(owner.token)):
        yield Violation("KP-STATE-016", address, "its owner mark has other characters or is long")


def _dependencies(address: Address, resource: ResourceState) -> _Found:
    dependencies = resource.dependencies
    if address in dependencies:
        yield Violation("KP-STATE-007", address, "it depends on itself")
    if len(set(dependencies)) < len(dependencies):
        yield Violation("KP-STATE-007", address, "it names a dependency twice")
    for dependency in dependencies:
        if dependency.kind != "key":
            yield Violation("KP-STATE-007", address, f"{dependency} is not a key")


def _stage(address: Address, resource: ResourceState) -> _Found:
    if resource.phase is Phase.LIVE:
        if resource.until:
            yield Violation("KP-STATE-009", address, f"it is live until {resource.until}")
    elif not _is_instant(resource.until):
        problem = f"it is {resource.phase.value} until {resource.until!r}, which is no date"
        yield Violation("KP-STATE-009", address, problem)
    state = resource.attributes.get("state")
    if state is not None and state not in _KEY_STATES:
        yield Violation("KP-STATE-014", f"{address}.state", f"{state!r} is not a key state")
    numbers = [version.number for version in resource.versions]
    if numbers and (numbers[0] < 1 or sorted(set(numbers)) != numbers):
        yield Violation("KP-STATE-015", address, f"its versions are numbered {numbers}")


def _names(address: Address, resource: ResourceState) -> _Found:
    for path in resource.managed:
        name, colon, element = path.partition(":")
        value = resource.attributes.get(name)
        if not _is_name(name) or (colon and not element):
            yield Violation("KP-STATE-012", address, f"{path!r} names no attribute")
        elif colon and not isinstance(value, dict | list | None):
            yield Violation("KP-STATE-012", address, f"{path!r}: {name} has no elements")
    for name in resource.recorded:
        if name not in resource.attributes:
            yield Violation("KP-STATE-013", address, f"{name!r} is recorded and not there")


def _attributes(address: Address, resource: ResourceState) -> _Found:
    for name, value in resource.attributes.items():
        if not _sound(value):
            yield from _values(f"{address}.{name}", value)


def _sound(value: object) -> bool:
    """Whether nothing is wrong inside: the quick answer for nearly every value there is."""
    if isinstance(value, str):
        return not ("KEY" in value or "PuTTY" in value) or _SECRET.search(value) is None
    if isinstance(value, dict):
        if UNKNOWN_KEY in value or ("kty" in value and not _JWK_SECRETS.isdisjoint(value)):
            return False
        return all([_sound(item) for item in value.values()])  # noqa: C419  (a third faster)
    if isinstance(value, list):
        return all([_sound(item) for item in value])  # noqa: C419
    return (
        value is None
        or isinstance(value, int)
        or (isinstance(value, float) and math.isfinite(value))
    )


def _values(place: str, value: object) -> _Found:
    """What is wrong, and where exactly."""
    if isinstance(value, str):
        if not _sound(value):
            yield Violation("KP-STATE-011", place, "the text looks like a private key")
    elif isinstance(value, dict):
        if "kty" in value and not _JWK_SECRETS.isdisjoint(value):
            yield Violation("KP-STATE-011", place, "it looks like a private JSON Web Key")
        if UNKNOWN_KEY in value:
            yield Violation("KP-STATE-010", place, "it holds a value that is not known yet")
        for name, item in value.items():
            yield from _values(f"{place}.{name}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(f"{place}[{index}]", item)
    elif not _sound(value):
        yield Violation("KP-STATE-010", place, f"{value} is not known, or no JSON value")


@lru_cache(maxsize=1024)
def _is_name(text: str) -> bool:
    return NAME.fullmatch(text) is not None


def _is_instant(text: str) -> bool:
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True


_KEY_STATES = frozenset(KeyState)
_RESOURCE_CHECKS: tuple[Callable[[Address, ResourceState], _Found], ...] = (
    _identity,
    _dependencies,
    _stage,
    _names,
    _attributes,
)
