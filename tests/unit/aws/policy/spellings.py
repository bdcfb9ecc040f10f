"""Random key policies, other spellings of the same policy, and small real changes."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

from tests.unit.aws.policy.oracle import ABROAD, ADMIN, APP, HOME, SERVICE, STRANGER

_AWS = (HOME, f"arn:aws:iam::{HOME}:root", ABROAD, APP, ADMIN, STRANGER, "AROAEXAMPLEEXAMPLEAB")
_ACTIONS = (
    "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKey*", "kms:Describe*",
    "kms:DescribeKey", "kms:PutKeyPolicy", "kms:*", "kms:*Key*", "kms:?ncrypt",
)  # fmt: skip
_CONDITIONS: tuple[Any, ...] = (
    {},
    {"StringEquals": {"kms:EncryptionContext:tenant": "acme"}},
    {"StringEquals": {"kms:EncryptionContext:tenant": ["acme", "zeta"]}},
    {"StringNotEquals": {"kms:EncryptionContext:tenant": ["acme", "zeta"]}},
    {"StringEqualsIgnoreCase": {"kms:EncryptionContext:tenant": "acme"}},
    {"StringEqualsIfExists": {"kms:EncryptionContext:tenant": "acme"}},
    {"StringLike": {"kms:EncryptionContext:tenant": "a*"}},
    {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    {"Null": {"aws:PrincipalOrgID": False}},
    {"Bool": {"aws:MultiFactorAuthPresent": False}},
    {"BoolIfExists": {"aws:MultiFactorAuthPresent": False}},
    {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    {"IpAddress": {"aws:SourceIp": "10.0.0.1"}},
    {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.7/32"]}},
    {"DateLessThan": {"aws:CurrentTime": "2027-06-30T00:00:00Z"}},
    {"ArnNotEquals": {"aws:PrincipalArn": ADMIN}},
    {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{HOME}:role/*"}},
)


def policy(chance: random.Random) -> dict[str, Any]:
    """A policy of one to four statements."""
    return {
        "Version": "2012-10-17",
        "Statement": [_statement(chance) for _ in range(chance.randint(1, 4))],
    }


def _statement(chance: random.Random) -> dict[str, Any]:
    principal: Any = {"AWS": chance.sample(_AWS, chance.randint(1, 3))}
    match chance.randrange(6):
        case 0:
            principal = "*"
        case 1:
            principal["Service"] = [SERVICE]
    written: dict[str, Any] = {
        "Effect": chance.choice(("Allow", "Allow", "Deny")),
        "NotPrincipal" if chance.randrange(12) == 0 else "Principal": principal,
        "NotAction" if chance.randrange(8) == 0 else "Action": chance.sample(
            _ACTIONS, chance.randint(1, 3)
        ),
        "Resource": "*",
    }
    condition = copy.deepcopy(chance.choice(_CONDITIONS))
    if condition:
        written["Condition"] = condition
    return written


# -- the same, said otherwise ------------------------------------------------------------


def respelt(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same policy after every change that means nothing."""
    written = copy.deepcopy(document)
    statements = [part for statement in written["Statement"] for part in _split(statement, chance)]
    statements += [copy.deepcopy(chance.choice(statements)) for _ in range(chance.randrange(2))]
    statements.append({"Effect": "Deny", "Principal": "*", "Action": "kms:*"})  # no Resource
    for number, statement in enumerate(statements):
        for change in _CHANGES:
            change(statement, chance)
        if chance.randrange(2):
            statement["Sid"] = f"s{number}"
    chance.shuffle(statements)
    written["Statement"] = statements
    if chance.randrange(2):
        written["Id"] = "key-default-1"
    return written


def _split(statement: dict[str, Any], chance: random.Random) -> list[dict[str, Any]]:
    """A statement with several actions as two that share one of them."""
    actions = statement.get("Action", [])
    if len(actions) < 2 or chance.randrange(2):
        return [statement]
    return [{**copy.deepcopy(statement), "Action": part} for part in (actions[:-1], actions[-1:])]


def _principals(statement: dict[str, Any], chance: random.Random) -> None:
    for field in statement.keys() & {"Principal", "NotPrincipal"}:
        if statement[field] == "*":
            statement[field] = chance.choice(("*", {"AWS": "*"}, {"AWS": ["*"]}))
            continue
        for kind, names in statement[field].items():
            forms = [_account_form(name, chance) for name in names]
            chance.shuffle(forms)
            statement[field][kind] = forms[0] if len(forms) == 1 else forms


def _account_form(name: str, chance: random.Random) -> str:
    account = name if name.isdigit() else name.split(":")[4] if name.endswith(":root") else ""
    if not account:
        return name
    partition = chance.choice(("aws", "aws-cn", "aws-us-gov"))
    return chance.choice((account, f"arn:{partition}:iam::{account}:root"))


def _actions(statement: dict[str, Any], chance: random.Random) -> None:
    for field in statement.keys() & {"Action", "NotAction"}:
        names = statement[field] if isinstance(statement[field], list) else [statement[field]]
        names = [chance.choice((name, name.lower(), name.upper())) for name in names]
        if any(name.lower() == "kms:*" for name in names):
            names.append(chance.choice(("kms:Decrypt", "KMS:*", "*", "kms:Get**")))
        names += names[: chance.randrange(2)]
        chance.shuffle(names)
        statement[field] = names[0] if len(names) == 1 else names


def _conditions(statement: dict[str, Any], chance: random.Random) -> None:
    if "Condition" not in statement:
        if chance.randrange(2):
            statement["Condition"] = {}
        return
    statement["Condition"] = {
        chance.choice((operator, operator.lower())): {
            chance.choice((key, key.lower(), key.upper())): _values(values, chance)
            for key, values in keys.items()
        }
        for operator, keys in statement["Condition"].items()
    }


def _values(values: Any, chance: random.Random) -> Any:
    listed = list(values) if isinstance(values, list) else [values]
    listed = [str(value).lower() if isinstance(value, bool) else value for value in listed]
    listed += listed[: chance.randrange(2)]
    chance.shuffle(listed)
    return listed[0] if len(listed) == 1 and chance.randrange(2) else listed


_CHANGES: tuple[Callable[[dict[str, Any], random.Random], None], ...] = (
    _principals,
    _actions,
    _conditions,
)


# -- something else ----------------------------------------------------------------------


def changed(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The policy with one small change, that may or may not matter."""
    written = copy.deepcopy(document)
    statement = chance.choice(written["Statement"])
    match chance.randrange(6):
        case 0:
            statement["Effect"] = "Deny" if statement["Effect"] == "Allow" else "Allow"
        case 1:
            field = "Action" if "Action" in statement else "NotAction"
            statement[field] = chance.sample(_ACTIONS, chance.randint(1, 3))
        case 2:
            statement.pop("Condition", None)
            statement["Condition"] = copy.deepcopy(chance.choice(_CONDITIONS))
        case 3:
            field = "Principal" if "Principal" in statement else "NotPrincipal"
            statement[field] = {"AWS": chance.sample(_AWS, chance.randint(1, 2))}
        case 4:
            written["Statement"].remove(statement)
            written["Statement"].append(_statement(chance))
        case _:
            operators = {
                name.replace("Not", "") if "Not" in name else name: keys
                for name, keys in statement.get("Condition", {}).items()
            }
            statement["Condition"] = operators
    return written
