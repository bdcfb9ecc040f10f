"""Differences of declared keys: what must happen to each so that it is as declared.

Pure: declared, last applied and live go in, `KeyDiff`s and findings come out, in no
order. Keys that are no longer declared are `keyplan.planning.retire`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.keys import TRANSITIONS, KeyState, Relation
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.resources import DesiredKey, Manage
from keyplan.model.timing import parse_instant
from keyplan.model.values import Value
from keyplan.planning.compare import (
    changed_elements,
    changed_records,
    changed_scalars,
    ignored,
    managed_paths,
    policy_names,
    reports_only,
)
from keyplan.planning.due import first_rotation, has_expired, what_is_due
from keyplan.planning.fixed import fixed_violations
from keyplan.planning.intents import (
    Certify,
    Create,
    Enter,
    Intent,
    KeyDiff,
    Mark,
    Move,
    Rescue,
    TakeAlias,
)
from keyplan.planning.terms import deletion_terms
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
    are derived from.
    """

    now: datetime
    lineage: str
    new_token: Callable[[], str]
    capabilities: Mapping[str, Capabilities]
    aliases: Mapping[tuple[str, str], str]
    owners_of: Mapping[tuple[str, str], Address]
    edges: Mapping[Address, tuple[Address, ...]]
    derived_from: frozenset[Address] = frozenset()


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
        return _observed(key, resource)
    if resource is None:
        return _create(wanted, world)
    if live is None:
        if _window_ended(resource, world.now):
            return _recreate_after_window(wanted, resource, world)
        return KeyResult(findings=(_vanished(key, resource),))
    return _update(wanted, resource, live, world)


def _observed(key: DesiredKey, resource: ResourceState | None) -> KeyResult:
    if resource is not None:
        return KeyResult()
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
        if value is not None and name not in ("labels", "aliases", "grants")
    ]
    changes += changed_elements(key, attributes, None, None)
    aliases, findings = _take_aliases(key, changes, world)
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
            *_certificate(key, attributes, None, world.now),
        ),
        manage=tuple(sorted(managed_paths(attributes))),
        dependencies=world.edges.get(key.address, ()),
        notes=notes,
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
    key, attributes = wanted.key, wanted.attributes
    capabilities = world.capabilities[key.provider]
    findings = list(fixed_violations(key, attributes, resource, live, capabilities))
    if findings:
        return KeyResult(findings=tuple(findings))
    changes = [
        *changed_scalars(key, attributes, resource, live, capabilities),
        *changed_elements(key, attributes, resource, live),
    ]
    recorded = tuple(changed_records(key, attributes, resource, capabilities))
    aliases, alias_findings = _take_aliases(key, changes, world)
    expired = has_expired(attributes, capabilities, world.now)
    states, state_findings, notes = _states(key, attributes, resource, live, expired=expired)
    becomes = states[0].after if states else live.state
    pinned = key.address in world.derived_from
    timely = what_is_due(
        key.address, attributes, live, capabilities, world.now, becomes=becomes, pinned=pinned
    )
    intents: list[Intent] = [
        *ownership(resource, live, world),
        *_rescue(resource, live),
        *states,
        *aliases,
        *_certificate(
            key,
            attributes,
            live,
            world.now,
            rotating=timely.rotates_to,
            other_parent=any(change.path == "parent" for change in recorded),
        ),
        *timely.intents,
    ]
    findings += [*alias_findings, *state_findings, *(_pinned(key, attributes) if pinned else ())]
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
    """Our mark where it is missing or another stack's is; whose it may be is a brake's matter."""
    if live.owner is not None and live.owner.stack == world.lineage:
        return []
    token = resource.owner.token if resource.owner else world.new_token()
    return [Mark(live.owner, OwnerMark(world.lineage, token))]


def _rescue(resource: ResourceState, live: Observation) -> list[Intent]:
    """Out of pending deletion, or out of the soak before it."""
    if live.deletion_at is not None:
        return [Rescue(deletion_terms(resource.attributes).window)]
    if resource.phase is not Phase.LIVE:
        return [Enter(Phase.LIVE, "")]
    return []


