"""Who gains and who loses, and the proof that nobody is locked out, for a set of changes.

Rules: access is computed from the providers' own policies, before and after; equal
pairs of policies are compared once, however many keys share them. What no key of its usage
can do (sign with a key that encrypts) is nobody's access, whatever a policy says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from keyplan.access.atoms import Atom
from keyplan.access.delta import Change, Reach, delta
from keyplan.model.address import Address
from keyplan.model.canonical import canonical_json
from keyplan.model.keys import ALGORITHMS, KeyState, Usage
from keyplan.model.observations import Observation
from keyplan.model.operations import PutPolicy
from keyplan.model.policies import APPLYING, OPERATIONS, PROCESSING, possible
from keyplan.model.principals import Principal
from keyplan.model.resources import DesiredKey, Manage
from keyplan.model.values import Value, has_unknown
from keyplan.planning.compare import elements, seen
from keyplan.planning.intents import Destroy, KeyDiff, Move, Rescue, Schedule
from keyplan.planning.visible import CUSTOMER
from keyplan.plans.changes import AccessChange
from keyplan.plans.plan import Step
from keyplan.rules.lockout import PolicyStage, policies_put
from keyplan.sdk.provider import Plugin, PolicyReview

_Row: TypeAlias = tuple[str, tuple[str, ...], str | None, str | None, bool]
"""Principal, operations, limits before, limits after, whether it may be wider."""

_Access: TypeAlias = "tuple[Value, Value, str] | None"
"""A policy, its grants and the key's state; `None` where there is no key."""


@dataclass(slots=True)
class AccessView:
    """Access as the plugins of a stack see it, remembered per policy text.

    `callers` are the principals that act, by provider instance.
    """

    plugins: Mapping[str, Plugin]
    principals: Mapping[Address, Principal]
    callers: Mapping[str, str] = field(default_factory=dict)
    _atoms: dict[tuple[str, str], Sequence[Atom]] = field(default_factory=dict)
    _rows: dict[tuple[str, str, str], tuple[_Row, ...]] = field(default_factory=dict)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    _reviews: dict[tuple[str, str], PolicyReview | None] = field(default_factory=dict)

    def atoms(self, provider: str, policy: Value, grants: Mapping[str, Value]) -> Sequence[Atom]:
        """The atoms of a policy and grants on a provider."""
        key = (provider, canonical_json([policy, dict(grants)]))
        if key not in self._atoms:
            self._atoms[key] = self.plugins[provider].access(policy, grants)
        return self._atoms[key]

    def review(self, provider: str, policy: Value) -> PolicyReview | None:
        """What a provider's own rules say about a policy that is to be put."""
        key = (provider, canonical_json(policy))
        if key not in self._reviews:
            caller = self.callers.get(provider, "")
            self._reviews[key] = self.plugins[provider].review_policy(policy, caller)
        return self._reviews[key]

    def rows(self, provider: str, before: _Access, after: _Access) -> tuple[_Row, ...]:
        """What changes for whom between two states of access of a key."""
        key = (provider, canonical_json(list(before or ())), canonical_json(list(after or ())))
        if key not in self._rows:
            had = self._in_force(provider, before) if before else ()
            has = self._in_force(provider, after) if after else ()
            self._rows[key] = tuple(_rows(had, has))
        return self._rows[key]

    def _in_force(self, provider: str, access: tuple[Value, Value, str]) -> Sequence[Atom]:
        """The atoms that count in the key's state: a suspended key serves nobody."""
        policy, grants, written = access
        state = KeyState(written)
        refused = frozenset() if state.may_apply else APPLYING
        refused |= frozenset() if state.may_process else PROCESSING
        atoms = self.atoms(provider, policy, elements(grants))
        return [atom for atom in atoms if atom.operation not in refused]

    def name(self, provider: str, identity: str) -> str:
        """The declared principal behind an identity, or the empty string."""
        if not self._names:
            for principal in self.principals.values():
                for instance in self.plugins:
                    for known in principal.identities_on(instance):
                        short = principal.address.replace("principal.", "", 1)
                        self._names[(instance, known)] = short
        return self._names.get((provider, identity), "")


def access_changes(diffs: Sequence[KeyDiff], view: AccessView) -> tuple[AccessChange, ...]:
    """One row per key, principal and kind of change."""
    rows: list[AccessChange] = []
    for diff in diffs:
        before, after = _before(diff), _after(diff)
        if before == after or has_unknown(list(after or ())):
            continue
        senseless = _senseless(diff)
        rows += [
            AccessChange(
                address=diff.address,
                provider=diff.provider,
                principal=principal,
                name=view.name(diff.provider, principal),
                operations=left,
                before=had,
                after=has,
                wider=wider,
            )
            for principal, operations, had, has, wider in view.rows(diff.provider, before, after)
            if (left := tuple(item for item in operations if item not in senseless))
        ]
    return tuple(rows)


