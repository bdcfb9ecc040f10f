"""Differences of declared keys: what must happen to each so that it is as declared.

Pure: declared, last applied and live go in, `KeyDiff`s and findings come out, in no
order. Keys that are no longer declared are `keyplan.planning.retire`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.resources import DesiredKey, Manage
from keyplan.model.timing import parse_instant
from keyplan.model.values import Value
from keyplan.planning.aliases import take_aliases
from keyplan.planning.certificates import certificates
from keyplan.planning.compare import (
    agreed_drift,
    changed_elements,
    changed_records,
    changed_scalars,
    ignored,
    managed_paths,
    policy_names,
)
from keyplan.planning.due import first_rotation, has_expired, what_is_due
from keyplan.planning.fixed import fixed_violations
from keyplan.planning.intents import (
    Certify,
    Create,
    Intent,
    KeyDiff,
    Mark,
    Move,
    Rescue,
)
from keyplan.planning.replicas import (
    Primaries,
    chosen_primary,
    made_again,
    vanished_replica,
)
from keyplan.planning.states import rescue, state_moves
from keyplan.planning.visible import of_the_service, overwrites, untouchable
from keyplan.planning.wanted import Wanted
from keyplan.plans.changes import Action, AttributeChange, Due, Reason
from keyplan.plans.findings import Finding
from keyplan.sdk.capabilities import Capabilities
from keyplan.state.model import Phase, ResourceState


@dataclass(frozen=True, slots=True)
class World:
    """What every comparison needs beside the key: the instant, marks, names that are taken.

    `owners_of` maps (provider, id) to the address that manages it. `edges` are the
    graph's. `capabilities` is by provider instance. `derived_from` are keys that others
    are derived from. `adopting` is as `owners_of`, for keys that this plan takes over.
    `observed` are keys of which nothing may be taken.
    """

    now: datetime
    lineage: str
    new_token: Callable[[], str]
    capabilities: Mapping[str, Capabilities]
    aliases: Mapping[tuple[str, str], str]
    owners_of: Mapping[tuple[str, str], Address]
    edges: Mapping[Address, tuple[Address, ...]]
    derived_from: frozenset[Address] = frozenset()
    primaries: Primaries = field(default_factory=Primaries)
    adopting: Mapping[tuple[str, str], Address] = field(default_factory=dict)
    observed: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class KeyResult:
    """What comparing one key gave."""

    diff: KeyDiff | None = None
    findings: tuple[Finding, ...] = ()
    due: tuple[Due, ...] = ()


def diff_declared(
    wanted: Wanted,
    resource: ResourceState | None,
    live: Observation | None,
    world: World,
) -> KeyResult:
    """Compare one declared key with the state and the world."""
    key = wanted.key
    if key.lifecycle.manage is Manage.OBSERVE:
        return _observed(wanted, resource, live, world)
    if resource is None:
        return _create(wanted, world)
    if live is None:
        if _window_ended(resource, world.now):
            return _recreate_after_window(wanted, resource, world)
        if key.replica_of is not None:
            made = _create(wanted, world, (made_again(resource),))
            return replace(made, findings=(vanished_replica(key, resource), *made.findings))
        return KeyResult(findings=(_vanished(key, resource),))
    return _update(wanted, resource, live, world)


def _observed(
    wanted: Wanted, resource: ResourceState | None, live: Observation | None, world: World
) -> KeyResult:
    """Nothing, but that the state takes note when a key is not managed any more."""
    key = wanted.key
    if resource is not None and ignored(key, "lifecycle"):
        return KeyResult()
    if resource is not None and live is not None:
        capabilities = world.capabilities[key.provider]
        others = tuple(fixed_violations(key, wanted.attributes, resource, live, capabilities))
        if others:
            return KeyResult(findings=others)
    if resource is not None and resource.observed:
        return KeyResult()
    if resource is not None:
        diff = KeyDiff(
            address=key.address,
            provider=key.provider,
            action=Action.UPDATE,
            reason=Reason.DECLARED,
            desired=key,
            resource=resource,
            live=live,
            unmanage=tuple(sorted(resource.managed)),
            notes=("from now on it is only observed; keyplan's mark stays on it",),
        )
        return KeyResult(diff)
    finding = Finding(
        "KP-PLAN-002",
        Severity.ERROR,
        f"{key.address} is only observed, and nothing says which key it is",
        key.address,
        key.position(),
        "Name it: `import: [{to: '" + key.address + "', id: ...}]`.",
    )
    return KeyResult(findings=(finding,))


def _create(wanted: Wanted, world: World, notes: tuple[str, ...] = ()) -> KeyResult:
    key, attributes = wanted.key, wanted.attributes
    changes = [
        AttributeChange(name, None, value, note=policy_names(key) if name == "policy" else "")
        for name, value in attributes.items()
        if value is not None
        and name not in ("labels", "aliases", "grants")
        and not (name == "primary" and chosen_primary(key) == key.address)
    ]
    changes += changed_elements(key, attributes, None, None)
    aliases, findings = take_aliases(key, changes, world.aliases, world.owners_of, world.observed)
    if has_expired(attributes, world.capabilities[key.provider], world.now):
        findings = (*findings, _born_expired(key))
    diff = KeyDiff(
        address=key.address,
        provider=key.provider,
        action=Action.CREATE,
        reason=Reason.DECLARED,
        desired=key,
        wanted=attributes,
        attributes=tuple(changes),
        intents=(
            Create(OwnerMark(world.lineage, world.new_token())),
            *aliases,
            *certificates(key, attributes, None, world.now),
        ),
        manage=tuple(sorted(managed_paths(attributes))),
        dependencies=world.edges.get(key.address, ()),
        notes=notes,
        primary=world.primaries.find(key.address),
    )
    return KeyResult(diff, findings, first_rotation(key.address, attributes, world.now))


def _born_expired(key: DesiredKey) -> Finding:
    return Finding(
        "KP-PLAN-013",
        Severity.ERROR,
        f"{key.address} does not exist yet, and its expires_at has passed",
        key.address,
        key.position("expires_at"),
        "It would be deactivated as soon as it is made. Give it a later end.",
    )


def _window_ended(resource: ResourceState, now: datetime) -> bool:
    """Whether its absence is what its pending deletion announced."""
    pending = resource.phase is Phase.PENDING_DELETION
    return pending and parse_instant(resource.until) <= now


def _recreate_after_window(wanted: Wanted, resource: ResourceState, world: World) -> KeyResult:
    """The window ended while the key was declared again: the old material is gone for good."""
    note = f"the key before it was destroyed when its window ended ({resource.until[:10]})"
    return _create(wanted, world, (note,))


def _vanished(key: DesiredKey, resource: ResourceState) -> Finding:
    return Finding(
        "KP-PLAN-003",
        Severity.ERROR,
        f"{key.address} is gone: {resource.provider} no longer has {resource.id}",
        key.address,
        key.position(),
        "Find out who destroyed it: what it protected may be lost. To go on without it,"
        f" remove the key and add `removed: [{{from: '{key.address}', mode: forget}}]`;"
        " declare a successor under another name.",
    )


def _update(wanted: Wanted, resource: ResourceState, live: Observation, world: World) -> KeyResult:
    """What is to change of a key that exists, unless some of it can never change."""
    key = wanted.key
    if of_the_service(live):
        return KeyResult(findings=(untouchable(key, live),))
    capabilities = world.capabilities[key.provider]
    violations = tuple(fixed_violations(key, wanted.attributes, resource, live, capabilities))
    if violations:
        return KeyResult(findings=violations)
    return _differences(wanted, resource, live, world)


def _differences(
    wanted: Wanted, resource: ResourceState, live: Observation, world: World
) -> KeyResult:
    key, attributes = wanted.key, wanted.attributes
    capabilities = world.capabilities[key.provider]
    changes = [
        *changed_scalars(key, attributes, resource, live, capabilities),
        *changed_elements(key, attributes, resource, live),
    ]
    recorded = (
        *changed_records(key, attributes, resource, capabilities),
        *agreed_drift(attributes, resource, live, capabilities),
    )
    aliases, alias_findings = take_aliases(
        key, changes, world.aliases, world.owners_of, world.observed
    )
    expired = has_expired(attributes, capabilities, world.now)
    states, state_findings, notes = state_moves(key, attributes, resource, live, expired=expired)
    becomes = states[0].after if states else live.state
    pinned = key.address in world.derived_from
    timely = what_is_due(
        key.address, attributes, live, capabilities, world.now, becomes=becomes, pinned=pinned
    )
    other_parent = any(change.path == "parent" for change in recorded)
    intents: list[Intent] = [
        *ownership(resource, live, world),
        *rescue(resource, live),
        *states,
        *aliases,
        *certificates(
            key, attributes, live, world.now, rotating=timely.rotates_to, other_parent=other_parent
        ),
        *timely.intents,
    ]
    findings = [*alias_findings, *state_findings, *(_pinned(key, attributes) if pinned else ())]
    findings += overwrites(key, changes, resource, live)
    paths = {path for path in managed_paths(attributes) if not ignored(key, path.partition(":")[0])}
    edges = world.edges.get(key.address, ())
    diff = KeyDiff(
        address=key.address,
        provider=key.provider,
        action=Action.UPDATE,
        reason=_main_reason(changes, intents),
        desired=key,
        resource=resource,
        live=live,
        wanted=attributes,
        attributes=tuple(changes),
        recorded=recorded,
        intents=tuple(intents),
        manage=tuple(sorted(paths - resource.managed)),
        unmanage=tuple(sorted(resource.managed - paths - _ignored_paths(key, resource))),
        dependencies=edges if tuple(edges) != resource.dependencies else None,
        notes=notes,
        primary=world.primaries.find(key.address),
    )
    return KeyResult(diff if diff.has_work else None, tuple(findings), timely.due)


def _pinned(key: DesiredKey, wanted: Mapping[str, Value]) -> list[Finding]:
    """Old versions of a key that others are derived from stay, whatever its rotation says."""
    rotation = wanted.get("rotation")
    if not isinstance(rotation, dict) or not rotation.keys() & {"overlap", "keep"}:
        return []
    return [
        Finding(
            "KP-PLAN-011",
            Severity.WARNING,
            f"rotation.overlap and rotation.keep have no effect on {key.address}: keys are"
            " derived from its versions",
            key.address,
            key.position("rotation"),
            "Write `rotation: {every: ...}` only.",
        )
    ]


def _main_reason(changes: list[AttributeChange], intents: list[Intent]) -> Reason:
    if any(isinstance(intent, Rescue) for intent in intents):
        return Reason.RESCUE
    reasons = {change.reason for change in changes}
    reasons |= {intent.reason for intent in intents if isinstance(intent, Move | Certify)}
    if not reasons and intents:
        return Reason.DUE
    for reason in (Reason.DECLARED, Reason.WITHDRAWN, Reason.DRIFT, Reason.DUE):
        if reason in reasons:
            return reason
    return Reason.DECLARED


def _ignored_paths(key: DesiredKey, resource: ResourceState) -> frozenset[str]:
    return frozenset(path for path in resource.managed if ignored(key, path.partition(":")[0]))


def ownership(resource: ResourceState, live: Observation, world: World) -> list[Intent]:
    """Our mark where it is missing or another stack's is; whose it may be is a brake's matter.

    Where marks are labels that cannot be read, none is taken for missing.
    """
    unseen = live.owner is None and live.unreadable & {"labels", "owner"}
    if unseen or (live.owner is not None and live.owner.stack == world.lineage):
        return []
    token = resource.owner.token if resource.owner else world.new_token()
    return [Mark(live.owner, OwnerMark(world.lineage, token))]
