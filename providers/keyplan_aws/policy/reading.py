"""IAM conditions as neutral ones, as far as they say the same.

What has no neutral counterpart stays as `<operator> <key>`: no situation ever states such
a fact, so the evaluator calls it unknown and never a no.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from keyplan.model.canonical import canonical_json
from keyplan.model.values import Value
from keyplan_aws.policy.conditions import service_name
from keyplan_aws.policy.document import collapsed, items, texts
from keyplan_aws.policy.names import spell_key
from keyplan_aws.policy.operators import parse_operator

_SIMPLE = {
    ("StringEquals", "aws:principalorgid"): "org",
    ("StringEquals", "aws:principalaccount"): "account",
    ("StringEquals", "kms:calleraccount"): "account",
    ("StringEquals", "aws:sourcevpc"): "source_vpc",
    ("StringEquals", "aws:sourcevpce"): "source_vpc",
    ("IpAddress", "aws:sourceip"): "source_ip",
    ("StringLike", "kms:viaservice"): "services",
    ("StringEquals", "kms:viaservice"): "services",
}
_ENTRIES = {"kms:encryptioncontext:": "context", "aws:principaltag/": "tags"}
_POSITIVE = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "NotIpAddress": "IpAddress",
}


class Limits(NamedTuple):
    """Conditions in the form of an atom."""

    when: str = ""
    unless: str = ""
    expires_at: str = ""


class _Test(NamedTuple):
    operator: str
    key: str
    values: tuple[str, ...]


def limits_of(condition: Mapping[str, Any]) -> Limits:
    """The conditions of a canonical statement.

    An atom's `unless` is one conjunction: with two negated tests, which IAM joins by
    `neither`, nothing but the IAM form says the same.
    """
    tests = list(_tests(condition))
    negated = [test for test in tests if _excluded(test)]
    when: dict[str, Value] = {}
    unless: dict[str, Value] = {}
    expires_at = ""
    for test in tests:
        end = _end(test)
        if end and not expires_at:
            expires_at = end
        elif negated == [test] and (excluded := _excluded(test)):
            _add(unless, excluded)
        elif (said := _required(test)) and (said[0] not in when or isinstance(said[1], dict)):
            _add(when, said)
        else:
            when[f"{test.operator} {spell_key(test.key)}"] = collapsed(test.values)
    return Limits(
        canonical_json(when) if when else "", canonical_json(unless) if unless else "", expires_at
    )


def _tests(condition: Mapping[str, Any]) -> Iterator[_Test]:
    for operator, keys in condition.items():
        for key, values in keys.items():
            yield _Test(operator, key, tuple(texts(values)))


def _end(test: _Test) -> str:
    is_end = test.operator in ("DateLessThan", "DateLessThanEquals")
    single = len(test.values) == 1 and "T" in test.values[0]
    return test.values[0] if is_end and test.key == "aws:currenttime" and single else ""


def _required(test: _Test) -> tuple[str, Value] | None:
    """The neutral condition that a test demands."""
    plain = (test.operator, test.key)
    if any(_is_pattern(value) for value in test.values) and not test.operator.endswith("Like"):
        return None
    if plain in _SIMPLE:
        name = _SIMPLE[plain]
        said = [service_name(value) if name == "services" else value for value in test.values]
        return name, [*said]
    if plain == ("Bool", "aws:multifactorauthpresent") and test.values == ("true",):
        return "mfa", True
    if plain == ("DateGreaterThanEquals", "aws:currenttime") and len(test.values) == 1:
        return "not_before", test.values[0]
    for prefix, name in _ENTRIES.items():
        if test.operator == "StringEquals" and test.key.startswith(prefix):
            return name, {test.key.removeprefix(prefix): collapsed(test.values)}
    return None


def _excluded(test: _Test) -> tuple[str, Value] | None:
    """The neutral condition that a test rules out."""
    if test == _Test("BoolIfExists", "aws:multifactorauthpresent", ("false",)):
        return "mfa", True
    operator = parse_operator(test.operator)
    if operator is None or operator.quantifier or operator.if_exists:
        return None
    positive = _POSITIVE.get(operator.base)
    return _required(_Test(positive, test.key, test.values)) if positive else None


def _add(conditions: dict[str, Value], said: tuple[str, Value]) -> None:
    name, value = said
    known = conditions.get(name)
    conditions[name] = {**known, **value} if _both_maps(known, value) else value  # type: ignore[dict-item]


def _both_maps(one: Value, other: Value) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)


def _is_pattern(value: str) -> bool:
    """Whether the value is more than its text: a variable of the request."""
    return "${" in value


def exact_arns(condition: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Principals that a condition on `aws:PrincipalArn` picks one by one, and what is left of it.

    `Principal: *` with such a condition names these principals, also those yet to be made.
    """
    for operator in ("ArnLike", "StringEquals"):
        arns = texts(items(condition.get(operator, {}).get("aws:principalarn")))
        if arns and not any(mark in arn for arn in arns for mark in ("*", "?", "${")):
            rest = {name: dict(keys) for name, keys in condition.items()}
            del rest[operator]["aws:principalarn"]
            return arns, {name: keys for name, keys in rest.items() if keys}
    return [], dict(condition)


def condition_arns(condition: Mapping[str, Any]) -> list[str]:
    """Every principal that some condition on `aws:PrincipalArn` spells out."""
    found = [arn for keys in condition.values() for arn in texts(keys.get("aws:principalarn"))]
    return [arn for arn in found if not any(mark in arn for mark in ("*", "?", "${"))]