def _senseless(diff: KeyDiff) -> frozenset[str]:
    """The operations that no key of this usage can have; none where the usage is not known."""
    known: dict[str, Value] = dict(diff.live.attributes) if diff.live else {}
    known |= dict(diff.resource.attributes) if diff.resource else {}
    if diff.desired and diff.desired.usage:
        known |= {"usage": diff.desired.usage.value, "algorithm": diff.desired.algorithm}
    if (usage := known.get("usage")) not in set(Usage):
        return frozenset()
    algorithm = ALGORITHMS.get(str(known.get("algorithm")))
    public_key = algorithm is None or not algorithm.symmetric
    return OPERATIONS - possible(Usage(str(usage)), public_key=public_key)


def _before(diff: KeyDiff) -> _Access:
    if diff.live is None:
        return None
    policy, grants = (
        seen(name, diff.resource, diff.live) if diff.resource else diff.live.attributes.get(name)
        for name in ("policy", "grants")
    )
    return (policy, grants or {}, diff.live.state.value)


def _after(diff: KeyDiff) -> _Access:
    policy, grants, state = _before(diff) or (None, {}, KeyState.ACTIVE.value)
    granted = dict(elements(grants))
    for change in diff.attributes:
        collection, _, name = change.path.partition(":")
        if collection == "policy":
            policy = change.after
        elif collection == "grants" and change.after is None:
            granted.pop(name, None)
        elif collection == "grants":
            granted[name] = change.after
    return (policy, granted, _state_after(diff, KeyState(state)).value)


def _state_after(diff: KeyDiff, state: KeyState) -> KeyState:
    """The state that the intents bring the key to, in the order in which they run."""
    for intent in diff.intents:
        match intent:
            case Rescue() | Schedule() | Destroy():
                state = KeyState.SUSPENDED if state is KeyState.ACTIVE else state
            case Move(after=after):
                state = after
            case _:
                pass
    return state


def _rows(before: Sequence[Atom], after: Sequence[Atom]) -> Iterator[_Row]:
    """Changes of one key, operations with the same principal and limits together."""
    grouped: dict[tuple[str, str | None, str | None, bool], list[str]] = {}
    for change in delta(before, after):
        had = None if change.change is Change.GAINS else _limits(change.before)
        has = None if change.change is Change.LOSES else _limits(change.after)
        group = (change.principal, had, has, change.change.may_widen)
        grouped.setdefault(group, []).append(change.operation)
    for (principal, had, has, wider), operations in grouped.items():
        yield principal, tuple(sorted(operations)), had, has, wider


def _limits(reach: Reach) -> str:
    """The conditions of an access as people read them; empty where there are none."""
    alternatives = sorted({_atom_limits(atom) for atom in reach.allows})
    if "" in alternatives:
        return ""
    return " or ".join(alternatives)


def _atom_limits(atom: Atom) -> str:
    parts = [_condition(name, value) for name, value in _conditions(atom.when)]
    parts += [f"not {_condition(name, value)}" for name, value in _conditions(atom.unless)]
    if atom.expires_at:
        parts.append(f"until {atom.expires_at[:10]}")
    return ", ".join(parts)


def _conditions(text: str) -> list[tuple[str, Value]]:
    return sorted(json.loads(text).items()) if text else []


def _condition(name: str, value: Value) -> str:
    match value:
        case dict():
            return f"{name} " + ", ".join(f"{key}={item}" for key, item in sorted(value.items()))
        case list():
            return f"{name} " + ", ".join(str(item) for item in value)
        case _:
            return f"{name} {value}"


def kept_policies(
    keys: Mapping[Address, DesiredKey], live: Mapping[Address, Observation], view: AccessView
) -> Iterator[PolicyStage]:
    """The live policies of keys whose policy is not declared, or only looked at."""
    for address, key in sorted(keys.items()):
        seen = live.get(address)
        if seen is None or seen.deletion_at is not None or seen.attributes.get("policy") is None:
            continue
        looked_at = key.policy is None or key.keep_policy or key.lifecycle.manage is Manage.OBSERVE
        if looked_at and seen.attributes.get("manager", CUSTOMER) == CUSTOMER:
            review = view.review(key.provider, seen.attributes["policy"])
            yield PolicyStage(address, 0, (), key.position(), review)


def policy_stages(
    steps: Sequence[Step], diffs: Mapping[Address, KeyDiff], view: AccessView
) -> Iterator[PolicyStage]:
    """Every policy that a step puts in force, in the order of the steps."""
    for step in steps:
        caller = view.callers.get(step.provider, "")
        diff = diffs.get(step.address)
        position = diff.desired.position("policies") if diff and diff.desired else None
        for policy in policies_put(step.operation):
            yield PolicyStage(
                step.address,
                step.number,
                view.atoms(step.provider, policy, {}),
                position,
                view.review(step.provider, policy),
                view.review(step.provider, step.operation.before)
                if isinstance(step.operation, PutPolicy)
                else None,
                view.name(step.provider, caller) or caller,
            )
