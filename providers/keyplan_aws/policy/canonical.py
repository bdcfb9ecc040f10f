"""The one spelling of a key policy: equal values for equal policies, and for no others.

A policy means a set of atoms (effect, principal, action, resource, condition). Canonical
is the smallest document that is a function of that set and gives it back: per effect and
condition, principals with the same actions share a statement, sorted. It is itself a
policy that AWS would read, so a plan shows what everybody knows.

Rules: statement order, split and merge, Sid, Id, lists of one, case of names, forms of an
account, empty conditions, ineffective statements and what a wildcard of the same
statement says already are spelling. Wildcards are never expanded, and conditions never
merged: what AWS adds tomorrow must not make two policies equal. `Version` counts only
where a policy variable gives it a meaning. Idempotent; `None` is AWS's default policy.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from keyplan.model.canonical import canonical_json
from keyplan.model.values import Value
from keyplan_aws.policy.document import (
    ACCOUNT,
    collapsed,
    fields,
    foreign_text,
    malformed,
    statements,
    texts,
)
from keyplan_aws.policy.operators import parse_operator, spell_value
from keyplan_aws.policy.patterns import covers, has_wildcard, tidy
from keyplan_aws.policy.principals import ANYONE, spelled

EVERY_ACTION = "kms:*"
"""In a key policy `*` says no more: no other service's action asks a key policy."""

OLD_VERSION = "2008-10-17"
"""What AWS takes a policy without `Version` for."""


_DOCUMENT = frozenset({"Version", "Id", "Statement"})
_STATEMENT = frozenset(
    {
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
        "NotResource", "Condition",
    }
)  # fmt: skip


class Item(NamedTuple):
    """A member of `Principal`, `Action`, `Resource`, or all of a `Not...` at once.

    The values of a `Not...` stand together: it excludes all of them, and is not the sum
    of its parts. Those of a principal are `kind` and name, alternating.
    """

    field: str
    values: tuple[str, ...]

    @property
    def excludes(self) -> bool:
        """Whether it stands for everything but its values."""
        return self.field.startswith("Not")


_Body: TypeAlias = tuple[str, tuple[str, ...], str, tuple[str, ...]]
"""Action field and values, resource field and values: what a statement is about."""


def canonical_policy(document: Value, *, account: str | None) -> Value:
    """The canonical form. Raises `RejectedError` for what cannot be a policy."""
    if document is None or foreign_text(document) is not None:
        return document
    return _canonical(canonical_json(document), account)


@lru_cache(maxsize=4096)
def _canonical(text: str, account: str | None) -> Value:
    """By text, because many keys share a policy. What it returns is never mutated."""
    document = json.loads(text)
    _known(fields(document), _DOCUMENT)
    atoms: dict[tuple[str, str, Item], set[tuple[Item, Item]]] = defaultdict(set)
    for statement in statements(document):
        _known(statement, _STATEMENT)
        effect = _effect(statement)
        condition = canonical_json(_condition(statement.get("Condition"), account))
        about = {
            (action, resource)
            for action in _items(statement, "Action", _action)
            for resource in _items(statement, "Resource", tidy)
        }
        for principal in _principals(statement, account) if about else ():
            atoms[effect, condition, principal] |= about
    grouped: dict[tuple[str, str, _Body], set[Item]] = defaultdict(set)
    for (effect, condition, principal), about in atoms.items():
        for body in _bodies(_undominated(about)):
            grouped[effect, condition, body].add(principal)
    written = [
        _statement(effect, condition, body, principal)
        for (effect, condition, body), named in grouped.items()
        for principal in _together(named)
    ]
    written.sort(key=_place)
    return _versioned(document, [*written])


def _place(statement: Mapping[str, Value]) -> tuple[str, ...]:
    """By effect, principals and conditions first, so that a change of actions moves nothing."""
    order = ("Effect", "Principal", "NotPrincipal", "Condition")
    return *(canonical_json(statement.get(field)) for field in order), canonical_json({**statement})


def _versioned(document: Mapping[str, Any], written: list[Value]) -> Value:
    """With the version where it means something: variables are literal text in the old one."""
    if not any("${" in canonical_json(statement) for statement in written):
        return {"Statement": written}
    return {"Version": str(document.get("Version", OLD_VERSION)), "Statement": written}


def _known(written: Mapping[str, Any], names: frozenset[str]) -> None:
    """Refuse what may mean anything: left out, two policies that differ would be equal."""
    for name in sorted(written.keys() - names):
        malformed(f"nobody knows what {name[:40]!r} means in it")


# -- parts of a statement ----------------------------------------------------------------


def _effect(statement: Mapping[str, Any]) -> str:
    effect = str(statement.get("Effect")).capitalize()
    if effect not in ("Allow", "Deny"):
        malformed("a statement neither allows nor denies")
    return effect


