"""Three-way comparison of one key's attributes: declared, last applied, live.

Rules: equality of canonical values decides; an attribute that was not declared is not
compared; an attribute that the provider may not read is compared with what was last
applied, never guessed; elements of collections that keyplan never applied are foreign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyplan.model.observations import Observation, grant_name
from keyplan.model.resources import DesiredKey, OnDrift
from keyplan.model.values import Value
from keyplan.planning.wanted import (
    COLLECTIONS,
    IDENTITY,
    is_one_way,
    is_recorded,
    only_named_otherwise,
)
from keyplan.plans.changes import AttributeChange, Reason
from keyplan.sdk.capabilities import Capabilities
from keyplan.state.model import ResourceState

SPECIAL = frozenset({*IDENTITY, *COLLECTIONS, "parent", "state", "certificate"})
"""Attributes with rules of their own; the rest are compared as wholes."""


def changed_scalars(
    key: DesiredKey,
    wanted: Mapping[str, Value],
    resource: ResourceState,
    live: Observation,
    capabilities: Capabilities,
) -> Iterator[AttributeChange]:
    """Observed attributes, compared as wholes, that need an operation."""
    for name, value in wanted.items():
        if name in SPECIAL or is_recorded(capabilities, name) or ignored(key, name):
            continue
        before = seen(name, resource, live)
        if before == value:
            continue
        reason = reason_for(name, value, resource)
        if reason is Reason.DRIFT and reports_only(key):
            continue
        note = policy_names(key) if name == "policy" else ""
        one_way = is_one_way(capabilities, name)
        yield AttributeChange(name, before, value, reason, one_way=one_way, note=note)


def policy_names(key: DesiredKey) -> str:
    """The declared policies behind a compiled one: `policy.envelope, policy.audit`."""
    return ", ".join(key.policy.sources) if key.policy else ""


def changed_records(
    key: DesiredKey,
    wanted: Mapping[str, Value],
    resource: ResourceState,
    capabilities: Capabilities,
) -> Iterator[AttributeChange]:
    """Recorded attributes that differ from the state: updates that need no call."""
    for name, value in wanted.items():
        before = resource.attributes.get(name)
        fixed = name in IDENTITY and not only_named_otherwise(capabilities, name, before, value)
        if fixed or name == "state" or ignored(key, name):
            continue
        if not is_recorded(capabilities, name):
            continue
        if before != value and capabilities.attributes.get(name) is not None:
            yield AttributeChange(name, before, value, recorded=True)


def agreed_drift(
    wanted: Mapping[str, Value],
    resource: ResourceState,
    live: Observation,
    capabilities: Capabilities,
) -> Iterator[AttributeChange]:
    """What was changed outside keyplan and is declared just so by now: the state takes it over.

    Without this the same drift would be reported by every plan, and nothing would end it.
    """
    for name, value in wanted.items():
        if name in live.unreadable or name in IDENTITY or is_recorded(capabilities, name):
            continue
        applied, now = resource.attributes.get(name), live.attributes.get(name)
        if name in COLLECTIONS:
            agreed = _agreed_elements(elements(value), resource, name, elements(now))
            if agreed is not None:
                yield AttributeChange(name, applied, agreed, Reason.ADOPT, recorded=True)
        elif name in resource.managed and applied != now and now == value:
            yield AttributeChange(name, applied, now, Reason.ADOPT, recorded=True)


def _agreed_elements(
    declared: Mapping[str, Value], resource: ResourceState, name: str, live: Mapping[str, Value]
) -> Value:
    """The applied collection with the elements on which declaration and world agree."""
    applied = elements(resource.attributes.get(name))
    agreed = {
        element: live[element]
        for element in resource.elements.get(name, ())
        if element in live and live[element] == declared.get(element) != applied.get(element)
    }
    if not agreed:
        return None
    merged = {**applied, **agreed}
    return [*sorted(merged)] if name == "aliases" else merged


def changed_elements(
    key: DesiredKey,
    wanted: Mapping[str, Value],
    resource: ResourceState | None,
    live: Observation | None,
) -> Iterator[AttributeChange]:
    """Elements of labels, aliases and grants to add, change or take away."""
    managed = resource.elements if resource else {}
    for collection in COLLECTIONS:
        declared = elements(wanted.get(collection))
        applied = elements(resource.attributes.get(collection)) if resource else {}
        present = elements(seen(collection, resource, live)) if resource and live else {}
        mine = managed.get(collection, frozenset())
        if ignored(key, collection):
            continue
        for name, value in declared.items():
            before = present.get(name)
            if before == value:
                continue
            drifted = name in mine and applied.get(name) == value
            if drifted and reports_only(key):
                continue
            reason = Reason.DRIFT if drifted else Reason.DECLARED
            yield AttributeChange(f"{collection}:{name}", before, value, reason)
        written = elements(key.attributes.get(collection))
        for name in sorted(present.keys() - declared.keys()):
            if name in mine or (collection == "grants" and grant_name(name) in mine):
                reason = Reason.DUE if name in written else Reason.WITHDRAWN
                yield AttributeChange(f"{collection}:{name}", present[name], None, reason)


def elements(value: Value) -> dict[str, Value]:
    """A collection as a map of element name to value; an alias is its own value."""
    match value:
        case dict():
            return value
        case list():
            return {str(item): item for item in value}
        case _:
            return {}


def managed_paths(wanted: Mapping[str, Value]) -> frozenset[str]:
    """Every path that is under management once the wanted attributes are applied."""
    paths: set[str] = set()
    for name, value in wanted.items():
        if name in COLLECTIONS:
            paths.update(f"{name}:{element}" for element in elements(value))
        elif value is not None:
            paths.add(name)
    return frozenset(paths)


def seen(name: str, resource: ResourceState, live: Observation) -> Value:
    """The live value, or the last applied one where the provider may not read it."""
    if name in live.unreadable or name not in live.attributes:
        return resource.attributes.get(name) if name in live.unreadable else None
    return live.attributes[name]


def reason_for(name: str, value: Value, resource: ResourceState) -> Reason:
    """Drift if the declaration says what was last applied, else the declaration changed."""
    applied = name in resource.managed and resource.attributes.get(name) == value
    return Reason.DRIFT if applied else Reason.DECLARED


def ignored(key: DesiredKey, name: str) -> bool:
    """Whether `lifecycle.ignore_changes` names it."""
    written = "policies" if name == "policy" else name
    return written in key.lifecycle.ignore_changes


def reports_only(key: DesiredKey) -> bool:
    """Whether drift of this key is shown and left alone."""
    return key.lifecycle.on_drift is OnDrift.REPORT
