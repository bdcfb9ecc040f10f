"""Conditions as AWS can hold them: any of several clauses, each a conjunction of tests.

A statement of IAM holds where all of its tests hold. `A or B` therefore takes two
statements, and `not (A and B)` becomes `not A or not B`. A negated operator of IAM holds
where its key is missing, and so does the neutral `unless`: the two mean the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple, TypeAlias

from keyplan.model.values import Value
from keyplan_aws.policy.document import collapsed


class Test(NamedTuple):
    """One operator on one key: any of the values, or none of them if it is negated."""

    operator: str
    key: str
    values: tuple[str, ...]


Clause: TypeAlias = tuple[Test, ...]
Form: TypeAlias = tuple[Clause, ...]

ALWAYS: Form = ((),)
NEVER: Form = ()

_OPPOSITES = (
    ("StringEquals", "StringNotEquals"),
    ("StringLike", "StringNotLike"),
    ("IpAddress", "NotIpAddress"),
    ("DateGreaterThanEquals", "DateLessThan"),
    ("DateLessThanEquals", "DateGreaterThan"),
)
_OPPOSITE = dict(_OPPOSITES) | {no: yes for yes, no in _OPPOSITES}
_ABSENT_IS_FALSE = {"Bool": ("BoolIfExists", "false"), "BoolIfExists": ("Bool", "true")}
"""`Bool true` fails where the key is missing; its opposite must then hold."""


def one(operator: str, key: str, *values: str) -> Form:
    """A single test."""
    return ((Test(operator, key, tuple(sorted(set(values)))),),)


def all_of(forms: Iterable[Form]) -> Form:
    """Where every form holds."""
    clauses = (sum(choice, ()) for choice in product(*forms))
    return tuple(merged for clause in clauses if (merged := _merged(clause)) is not None)


def any_of(forms: Iterable[Form]) -> Form:
    """Where at least one form holds."""
    return sum(forms, NEVER)


def opposite(form: Form) -> Form:
    """Where the form does not hold."""
    return all_of(any_of(_denied(test) for test in clause) for clause in form)


def condition_block(clause: Clause) -> dict[str, Value]:
    """A clause as the `Condition` of a statement."""
    block: dict[str, dict[str, Value]] = defaultdict(dict)
    for test in clause:
        block[test.operator][test.key] = collapsed(test.values)
    return {**block}


def _denied(test: Test) -> Form:
    if test.operator in _ABSENT_IS_FALSE:
        operator, value = _ABSENT_IS_FALSE[test.operator]
        return one(operator, test.key, value)
    return one(_OPPOSITE[test.operator], test.key, *test.values)


def _merged(clause: Clause) -> Clause | None:
    """Tests of one operator on one key as one test; `None` if they contradict each other."""
    together: dict[tuple[str, str], tuple[str, ...]] = {}
    for operator, key, values in clause:
        known = together.get((operator, key))
        found = values if known is None else _both(operator, known, values)
        if not found:
            return None
        together[operator, key] = found
    return tuple(Test(*place, values) for place, values in together.items())


def _both(operator: str, one_side: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if "Not" in operator:
        return tuple(sorted({*one_side, *other}))
    if operator.startswith("DateLess"):
        return (min(*one_side, *other),)
    if operator.startswith("DateGreater"):
        return (max(*one_side, *other),)
    return tuple(value for value in one_side if value in other)
