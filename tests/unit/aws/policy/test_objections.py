"""Each rule of KP-KPOL finds what it is for, and leaves alone what it is not for."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.diagnostics import Severity
from keyplan_aws.policy.preflight import check

HOME = "111122223333"
APP = f"arn:aws:iam::{HOME}:role/app"
ABROAD = "444455556666"
OURS = {"StringEquals": {"aws:PrincipalAccount": HOME}}
SERVICE = {"Service": "rds.amazonaws.com"}
SET = "ForAllValues:StringEquals"
MFA = "aws:MultiFactorAuthPresent"
ALIASES = "kms:ResourceAliases"
GONE = "AROAEXAMPLEEXAMPLEAB"
BOUND = {"ArnLike": {"aws:SourceArn": f"arn:aws:rds:*:{HOME}:*"}}
ENDS = {"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}
NOT_B = {"StringNotEquals": {"kms:EncryptionContext:a": "b"}}
ERROR, WARNING = Severity.ERROR, Severity.WARNING


def found(**given: Any) -> dict[str, Severity]:
    """Codes of what is wrong with one statement beside a sound one of the account."""
    plain = {"Effect": "Allow", "Principal": {"AWS": APP}, "Action": "kms:Decrypt"}
    written = {**plain, "Resource": "*", **given}
    statement = {name: value for name, value in written.items() if value is not ...}
    sound = {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "kms:*", "Resource": "*"}
    problems = check({"Statement": [sound, statement]}, account=HOME, caller="")
    assert all(problem.message and problem.advice for problem in problems)
    return {problem.code: problem.level for problem in problems}


def wrong(number: int, level: Severity, **given: Any) -> Any:
    return pytest.param(number, level, given, id=f"{number:03}-{level.value}-{len(str(given))}")


@pytest.mark.parametrize(
    ("number", "level", "given"),
    [
        wrong(1, WARNING, Principal={"AWS": [f"{APP}-{n:05}" for n in range(700)]}),
        wrong(1, ERROR, Principal={"AWS": [f"{APP}-{n:05}" for n in range(900)]}),
        wrong(2, ERROR, Condition={"StringEquals": {"aws:PrincipalTag/team": "\u4e2d"}}),
        wrong(6, ERROR, Principal=..., NotPrincipal={"AWS": APP}),
        wrong(7, ERROR, Principal="*"),
        wrong(7, ERROR, Principal="*", Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
        wrong(7, ERROR, Principal="*", Condition={"IpAddress": {"aws:SourceIp": ["::/0", "::1"]}}),
        wrong(7, ERROR, Principal="*", Condition={"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
        wrong(
            7, ERROR, Principal="*", Condition={"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}
        ),
        wrong(7, ERROR, Principal="*", Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o"}}),
        wrong(
            7,
            ERROR,
            Principal="*",
            Condition={"StringLike": {"kms:ViaService": "rds.*.amazonaws.com"}},
        ),
        wrong(8, WARNING, Action=["kms:Decrypt", "kms:Descript"]),
        wrong(8, ERROR, Condition={"StringIs": {"aws:PrincipalOrgID": "o"}}),
        wrong(8, WARNING, Condition={"StringEquals": {"aws:PrincipalOrg": "o"}}),
        wrong(
            8,
            WARNING,
            Action=["kms:Decrypt", "kms:DescribeKey"],
            Condition={"StringEquals": {"kms:EncryptionContext:a": "b"}},
        ),
        wrong(9, ERROR, Condition={SET: {"kms:EncryptionContext:a": "b"}}),
        wrong(9, WARNING, Condition={SET: {"aws:PrincipalOrgID": "o-1"}}),
        wrong(10, WARNING, Condition={SET: {ALIASES: "alias/a"}}),
        wrong(11, WARNING, Effect="Deny", Condition={"Bool": {MFA: False}}),
        wrong(12, WARNING, Principal={"AWS": "AIDAEXAMPLEEXAMPLEAB"}),
        wrong(12, WARNING, Effect="Deny", Principal=..., NotPrincipal={"AWS": [GONE, HOME]}),
        wrong(15, WARNING, Action=["kms:PutKeyPolicy", "kms:Decrypt"]),
        wrong(15, WARNING, Action="kms:*"),
        wrong(16, WARNING, Action="kms:CreateGrant"),
        wrong(17, WARNING, Principal=SERVICE),
        wrong(18, WARNING, Principal={"AWS": ABROAD}),
        wrong(18, WARNING, Principal={"AWS": APP.replace(HOME, ABROAD)}),
    ],
)  # fmt: skip
def test_it_is_found(number: int, level: Severity, given: dict[str, Any]) -> None:
    assert found(**given).get(f"KP-KPOL-{number:03}") is level


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Principal": "*", "Condition": OURS},
        {"Principal": "*", "Effect": "Deny"},
        {"Condition": {SET: {ALIASES: "alias/a"}, "Null": {ALIASES: "false"}}},
        {"Effect": "Deny", "Condition": {"BoolIfExists": {MFA: False}}},
        {"Action": ["kms:PutKeyPolicy", "kms:CreateGrant", "kms:Tag*"]},
        {"Action": "kms:CreateGrant", "Condition": {"Bool": {"kms:GrantIsForAWSResource": True}}},
        {"Principal": SERVICE, "Condition": {"StringEquals": {"aws:SourceAccount": HOME}}},
        {"Principal": SERVICE, "Condition": BOUND},
        {"Principal": {"AWS": ABROAD}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o"}}},
        {"Principal": {"AWS": ABROAD}, "Condition": ENDS},
        {"Effect": "Deny", "Action": ["kms:Decrypt", "kms:DescribeKey"], "Condition": NOT_B},
    ],
)  # fmt: skip
def test_nothing_is_found(given: dict[str, Any]) -> None:
    assert found(**given) == {}
