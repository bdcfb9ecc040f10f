"""A key of an earlier state as if it were declared just so.

Rules: only what keyplan managed then is declared; what can never come back (one-way
attributes, versions, a state that leads nowhere) is named and not declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from keyplan.model.address import Address
from keyplan.model.keys import TRANSITIONS, KeyState, Relation, Tier, Usage
from keyplan.model.observations import Observation
from keyplan.model.resources import DesiredKey, Lifecycle, Manage
from keyplan.model.values import Value
from keyplan.planning.compare import elements
from keyplan.planning.wanted import COLLECTIONS, is_one_way
from keyplan.sdk.capabilities import Capabilities
from keyplan.state.model import Phase, ResourceState

_AS_THEY_ARE = frozenset({"certificate", "primary"})
"""What is not put back: a certificate stays valid, and a primary is a matter of its family."""

_BOTH_WAYS = frozenset({KeyState.ACTIVE, KeyState.SUSPENDED})
_LEFT_ALONE = Lifecycle(Manage.OBSERVE, frozenset({"lifecycle"}))
"""Not even handed over: what is managed of it stays so."""

_OBSERVED = Lifecycle(Manage.OBSERVE)


def as_it_was(
    then: ResourceState, now: ResourceState | None, live: Observation, capabilities: Capabilities
) -> tuple[DesiredKey, list[str]]:
    """The key as it was, and sentences on what of it cannot come back."""
    if then.observed:
        return _key(then, {}, _OBSERVED), []
    if now is not None and now.observed:
        return _key(now, {}, _LEFT_ALONE), ["it is only observed by now, and stays as it is"]
    lost = list(_versions(then, live))
    fixed = {
        name
        for name in then.attributes
        if is_one_way(capabilities, name)
        and live.attributes.get(name) not in (None, then.attributes[name])
    }
    lost += [f"{name} cannot be taken back, and stays as it is" for name in sorted(fixed)]
    attributes = _managed(then, but=fixed | _AS_THEY_ARE)
    state = KeyState(str(then.attributes.get("state", KeyState.ACTIVE)))
    attributes.pop("state", None)
    if then.phase is Phase.LIVE and state is not live.state:
        if state in TRANSITIONS[live.state]:
            attributes["state"] = state.value
        else:
            lost.append(f"it is {live.state.value}, and nothing leads back to {state.value}")
    elif state in _BOTH_WAYS and "state" in then.managed:
        attributes["state"] = state.value
    lifecycle = Lifecycle(ignore_changes=frozenset(fixed | _AS_THEY_ARE))
    if then.phase is not Phase.LIVE:
        lifecycle = _LEFT_ALONE
    return _key(then, attributes, lifecycle), lost


def put_away(now: ResourceState, live: Observation | None) -> tuple[DesiredKey, bool]:
    """A key that is newer: suspended, and else as it is. Whether there is anything to suspend."""
    untouchable = now.observed or now.phase is not Phase.LIVE
    if live is None or untouchable or live.deletion_at is not None:
        return _key(now, {}, _LEFT_ALONE), False
    attributes = _managed(now, but=_AS_THEY_ARE)
    attributes.pop("state", None)
    if live.state is KeyState.ACTIVE or (live.state in _BOTH_WAYS and "state" in now.managed):
        attributes["state"] = KeyState.SUSPENDED.value
    elif "state" in now.managed:
        attributes["state"] = live.state.value
    names = {path.partition(":")[0] for path in now.managed} | attributes.keys() | _AS_THEY_ARE
    lifecycle = Lifecycle(ignore_changes=frozenset({*names, "policies"} - {"state"}))
    return _key(now, attributes, lifecycle), live.state in _BOTH_WAYS


def _key(
    resource: ResourceState, attributes: Mapping[str, Value], lifecycle: Lifecycle
) -> DesiredKey:
    found = resource.attributes
    relation, parent = found.get("relation"), found.get("parent")
    usage, algorithm = found.get("usage"), found.get("algorithm")
    return DesiredKey(
        address=resource.address,
        provider=resource.provider,
        tier=Tier(str(found.get("tier", Tier.DATA))),
        usage=Usage(str(usage)) if usage is not None else None,
        algorithm=str(algorithm) if algorithm is not None else None,
        parent=Address(parent) if isinstance(parent, str) and parent else None,
        relation=Relation(str(relation)) if relation is not None else None,
        attributes=attributes,
        lifecycle=lifecycle,
    )


def _managed(resource: ResourceState, *, but: Iterable[str]) -> dict[str, Value]:
    """The attributes under management, and the managed elements of collections."""
    found: dict[str, Value] = {}
    for name in resource.managed - set(but):
        if ":" not in name and name in resource.attributes:
            found[name] = resource.attributes[name]
    for collection, names in resource.elements.items():
        if collection not in COLLECTIONS:
            continue
        held = elements(resource.attributes.get(collection))
        kept = {name: held[name] for name in sorted(names) if name in held}
        found[collection] = [*kept] if collection == "aliases" else kept
    return found


def _versions(then: ResourceState, live: Observation) -> Iterator[str]:
    """Versions that came since, and those whose material was destroyed since."""
    now = {version.number: version.state for version in live.versions}
    if not now or not then.versions:
        return
    known = max(version.number for version in then.versions)
    made = [str(number) for number in sorted(now) if number > known]
    if made:
        yield f"version {', '.join(made)} was made since, and stays"
    for version in then.versions:
        alive = now.get(version.number, KeyState.DESTROYED) is not KeyState.DESTROYED
        if version.state is not KeyState.DESTROYED and not alive:
            yield f"version {version.number} was destroyed since"
