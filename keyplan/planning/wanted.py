"""What each declared key should be, in its provider's canonical form.

Rules: only declared attributes are wanted; the policy is compiled here, so that every
comparison is equality of canonical values; a reference to a key that exists already
is resolved here, so that only what truly waits for apply stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from keyplan.diagnostics import Severity
from keyplan.errors import RejectedError
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import parse_instant
from keyplan.model.values import Reference, Unknown, Value, has_unknown, resolve
from keyplan.planning.replicas import primary_name
from keyplan.plans.findings import Finding
from keyplan.sdk.capabilities import Attribute, Capabilities, Mutability, Reading
from keyplan.sdk.provider import Plugin

COLLECTIONS = ("labels", "aliases", "grants")
"""Attributes that are managed element by element."""

IDENTITY = ("algorithm", "usage", "relation", "protection")
"""Attributes that a key is made with; `parent` is treated by relation."""

_TEXTS = ("description", "labels")
"""The only attributes that may hold what is known after apply (immutable ones may not)."""

_FAMILY = frozenset({"replicas", "primary"})
"""Replicas are keys of their own, and the primary is wanted by the name that providers use."""

_RECORDED = Attribute(Reading.RECORDED)
_ALWAYS_RECORDED = frozenset({"tier", "scope", "owner", "parent", "deletion"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A declared key and its canonical attributes, with `policy` compiled."""

    key: DesiredKey
    attributes: Mapping[str, Value]


def planning_view(capabilities: Capabilities) -> Capabilities:
    """The manifest with what keyplan alone knows (tier, scope, ...) always recorded.

    Everything in planning works on this view, so that no comparison asks twice.
    """
    attributes = {
        name: facts
        for name, facts in capabilities.attributes.items()
        if name not in _ALWAYS_RECORDED or facts.reading is Reading.RECORDED
    }
    return replace(capabilities, attributes=dict.fromkeys(_ALWAYS_RECORDED, _RECORDED) | attributes)


def is_recorded(capabilities: Capabilities, name: str) -> bool:
    """Whether an attribute is kept in the state only."""
    facts = capabilities.attributes.get(name)
    return facts is None or facts.reading is Reading.RECORDED


_PROTECTING = frozenset({"encrypt", "wrap"})


def only_named_otherwise(
    capabilities: Capabilities, name: str, before: Value, after: Value
) -> bool:
    """Whether two usages are one to the service, which records what it cannot tell apart.

    Wrapping a key is encrypting it, so a service may have no word of its own for it.
    """
    return name == "usage" and is_recorded(capabilities, name) and {before, after} == _PROTECTING


def is_one_way(capabilities: Capabilities, name: str) -> bool:
    """Whether the service never takes an attribute back."""
    facts = capabilities.attributes.get(name)
    return facts is not None and facts.mutability is Mutability.ONE_WAY


def want(
    keys: Iterable[DesiredKey],
    plugins: Mapping[str, Plugin],
    live: Mapping[Address, Observation],
    now: datetime,
) -> tuple[dict[Address, Wanted], list[Finding]]:
    """Every declared key as its provider would spell it; findings for what cannot be compiled."""
    wanted: dict[Address, Wanted] = {}
    findings: list[Finding] = []
    for key in keys:
        plugin = plugins[key.provider]
        attributes = {name: value for name, value in key.attributes.items() if name not in _FAMILY}
        if key.policy is not None and not key.keep_policy:
            try:
                attributes["policy"] = plugin.compile_policy(key.policy, key)
            except RejectedError as error:
                findings.append(_uncompiled(key, error))
        if labels := plugin.default_labels():
            attributes["labels"] = _with_defaults(labels, attributes.get("labels"))
        waiting = _resolve_texts(attributes, live)
        canonical = plugin.canonical(
            {name: value for name, value in attributes.items() if name not in waiting}
        )
        attributes.update(canonical)
        if isinstance(grants := attributes.get("grants"), dict):
            attributes["grants"] = {
                name: terms for name, terms in grants.items() if not _grant_ended(terms, now)
            }
        attributes["tier"] = key.tier.value
        if key.parent is not None:
            attributes["parent"] = str(key.parent)
        if key.relation is not None:
            attributes["relation"] = key.relation.value
        if key.usage is not None:
            attributes["usage"] = key.usage.value
        if key.algorithm is not None:
            attributes["algorithm"] = key.algorithm
        if "primary" in key.attributes:
            attributes["primary"] = primary_name(key, live)
        wanted[key.address] = Wanted(key, attributes)
    return wanted, findings


