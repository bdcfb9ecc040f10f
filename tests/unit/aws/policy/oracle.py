"""An evaluator of key policies that shares no code with the one under test.

Written to AWS's description of the evaluation logic, slowly and literally, over a small
universe of requests. Two policies that decide any request of it differently differ.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

HOME, ABROAD = "111122223333", "444455556666"
APP, ADMIN = (f"arn:aws:iam::{HOME}:role/{name}" for name in ("app", "admin"))
STRANGER = f"arn:aws:iam::{ABROAD}:role/partner"
SERVICE = "rds.amazonaws.com"
ROOT = f"arn:aws:iam::{HOME}:root"
PRINCIPALS = (APP, ADMIN, STRANGER, ROOT, SERVICE)
ACTIONS = (
    "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:PutKeyPolicy",
    "kms:WhatAwsAddsTomorrow",
)  # fmt: skip
KEY_ARN = f"arn:aws:kms:eu-west-1:{HOME}:key/1234abcd"

Context = Mapping[str, str]
Decided = frozenset[tuple[str, str, str, int]]

_FACTS: dict[str, tuple[str | None, ...]] = {
    "kms:encryptioncontext:tenant": (None, "acme", "ACME", "zeta"),
    "aws:principalorgid": (None, "o-1"),
    "aws:multifactorauthpresent": (None, "true", "false"),
    "aws:sourceip": ("10.0.0.1", "192.0.2.7"),
    "aws:currenttime": ("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
}
CONTEXTS: tuple[Context, ...] = tuple(
    {name: value for name, value in zip(_FACTS, values, strict=True) if value is not None}
    for values in itertools.product(*_FACTS.values())
)


def decisions(document: Any) -> Decided:
    """Everything a document says: (how, principal, action, context) for each match."""
    version = document.get("Version", "2008-10-17")
    found: set[tuple[str, str, str, int]] = set()
    for statement in _many(document["Statement"]):
        if not _complete(statement):
            continue
        actions = [action for action in ACTIONS if _action(statement, action)]
        if not _resource(statement):
            continue
        for principal in PRINCIPALS:
            for how in _how(statement, principal):
                found |= {
                    (how, principal, action, place)
                    for place in _where(statement, principal, version)
                    for action in actions
                }
    return frozenset(found)


def allowed(decided: Decided, principal: str, action: str, place: int) -> bool:
    """Whether a request may succeed, IAM of its account permitting."""
    given = {
        how
        for how in ("direct", "delegated", "denied")
        if (how, principal, action, place) in decided
    }
    return bool(given & {"direct", "delegated"}) and "denied" not in given


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _complete(statement: Any) -> bool:
    return all(
        statement.get(name) or statement.get(f"Not{name}")
        for name in ("Action", "Resource", "Principal")
    )


def _glob(pattern: str, text: str) -> bool:
    parts = (
        ".*" if mark == "*" else "." if mark == "?" else re.escape(mark) for mark in str(pattern)
    )
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _action(statement: Any, action: str) -> bool:
    if "Action" in statement:
        return any(_glob(p.lower(), action.lower()) for p in _many(statement["Action"]))
    return not any(_glob(p.lower(), action.lower()) for p in _many(statement["NotAction"]))


def _resource(statement: Any) -> bool:
    if "Resource" in statement:
        return any(_glob(pattern, KEY_ARN) for pattern in _many(statement["Resource"]))
    return not any(_glob(pattern, KEY_ARN) for pattern in _many(statement["NotResource"]))


def _listed(element: Any) -> Iterator[tuple[str, str]]:
    for kind, names in ({"AWS": element} if isinstance(element, str) else element).items():
        for name in _many(names):
            root = re.fullmatch(r"arn:[a-z-]+:iam::(\d+):root", str(name))
            yield kind, root[1] if root else str(name)


def _how(statement: Any, principal: str) -> Iterator[str]:
    kind = "Service" if principal == SERVICE else "AWS"
    account = "" if principal == SERVICE else principal.split(":")[4]
    effect = statement["Effect"].lower()
    if "NotPrincipal" in statement:
        spared = set(_listed(statement["NotPrincipal"]))
        if not {(kind, principal), ("AWS", account)} & spared:
            yield "direct" if effect == "allow" else "denied"
        return
    named = set(_listed(statement["Principal"]))
    direct = bool({(kind, principal), ("AWS", "*")} & named)
    through = ("AWS", account) in named
    if effect == "deny":
        if direct or through:
            yield "denied"
        return
    if direct:
        yield "direct"
    if through:
        yield "delegated"


def _where(statement: Any, principal: str, version: str) -> list[int]:
    block = statement.get("Condition") or {}
    who = {} if principal == SERVICE else {"aws:principalarn": principal}
    if principal != SERVICE:
        who["aws:principalaccount"] = principal.split(":")[4]
    return [
        place
        for place, context in enumerate(CONTEXTS)
        if all(
            condition(operator, key, values, {**context, **who}, version)
            for operator, keys in block.items()
            for key, values in keys.items()
        )
    ]


def condition(operator: str, key: str, values: Any, facts: Context, version: str) -> bool:
    """One operator on one key, as the documentation of IAM describes it."""
    name = operator.lower()
    quantifier, _, name = name.rpartition(":")
    fact = facts.get(key.lower())
    wanted = [_literal(value) for value in _many(values)]
    if version == "2012-10-17":
        wanted = [
            value.replace("${aws:PrincipalArn}", facts.get("aws:principalarn", ""))
            for value in wanted
        ]
    if name == "null":
        return ("true" if fact is None else "false") in [value.lower() for value in wanted]
    if name.endswith("ifexists"):
        name = name.removesuffix("ifexists")
        if fact is None:
            return True
    if fact is None:
        return quantifier == "forallvalues" or "not" in name
    positive = name.replace("not", "")
    matched = any(_one(positive, value, fact) for value in wanted)
    return matched is not ("not" in name)


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one(operator: str, value: str, fact: str) -> bool:
    match operator:
        case "stringequals":
            return value == fact
        case "stringequalsignorecase" | "bool":
            return value.lower() == fact.lower()
        case "stringlike" | "arnlike" | "arnequals":
            return _glob(value, fact)
        case "ipaddress":
            return ipaddress.ip_address(fact) in ipaddress.ip_network(value)
        case _:
            at, end = (datetime.fromisoformat(text) for text in (fact, value))
            return {
                "datelessthan": at < end,
                "datelessthanequals": at <= end,
                "dategreaterthan": at > end,
                "dategreaterthanequals": at >= end,
            }[operator]
