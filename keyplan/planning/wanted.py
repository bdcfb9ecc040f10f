"""What each declared key should be, in its provider's canonical form.

Rules: only declared attributes are wanted; the policy is compiled here, so that every
comparison is equality of canonical values; a reference to a key that exists already
is resolved here, so that only what truly waits for apply stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keyplan.diagnostics import Severity
from keyplan.errors import RejectedError
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Reference, Unknown, Value, has_unknown, resolve
from keyplan.plans.findings import Finding
from keyplan.sdk.capabilities import Attribute, Capabilities, Mutability, Reading
from keyplan.sdk.provider import Plugin

COLLECTIONS = ("labels", "aliases", "grants")
"""Attributes that are managed element by element."""

IDENTITY = ("algorithm", "usage", "relation", "protection")
"""Attributes that a key is made with; `parent` is treated by relation."""

_RECORDED = Attribute(Reading.RECORDED)
_ALWAYS_RECORDED = frozenset({"tier", "scope", "owner", "parent", "deletion"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A declared key and its canonical attributes, with `policy` compiled."""

    key: DesiredKey
    attributes: Mapping[str, Value]


def attribute_facts(capabilities: Capabilities, name: str) -> Attribute | None:
    """How an attribute lives with a provider; what keyplan alone knows is always recorded."""
    known = capabilities.attributes.get(name)
    if name in _ALWAYS_RECORDED:
        return known if known is not None and known.reading is Reading.RECORDED else _RECORDED
    return known


def is_recorded(capabilities: Capabilities, name: str) -> bool:
    """Whether an attribute is kept in the state only."""
    facts = attribute_facts(capabilities, name)
    return facts is None or facts.reading is Reading.RECORDED


def is_one_way(capabilities: Capabilities, name: str) -> bool:
    """Whether the service never takes an attribute back."""
    facts = attribute_facts(capabilities, name)
    return facts is not None and facts.mutability is Mutability.ONE_WAY


def want(
    keys: Iterable[DesiredKey],
    plugins: Mapping[str, Plugin],
    live: Mapping[Address, Observation],
) -> tuple[dict[Address, Wanted], list[Finding]]:
    """Every declared key as its provider would spell it; findings for what cannot be compiled."""
    wanted: dict[Address, Wanted] = {}
    findings: list[Finding] = []
    for key in keys:
        plugin = plugins[key.provider]
        attributes = dict(key.attributes)
        if key.policy is not None and not key.keep_policy:
            try:
                attributes["policy"] = plugin.compile_policy(key.policy, key)
            except RejectedError as error:
                findings.append(_uncompiled(key, error))
        attributes = {name: resolve_known(value, live) for name, value in attributes.items()}
        observable = {name: value for name, value in attributes.items() if not has_unknown(value)}
        attributes.update(plugin.canonical(observable))
        attributes["tier"] = key.tier.value
        if key.parent is not None:
            attributes["parent"] = str(key.parent)
        if key.relation is not None:
            attributes["relation"] = key.relation.value
        if key.usage is not None:
            attributes["usage"] = key.usage.value
        if key.algorithm is not None:
            attributes["algorithm"] = key.algorithm
        wanted[key.address] = Wanted(key, attributes)
    return wanted, findings


def resolve_known(value: Value, live: Mapping[Address, Observation]) -> Value:
    """The value with each reference to an existing key replaced; others stay unknown."""
    if not has_unknown(value):
        return value
    match value:
        case Unknown(parts):
            if all(not isinstance(part, Reference) or _known(part, live) for part in parts):
                return resolve(value, lambda reference: live_attribute(reference, live))
            return value
        case dict():
            return {name: resolve_known(item, live) for name, item in value.items()}
        case list():
            return [resolve_known(item, live) for item in value]
        case _:
            return value


def live_attribute(reference: Reference, live: Mapping[Address, Observation]) -> Value:
    """What a reference to an existing key stands for."""
    observation = live[reference.address]
    if reference.attribute == "id":
        return observation.id
    return observation.attributes.get(reference.attribute)


def _known(reference: Reference, live: Mapping[Address, Observation]) -> bool:
    observation = live.get(reference.address)
    return observation is not None and (
        reference.attribute == "id" or reference.attribute in observation.attributes
    )


def _uncompiled(key: DesiredKey, error: RejectedError) -> Finding:
    return Finding(
        rule="KP-POL-001",
        level=Severity.ERROR,
        summary=f"{key.address}: {error.what}",
        address=key.address,
        position=key.position("policies"),
        advice=" ".join(part for part in (error.why, error.advice) if part),
    )