def _with_defaults(labels: Mapping[str, str], declared: Value) -> Value:
    """The labels of the connection and those of the key, which win."""
    return {**labels, **(declared if isinstance(declared, dict) else {})}


def grant_end(terms: Value) -> datetime | None:
    """When a grant ends, if it does."""
    end = terms.get("expires_at") if isinstance(terms, dict) else None
    return parse_instant(end, end=True) if isinstance(end, str) else None


def _grant_ended(terms: Value, now: datetime) -> bool:
    end = grant_end(terms)
    return end is not None and end <= now


def _resolve_texts(attributes: dict[str, Value], live: Mapping[Address, Observation]) -> set[str]:
    """Resolve what can be resolved in place; the names of those that still wait for apply."""
    waiting: set[str] = set()
    for name in _TEXTS:
        value = attributes.get(name)
        if value is not None and has_unknown(value):
            attributes[name] = resolve_known(value, live)
            if has_unknown(attributes[name]):
                waiting.add(name)
    return waiting


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


def accepted_gaps(keys: Iterable[DesiredKey]) -> list[Finding]:
    """Every accepted gap that makes a policy allow more, or do less, than is written."""
    found: dict[tuple[str, str, str], list[DesiredKey]] = {}
    for key in keys:
        for statement in key.policy.statements if key.policy else ():
            for gap in (*statement.unenforced, *key.unenforced):
                unheld = sorted({*statement.when, *statement.unless} & set(gap.what))
                if gap.provider == key.provider_type and unheld:
                    what = ", ".join(unheld)
                    found.setdefault((statement.sid, gap.then, what), []).append(key)
    return [_accepted(*named, declared) for named, declared in found.items()]


def unhonoured(keys: Iterable[DesiredKey]) -> list[Finding]:
    """Attributes that are declared, that the provider does not have, and whose gap was accepted."""
    found: dict[tuple[str, tuple[str, ...]], list[DesiredKey]] = {}
    for key in keys:
        if not key.unenforced:
            continue
        statements = key.policy.statements if key.policy else ()
        conditions = {name for item in statements for name in (*item.when, *item.unless)}
        for gap in key.unenforced:
            left_out = tuple(name for name in gap.what if name not in conditions)
            if gap.provider == key.provider_type and left_out:
                found.setdefault((key.provider, left_out), []).append(key)
    return [_left_out(*what, declared) for what, declared in found.items()]


def _left_out(provider: str, what: tuple[str, ...], keys: list[DesiredKey]) -> Finding:
    first, others = keys[0], len(keys) - 1
    on = f"{first.address} and {others} more" if others else str(first.address)
    return Finding(
        "KP-POL-006",
        Severity.NOTE,
        f"on {on}, {provider} does not honour {', '.join(what)}: accepted with `unenforced`",
        first.address,
        first.position("unenforced"),
        "Nothing, while the gap is accepted.",
    )


def _accepted(sid: str, then: str, what: str, keys: list[DesiredKey]) -> Finding:
    first, others = keys[0], len(keys) - 1
    on = f"{first.address} and {others} more" if others else str(first.address)
    if then == "drop":
        effect = f"statement {sid} holds whatever {what}: it is WIDER than written"
    else:
        effect = f"statement {sid} is left out, because {what} cannot be enforced"
    return Finding(
        "KP-POL-005",
        Severity.WARNING,
        f"on {on}, {effect}",
        first.address,
        first.position("policies"),
        "The gap was accepted with `unenforced`; it ends on the day written there.",
    )


def _uncompiled(key: DesiredKey, error: RejectedError) -> Finding:
    return Finding(
        rule="KP-POL-004",
        level=Severity.ERROR,
        summary=f"{key.address}: {error.what}",
        address=key.address,
        position=key.position("policies"),
        advice=" ".join(part for part in (error.why, error.advice) if part),
    )