def _states(
    key: DesiredKey,
    wanted: Mapping[str, Value],
    resource: ResourceState,
    live: Observation,
    *,
    expired: bool,
) -> tuple[list[Move], list[Finding], tuple[str, ...]]:
    """The move to the declared state, if it is declared, allowed and not there yet.

    A key whose period has ended is active no more, whatever state it is declared in.
    """
    declared = wanted.get("state")
    now_in = live.state
    if declared is None:
        if now_in is KeyState.SUSPENDED and resource.phase is not Phase.LIVE:
            return [], [], ("it stays suspended; write `state: active` to enable it",)
        return [], [], ()
    target = KeyState(str(declared))
    recorded = resource.attributes.get("state")
    if recorded == KeyState.COMPROMISED and target is not KeyState.COMPROMISED:
        now_in = KeyState.COMPROMISED
    if target is KeyState.ACTIVE and expired and now_in is KeyState.SUSPENDED:
        return [Move(now_in, KeyState.DEACTIVATED, Reason.DUE)], [], ()
    ended = target is KeyState.ACTIVE and expired and now_in is KeyState.DEACTIVATED
    if target is now_in or ended or ignored(key, "state"):
        return [], [], ()
    drifted = "state" in resource.managed and recorded == declared
    if drifted and reports_only(key):
        return [], [], ()
    if target not in TRANSITIONS[now_in]:
        return [], [_forbidden_move(key, now_in, target)], ()
    reason = Reason.DRIFT if drifted else Reason.DECLARED
    return [Move(now_in, target, reason)], [], ()


def _forbidden_move(key: DesiredKey, before: KeyState, after: KeyState) -> Finding:
    return Finding(
        "KP-PLAN-004",
        Severity.ERROR,
        f"{key.address} is {before} and cannot become {after} again",
        key.address,
        key.position("state"),
        f"Write `state: {before}` here, and declare a successor key. Only suspended and"
        " active lead back to each other (NIST SP 800-57 Part 1 section 7).",
    )


def _take_aliases(
    key: DesiredKey, changes: list[AttributeChange], world: World
) -> tuple[list[Intent], tuple[Finding, ...]]:
    """Aliases that point elsewhere now: moved if keyplan manages their key, else refused."""
    intents: list[Intent] = []
    findings: list[Finding] = []
    for change in changes:
        collection, _, alias = change.path.partition(":")
        if collection != "aliases" or change.after is None:
            continue
        holder = world.aliases.get((key.provider, alias))
        if holder is None:
            continue
        source = world.owners_of.get((key.provider, holder))
        if source is None:
            findings.append(
                Finding(
                    "KP-PLAN-005",
                    Severity.ERROR,
                    f"the alias {alias} already points to {holder}, which this stack does not"
                    " manage",
                    key.address,
                    key.position("aliases"),
                    "Choose another alias, or take it off that key first.",
                )
            )
        elif source != key.address:
            intents.append(TakeAlias(alias, source))
    return intents, tuple(findings)


def _certificate(
    key: DesiredKey,
    wanted: Mapping[str, Value],
    live: Observation | None,
    now: datetime,
    *,
    rotating: int = 0,
    other_parent: bool = False,
) -> list[Intent]:
    """A certificate to issue: none yet, another profile, version or parent, or it has ended."""
    profile = wanted.get("certificate")
    if key.relation is not Relation.SIGNS or key.parent is None or not isinstance(profile, dict):
        return []
    if live is not None and ignored(key, "certificate"):
        return []
    version = rotating or (max(live.latest_version, 1) if live else 1)
    current = live.attributes.get("certificate") if live else None
    if isinstance(current, dict):
        same = not other_parent and all(
            current.get(name) == value for name, value in profile.items()
        )
        ended = str(current.get("not_after", "9")) <= now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if same and current.get("version", version) == version and not ended:
            return []
        reason = Reason.DUE if same else Reason.DECLARED
        return [Certify(key.parent, profile, version, reason)]
    return [Certify(key.parent, profile, version, Reason.DECLARED)]