def _items(statement: Mapping[str, Any], field: str, spell: Callable[[str], str]) -> list[Item]:
    """The members of a field or of its negation; none where neither is there: no effect."""
    values = [spell(text) for text in texts(statement.get(field))]
    excluded = _least(spell(text) for text in texts(statement.get(f"Not{field}")))
    return [Item(field, (value,)) for value in values] + (
        [Item(f"Not{field}", excluded)] if excluded else []
    )


def _action(text: str) -> str:
    pattern = tidy(text.lower())
    return EVERY_ACTION if pattern in (ANYONE, "*:*") else pattern


def _principals(statement: Mapping[str, Any], account: str | None) -> list[Item]:
    """Everybody that the statement names, by kind."""
    named = [Item("Principal", who) for who in _named(statement.get("Principal"), account)]
    excluded = sorted(set(_named(statement.get("NotPrincipal"), account)))
    if excluded:
        named.append(Item("NotPrincipal", tuple(part for who in excluded for part in who)))
    return named


def _named(value: Any, account: str | None) -> Iterator[tuple[str, str]]:
    by_kind = {"AWS": value} if isinstance(value, str) else value or {}
    for kind, names in fields(by_kind).items():
        for name in texts(names):
            yield kind, spelled(name, account) if kind == "AWS" else name


def _condition(value: Any, account: str | None) -> Value:
    """Operators and keys in one spelling.

    Two that would become one and test different values stay as they are written: both
    must hold, while values in one list mean either.
    """
    tests: dict[tuple[str, str], dict[tuple[str, str], Value]] = defaultdict(dict)
    for operator, keys in fields(value or {}).items():
        for key, values in fields(keys).items():
            known = parse_operator(operator)
            tests[str(known or operator), key.lower()][operator, key] = collapsed(
                account
                if text == ACCOUNT and account
                else (spell_value(known, text) if known else text)
                for text in texts(values)
            )
    written: dict[str, dict[str, Value]] = defaultdict(dict)
    for place, spellings in tests.items():
        alike = len({canonical_json(found) for found in spellings.values()}) == 1
        for spelling, found in spellings.items():
            operator, key = place if alike else spelling
            written[operator][key] = found
    return {**written}


# -- from atoms to statements ------------------------------------------------------------


def _least(patterns: Iterable[str]) -> tuple[str, ...]:
    """Sorted, without what another of them covers."""
    unique = set(patterns)
    wide = [pattern for pattern in unique if has_wildcard(pattern)]
    return tuple(
        sorted(
            pattern
            for pattern in unique
            if not any(other != pattern and covers(other, pattern) for other in wide)
        )
    )


def _undominated(about: set[tuple[Item, Item]]) -> set[tuple[Item, Item]]:
    """Without pairs of action and resource that another pair includes.

    Only a pair with the same action, or one whose action is a pattern, can do that.
    """
    same: dict[Item, list[tuple[Item, Item]]] = defaultdict(list)
    for pair in about:
        same[pair[0]].append(pair)
    wide = [pair for pair in about if has_wildcard(pair[0].values[0])]
    return {
        pair
        for pair in about
        if not any(
            other != pair and _includes(other[0], pair[0]) and _includes(other[1], pair[1])
            for other in (*wide, *same[pair[0]])
        )
    }


def _includes(wide: Item, narrow: Item) -> bool:
    if wide == narrow:
        return True
    if wide.excludes:
        return False
    if narrow.excludes:
        return wide.values[0] in (EVERY_ACTION, ANYONE)
    return covers(wide.values[0], narrow.values[0])


def _bodies(about: set[tuple[Item, Item]]) -> Iterator[_Body]:
    """Actions with the same resources together."""
    resources_of: dict[Item, set[Item]] = defaultdict(set)
    for action, resource in about:
        resources_of[action].add(resource)
    actions_on: dict[Item, set[Item]] = defaultdict(set)
    for action, resources in resources_of.items():
        for resource in _together(resources):
            actions_on[resource].add(action)
    for resource, actions in actions_on.items():
        for action in _together(actions):
            yield (*action, *resource)


def _together(members: Collection[Item]) -> Iterator[Item]:
    """All positive members as one; each `Not...` by itself."""
    positive = sorted(item.values for item in members if not item.excludes)
    if positive:
        field = next(item.field for item in members if not item.excludes)
        yield Item(field, tuple(part for values in positive for part in values))
    yield from (item for item in members if item.excludes)


def _statement(effect: str, condition: str, body: _Body, principal: Item) -> dict[str, Value]:
    action_field, actions, resource_field, resources = body
    written: dict[str, Value] = {
        "Effect": effect,
        principal.field: _principal_value(principal.values),
        action_field: collapsed(actions),
        resource_field: collapsed(resources),
    }
    tests = json.loads(condition)
    if tests:
        written["Condition"] = tests
    return written


def _principal_value(values: tuple[str, ...]) -> Value:
    if values == ("AWS", ANYONE):
        return ANYONE
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, name in zip(values[::2], values[1::2], strict=True):
        by_kind[kind].append(name)
    return {kind: collapsed(names) for kind, names in by_kind.items()}
