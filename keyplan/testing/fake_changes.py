"""Pure changes of one fake key: the record before, the record after, or a refusal.

Rules: a change that is done already returns the record as it is; transitions are those of
`keyplan.model.keys.TRANSITIONS`; what a name or number does not fit is a conflict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import NoReturn

from keyplan.errors import ConflictError, NotFoundError, RejectedError
from keyplan.model.keys import TRANSITIONS, KeyState
from keyplan.model.observations import KeyVersion, grant_name
from keyplan.model.values import Value
from keyplan.testing.fake_canonical import canonical_value
from keyplan.testing.fake_service import FakeKey


def refuse(target: str, why: str, advice: str = "") -> NoReturn:
    """Raise the fake's `RejectedError`."""
    raise RejectedError("the fake service refuses this", target=target, why=why, advice=advice)


def mapping(key: FakeKey, attribute: str) -> dict[str, Value]:
    """A collection attribute as a fresh map."""
    value = key.attributes[attribute]
    return dict(value) if isinstance(value, dict) else {}


def moved(key: FakeKey, before: KeyState, after: KeyState) -> FakeKey:
    """The key in another state, if `TRANSITIONS` leads there."""
    if key.state is after:
        return key
    if key.state is not before:
        raise ConflictError(f"it is {key.state.value}, not {before.value}", target=key.id)
    if after not in TRANSITIONS[before] or after is KeyState.DESTROYED:
        refuse(key.id, f"nothing leads from {before.value} to {after.value}")
    return replace(key, state=after)


def cancelled(key: FakeKey) -> FakeKey:
    """Back as suspended; but a key that was deactivated or compromised stays so."""
    if key.deletion_at is None:
        if key.state is KeyState.ACTIVE:
            refuse(key.id, "it is not pending deletion")
        return key
    loose = (KeyState.PRE_ACTIVATION, KeyState.ACTIVE)
    state = KeyState.SUSPENDED if key.state in loose else key.state
    return replace(key, deletion_at=None, state=state)


def granted(key: FakeKey, grant: str, terms: dict[str, Value], *, by_terms: bool) -> FakeKey:
    """The key with a grant; the same name with other terms is a conflict, or a second one."""
    grants, name, wanted = mapping(key, "grants"), grant_name(grant), _terms(terms)
    if any(grant_name(other) == name and grants[other] == wanted for other in grants):
        return key
    if name in grants and not by_terms:
        raise ConflictError(f"grant {grant} exists with other terms", target=key.id)
    if name in grants:
        number = next(n for n in count(1) if f"{name}~{n}" not in grants)
        grants[f"{name}~{number}"] = grants[name]
    return key.having("grants", {**grants, name: wanted})


def revoked(key: FakeKey, grant: str, terms: dict[str, Value], *, by_terms: bool) -> FakeKey:
    """The key without a grant: the one with these terms, or whatever has the name."""
    grants, name, wanted = mapping(key, "grants"), grant_name(grant), _terms(terms)
    if not by_terms:
        return key.having("grants", {n: grants[n] for n in grants if n != grant})
    left = {n: t for n, t in grants.items() if grant_name(n) != name or t != wanted}
    others = sorted(other for other in left if grant_name(other) == name)
    if others and name not in left:
        left[name] = left.pop(others[-1])
    return key.having("grants", left)


def _terms(terms: dict[str, Value]) -> Value:
    spelt = canonical_value("grants", {"grant": terms})
    return spelt["grant"] if isinstance(spelt, dict) else None


def documented(key: FakeKey, name: str, after: Value) -> FakeKey:
    """The key with a document written, replaced or (`after` is `None`) removed."""
    documents = {kept: body for kept, body in mapping(key, "documents").items() if kept != name}
    if after is not None:
        documents[name] = after
    return key.having("documents", documents)


def version_of(key: FakeKey, number: int) -> KeyVersion:
    """One version of the key."""
    for version in key.versions:
        if version.number == number:
            return version
    raise NotFoundError(f"there is no version {number}", target=key.id)


def _with_versions(key: FakeKey, change: Callable[[KeyVersion], KeyState]) -> FakeKey:
    versions = tuple(replace(version, state=change(version)) for version in key.versions)
    return replace(key, versions=versions)


def version_moved(key: FakeKey, number: int, state: KeyState) -> FakeKey:
    """The key with one version, not the one in use, in another state."""
    version = version_of(key, number)
    if version.state is state:
        return key
    if number == key.current:
        refuse(key.id, f"version {number} is in use", "Activate another version first.")
    if version.state is KeyState.DESTROYED:
        refuse(key.id, f"version {number} is destroyed")
    return _with_versions(key, lambda item: state if item.number == number else item.state)


def activated(key: FakeKey, before: int, after: int) -> FakeKey:
    """The key with version `after` in use instead of `before`."""
    if key.current == after:
        return key
    if key.current != before:
        raise ConflictError(f"version {key.current} is in use, not {before}", target=key.id)
    if not version_of(key, after).state.may_process:
        refuse(key.id, f"version {after} is not accepted")
    states = {before: KeyState.DEACTIVATED, after: KeyState.ACTIVE}
    changed = _with_versions(key, lambda version: states.get(version.number, version.state))
    return replace(changed, current=after)
