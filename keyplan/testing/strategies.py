"""Hypothesis strategies: random hierarchies that are valid, and random accidents.

Rules: every stack drawn keeps the invariants of the language (tiers in order, scope
only narrowed, parents at least as strong, a relation its algorithms allow), so a plan
of it must succeed; shrinking leads to one root key with nothing declared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st

from keyplan.model.hierarchy import PARENT_USAGE, tier_may_follow
from keyplan.model.keys import ALGORITHMS, KeyState, Relation, Tier, Usage
from keyplan.model.policies import USE, Effect
from keyplan.model.values import Value
from keyplan.testing.fake_service import FakeKey, FakeService
from keyplan.testing.stack_spec import PEOPLE, KeySpec, StackSpec, StatementSpec

_TEXT = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="$%"
    ),
    min_size=1,
    max_size=12,
)
_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
_LABELS = st.dictionaries(_NAMES, _TEXT, max_size=3)
_ROTATIONS = st.sampled_from(
    [{"every": "90d"}, {"every": "1y", "overlap": "14d"}, {"every": "720h", "keep": 3}]
)
_DELETIONS = st.fixed_dictionaries(
    {"protection": st.booleans()},
    optional={
        "soak": st.sampled_from(["0d", "24h", "7d"]),
        "window": st.sampled_from(["7d", "30d"]),
    },
)
_ROOTS = (
    (Usage.WRAP, "aes-256"),
    (Usage.DERIVE, "hmac-sha512"),
    (Usage.DERIVE, "aes-256"),
    (Usage.SIGN, "ec-p521"),
)
_PARENTS = {
    relation: [root for root in _ROOTS if root[0] is PARENT_USAGE[relation]]
    for relation in (Relation.WRAPS, Relation.DERIVES, Relation.SIGNS)
}
_LEAVES: Mapping[Relation, tuple[tuple[Usage, str], ...]] = {
    Relation.WRAPS: (
        (Usage.ENCRYPT, "aes-256"), (Usage.ENCRYPT, "aes-128"), (Usage.MAC, "hmac-sha256"),
        (Usage.SIGN, "ed25519"), (Usage.AGREE, "ec-p256"),
    ),
    Relation.DERIVES: ((Usage.ENCRYPT, "aes-256"), (Usage.MAC, "hmac-sha256")),
    Relation.SIGNS: ((Usage.SIGN, "ec-p256"), (Usage.SIGN, "ed25519")),
    Relation.GOVERNS: ((Usage.ENCRYPT, "aes-256"), (Usage.SIGN, "ec-p384")),
}  # fmt: skip


@st.composite
def policies(draw: st.DrawFn) -> Mapping[str, tuple[StatementSpec, ...]]:
    """Up to three policies, by name."""
    names = draw(st.lists(st.sampled_from(["envelope", "signing", "reading"]), unique=True))
    return {name: tuple(draw(_statements())) for name in names}


@st.composite
def _statements(draw: st.DrawFn) -> list[StatementSpec]:
    sids = draw(st.lists(st.sampled_from(["Use", "Audit", "Never"]), unique=True, max_size=3))
    people = st.lists(st.sampled_from(sorted(PEOPLE)), min_size=1, unique=True)
    context = st.dictionaries(_NAMES, _TEXT, max_size=2)
    forms = {
        "Use": lambda: StatementSpec(
            "Use", Effect.ALLOW, tuple(draw(people)), ("use",), draw(context)
        ),
        "Audit": lambda: StatementSpec("Audit", Effect.ALLOW, ("auditor",), ("audit",)),
        "Never": lambda: StatementSpec("Never", Effect.DENY, None, ("export",)),
    }
    return [forms[sid]() for sid in sids]


@st.composite
def stacks(
    draw: st.DrawFn,
    *,
    max_keys: int = 12,
    provider: str = "fake",
    places: Sequence[str] = (),
    without: Collection[Usage] = (),
) -> StackSpec:
    """A stack of one to `max_keys` keys, in a tree or several, some with replicas in `places`.

    `without` are the usages that the provider does not offer; those of roots it must.
    """
    declared = draw(policies())
    keys: list[KeySpec] = []
    scopes: dict[str, frozenset[str]] = {}
    for number in range(draw(st.integers(1, max_keys))):
        parents = [key for key in keys if _may_be_parent(key)]
        parent = draw(st.none() | st.sampled_from(parents)) if parents else None
        if parent is None:
            usage, algorithm = draw(st.sampled_from(_ROOTS))
            key = KeySpec(f"k{number}", Tier.ROOT, usage, algorithm)
            inherited: frozenset[str] = frozenset()
        else:
            inherited = scopes[parent.name]
            key = draw(_children(parent, f"k{number}", inherited, without))
        scopes[key.name] = inherited | key.attributes.get("scope", {}).keys()
        keys.append(key)
    names = {key.parent for key in keys}
    dressed = [
        draw(_dressed(key, leaf=key.name not in names, policies=sorted(declared))) for key in keys
    ]
    if places:
        dressed = [draw(_replicated(key, places)) for key in dressed]
    return StackSpec(tuple(dressed), declared, provider)


def _may_be_parent(key: KeySpec) -> bool:
    return key.tier in (Tier.ROOT, Tier.MASTER) and (key.usage, key.algorithm) in _ROOTS


def _relations(parent: KeySpec) -> list[Relation]:
    fitting = [relation for relation, usage in PARENT_USAGE.items() if usage is parent.usage]
    return [*fitting, Relation.GOVERNS]


@st.composite
def _children(
    draw: st.DrawFn,
    parent: KeySpec,
    name: str,
    inherited: frozenset[str],
    without: Collection[Usage],
) -> KeySpec:
    relation = draw(st.sampled_from(_relations(parent)))
    tiers = [tier for tier in Tier if tier is not Tier.ROOT and tier_may_follow(parent.tier, tier)]
    tier = draw(st.sampled_from(tiers))
    inner = _PARENTS.get(relation, []) if tier is Tier.MASTER else []
    strength = ALGORITHMS[parent.algorithm].strength
    fitting = [
        (usage, algorithm)
        for usage, algorithm in (*inner, *_LEAVES[relation])
        if ALGORITHMS[algorithm].strength <= strength and usage not in without
    ]
    usage, algorithm = draw(st.sampled_from(fitting))
    own = draw(st.dictionaries(st.sampled_from(["environment", "tenant"]), _NAMES, max_size=2))
    scope = {part: value for part, value in own.items() if part not in inherited}
    return KeySpec(
        name, tier, usage, algorithm, parent.name, relation, {"scope": scope} if scope else {}
    )


@st.composite
def _dressed(draw: st.DrawFn, key: KeySpec, *, leaf: bool, policies: list[str]) -> KeySpec:
    """The key with attributes that suit it."""
    own: dict[str, st.SearchStrategy[Any]] = {
        "description": _TEXT,
        "labels": _LABELS,
        "owner": st.just("security@keyplan.example"),
        "deletion": _DELETIONS,
    }
    if key.relation in (None, Relation.WRAPS, Relation.GOVERNS):
        own["rotation"] = _ROTATIONS
    if leaf:
        own["aliases"] = st.lists(
            st.sampled_from("abc").map(lambda letter: f"{key.name}/{letter}"), unique=True
        )
        own["expires_at"] = st.sampled_from(["2030-06-30", "2031-01-01T12:00:00Z"])
        own["grants"] = st.dictionaries(st.sampled_from(["batch", "report"]), _grants(key.usage))
        own["state"] = st.sampled_from([KeyState.ACTIVE.value, KeyState.SUSPENDED.value])
    drawn = draw(st.fixed_dictionaries({}, optional=own))
    chosen = draw(st.lists(st.sampled_from(policies), unique=True)) if policies else []
    return replace(key, attributes={**key.attributes, **drawn}, policies=tuple(chosen))


@st.composite
def _replicated(draw: st.DrawFn, key: KeySpec, places: Sequence[str]) -> KeySpec:
    """The key, perhaps in several places, with or without a say about the primary."""
    chosen = draw(st.lists(st.sampled_from(places), unique=True))
    multi = {"multi_region": True} if draw(st.booleans()) else {}
    if not chosen:
        return replace(key, attributes={**key.attributes, **multi})
    own = {
        "labels": _LABELS,
        "aliases": st.just([f"{key.name}/there"]),
    }
    entries = {place: draw(st.fixed_dictionaries({}, optional=own)) for place in chosen}
    choices: list[dict[str, Any]] = [{}, {"primary": None}, *({"primary": p} for p in chosen)]
    primary = draw(st.sampled_from(choices))
    return replace(key, attributes={**key.attributes, **multi, **primary}, replicas=entries)


@st.composite
def _grants(draw: st.DrawFn, usage: Usage) -> dict[str, Any]:
    operations = st.lists(st.sampled_from(sorted(USE[usage])), min_size=1, unique=True)
    terms: dict[str, Any] = {
        "principal": f"principal.{draw(st.sampled_from(sorted(PEOPLE)))}",
        "operations": draw(operations),
    }
    context = draw(st.dictionaries(_NAMES, _TEXT, max_size=1))
    return terms | ({"context": context} if context else {})


# -- accidents ---------------------------------------------------------------------------


class AccidentKind(StrEnum):
    """What somebody else does to a key."""

    DESCRIBED = "described"
    LABELLED = "labelled"
    UNLABELLED = "unlabelled"
    NAMED = "named"
    UNNAMED = "unnamed"
    POLICY_REPLACED = "policy replaced"
    GRANTED = "granted"
    SUSPENDED = "suspended"
    DISOWNED = "disowned"
    SCHEDULED = "scheduled for deletion"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Accident:
    """One change behind keyplan's back. `which` picks the key, modulo how many there are."""

    kind: AccidentKind
    which: int

    def happen(self, service: FakeService) -> str | None:
        """Let it happen; the id of the key it happened to, or `None` if there is none."""
        keys = service.current()
        if not keys:
            return None
        key_id = keys[self.which % len(keys)].id
        if self.kind is AccidentKind.VANISHED:
            service.vanish(key_id)
        else:
            service.edit(key_id, lambda key: self._changed(key, service))
        return key_id

    def _changed(self, key: FakeKey, service: FakeService) -> FakeKey:
        labels, grants = (
            value if isinstance(value := key.attributes[name], dict) else {}
            for name in ("labels", "grants")
        )
        match self.kind:
            case AccidentKind.DESCRIBED:
                return key.having("description", "changed by hand")
            case AccidentKind.LABELLED:
                return key.having("labels", {**labels, "by-hand": "yes"})
            case AccidentKind.UNLABELLED:
                return key.having("labels", {})
            case AccidentKind.NAMED:
                return replace(key, aliases=tuple(sorted({*key.aliases, f"by-hand/{key.id}"})))
            case AccidentKind.UNNAMED:
                return replace(key, aliases=())
            case AccidentKind.POLICY_REPLACED:
                return key.having("policy", {"administrators": ["stranger"], "statements": []})
            case AccidentKind.GRANTED:
                stranger: Value = {
                    "principal": ["stranger"],
                    "operations": ["decrypt"],
                    "context": {},
                }
                return key.having("grants", {**grants, "by-hand": stranger})
            case AccidentKind.SUSPENDED:
                return replace(key, state=KeyState.SUSPENDED)
            case AccidentKind.DISOWNED:
                return replace(key, owner=None)
            case AccidentKind.SCHEDULED:
                end = service.clock.now() + timedelta(days=30)
                return replace(key, state=KeyState.SUSPENDED, deletion_at=end)
            case AccidentKind.VANISHED:
                return key


def accidents(
    *, max_size: int = 4, but: tuple[AccidentKind, ...] = ()
) -> st.SearchStrategy[list[Accident]]:
    """Some accidents, none of the kinds in `but`."""
    kinds = st.sampled_from([kind for kind in AccidentKind if kind not in but])
    return st.lists(st.builds(Accident, kinds, st.integers(0, 63)), max_size=max_size)
