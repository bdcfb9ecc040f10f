"""How somebody stands to one action by a key policy alone: surely, perhaps, or not.

What is known of a person is their ARN; of their request, that it is a plain call to KMS
over TLS, for no service and without the bypass of the lockout check. Every other fact is
unknown, and a condition on it may hold or fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from keyplan.access.conditions import Truth, both
from keyplan_aws.policy.document import fields, statements, texts
from keyplan_aws.policy.operators import Operator, parse_operator
from keyplan_aws.policy.patterns import covers, has_wildcard
from keyplan_aws.policy.principals import ANYONE, is_account, parse_arn

_FACTS: Mapping[str, str | None] = {
    "aws:securetransport": "true",
    "aws:principalisawsservice": "false",
    "aws:viaawsservice": "false",
    "kms:bypasspolicylockoutsafetycheck": "false",
    "kms:viaservice": None,
    "kms:grantisforawsresource": None,
}
"""What a plain call states; `None`: the key is missing from it."""

_UNKNOWN = object()
_PARTITION = re.compile(r"arn:aws[a-z-]*:")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who calls. `arn` is that of an account's root for the account itself.

    Who calls as a session does not tell the path of its role: `exact` is false then, and
    `short` (`role/ci`, unique in its account) is what can be compared.
    """

    account: str
    arn: str
    short: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """By name, by way of the account, and by a deny: each surely, perhaps, or not."""

    direct: Truth
    delegated: Truth
    denied: Truth


def person(principal: str) -> Person | None:
    """Who an ARN or an account in canonical spelling stands for; `None` for anything else."""
    if is_account(principal):
        return Person(principal, f"arn:aws:iam::{principal}:root", "root")
    arn = parse_arn(principal)
    if arn is None or arn.kind not in ("role", "user", "assumed-role"):
        return None
    if arn.kind == "assumed-role":
        role = f"arn:{arn.partition}:iam::{arn.account}:{arn.short}"
        return Person(arn.account, role, arn.short, exact=False)
    return Person(arn.account, principal, arn.short)


def caller(principal: str) -> Person | None:
    """Who acts, by what STS tells: of a role without its path, even where it looks whole."""
    who = person(principal)
    if who is not None and who.short.startswith("role/") and who.arn.endswith(f":{who.short}"):
        return replace(who, exact=False)
    return who


def standing(document: Any, who: Person, action: str) -> Standing:
    """How somebody stands, by a canonical document."""
    direct: list[Truth] = []
    delegated: list[Truth] = []
    denied: list[Truth] = []
    for statement in statements(document):
        if not _speaks_of(statement, action):
            continue
        holds = both(_conditions(statement, who))
        if statement["Effect"] == "Deny":
            denied.append(both((_denies(statement, who), holds)))
            continue
        by_name, by_account = _allows(statement, who)
        direct.append(both((by_name, holds)))
        delegated.append(both((by_account, holds)))
    return Standing(_either(direct), _either(delegated), _either(denied))


def _either(truths: list[Truth]) -> Truth:
    """Kleene's disjunction."""
    if True in truths:
        return True
    return None if None in truths else False


def _speaks_of(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(covers(pattern, action) for pattern in texts(statement["NotAction"]))
    return any(covers(pattern, action) for pattern in texts(statement["Action"]))


def _allows(statement: Mapping[str, Any], who: Person) -> tuple[Truth, Truth]:
    if "NotPrincipal" in statement:
        return None, None
    names = _people(statement, "Principal")
    return _either([ANYONE in names, *(_is(name, who) for name in names)]), who.account in names


def _denies(statement: Mapping[str, Any], who: Person) -> Truth:
    """To be spared by `NotPrincipal`, a principal and its account must both be listed.

    Of a role its session must be too, and which that will be is not known.
    """
    if "NotPrincipal" in statement:
        spared = _people(statement, "NotPrincipal")
        listed = _either([_is(name, who) for name in spared])
        if listed and who.account in spared and not who.short.startswith("role/"):
            return False
        return True if listed is False else None
    names = _people(statement, "Principal")
    return _either([ANYONE in names, who.account in names, *(_is(name, who) for name in names)])


def _people(statement: Mapping[str, Any], field: str) -> list[str]:
    """Accounts, users, roles and sessions: a service is none, however it is called."""
    value = statement.get(field)
    return texts(value.get("AWS")) if isinstance(value, Mapping) else texts(value)


def _is(name: str, who: Person) -> Truth:
    """A role's name is unique in its account, whatever its path; a session is one of many."""
    if is_account(name):
        return name == who.account and who.short == "root"
    arn = parse_arn(name)
    if arn is None or (arn.account, arn.short) != (who.account, who.short):
        return False
    return None if arn.kind == "assumed-role" else True


# -- conditions --------------------------------------------------------------------------


def _conditions(statement: Mapping[str, Any], who: Person) -> Iterator[Truth]:
    if statement.get("Resource") != "*":
        yield None
    for operator_text, keys in fields(statement.get("Condition", {})).items():
        operator = parse_operator(operator_text)
        for key, values in keys.items():
            yield None if operator is None else _test(operator, key, texts(values), who)


def _test(operator: Operator, key: str, values: list[str], who: Person) -> Truth:
    fact = _fact(key, who)
    if fact is _UNKNOWN:
        return None
    if operator.base == "Null":
        if str(operator) != "Null":
            return None  # AWS knows no such thing
        return ("true" if fact is None else "false") in values
    if fact is None:
        return operator.holds_without
    matched = [_matches(operator, value, str(fact), who) for value in values]
    found = _either(matched)
    return found if not operator.negated or found is None else not found


def _fact(key: str, who: Person) -> object:
    if key in ("aws:principalaccount", "kms:calleraccount"):
        return who.account
    if key == "aws:principalarn":
        return who.arn
    if key.startswith("kms:encryptioncontext"):
        return None
    return _FACTS.get(key, _UNKNOWN)


def _matches(operator: Operator, value: str, fact: str, who: Person) -> Truth:
    if "${" in value:
        return None
    if who.short == "root" and fact == who.arn:  # an account does not tell its partition
        value = _PARTITION.sub("arn:aws:", value)
    match operator.base:
        case "StringEquals" | "StringNotEquals" | "Bool":
            found = value == fact
        case "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase":
            found = value.lower() == fact.lower()
        case "StringLike" | "StringNotLike":
            found = covers(value, fact)
        case "ArnLike" | "ArnNotLike":
            return _arn_matches(value, fact, who)
        case _:
            return None
    if found or fact != who.arn or who.exact:
        return found
    return _perhaps_by_path(value, who)


def _arn_matches(pattern: str, fact: str, who: Person) -> Truth:
    """Part by part: a wildcard does not reach over a colon."""
    parts, known = pattern.split(":", 5), fact.split(":", 5)
    if len(parts) != len(known):
        return None
    parts[1] = known[1] if parts[1].startswith("aws") else parts[1]
    if all(covers(wide, part) for wide, part in zip(parts, known, strict=True)):
        return True
    return False if who.exact else _perhaps_by_path(pattern, who)


def _perhaps_by_path(pattern: str, who: Person) -> Truth:
    """A session's role may have a path: an ARN of that name is it, a pattern may be.

    A session itself is nobody's `aws:PrincipalArn`.
    """
    service = pattern.split(":", 3)[2:3]
    if service and not covers(service[0], "iam"):
        return False
    arn = parse_arn(pattern)
    if arn is not None and not has_wildcard(pattern):
        return (arn.account, arn.short) == (who.account, who.short)
    return None
