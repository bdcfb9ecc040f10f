"""The same policy is one value, and what differs is another: pairs that people really meet."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.errors import RejectedError
from keyplan_aws.policy.canonical import canonical_policy
from keyplan_aws.policy.document import ACCOUNT, parse, to_json

HOME = "111122223333"
ROOT = f"arn:aws:iam::{HOME}:root"
ROLE = f"arn:aws:iam::{HOME}:role/app"
USE = ["kms:Encrypt", "kms:Decrypt"]
MFA = "aws:MultiFactorAuthPresent"
TENANT = "kms:EncryptionContext:tenant"


def says(**given: Any) -> dict[str, Any]:
    """A statement; every name given replaces a part of a plain one."""
    written = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": USE, "Resource": "*"}
    return {name: value for name, value in (written | given).items() if value is not ...}


def under(**condition: Any) -> dict[str, Any]:
    return says(Condition={name.replace("__", ":"): item for name, item in condition.items()})


def doc(*statements: Any, version: str = "2012-10-17", **more: Any) -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements), **more}


def canonical(document: Any, account: str | None = HOME) -> Any:
    return canonical_policy(document, account=account)


SAME: dict[str, tuple[Any, Any]] = {
    "order of statements": (
        doc(says(), says(Action="kms:Sign")),
        doc(says(Action="kms:Sign"), says()),
    ),
    "order of actions": (doc(says()), doc(says(Action=USE[::-1]))),
    "case of actions": (doc(says()), doc(says(Action=["KMS:encrypt", "kms:DECRYPT"]))),
    "an action twice": (doc(says()), doc(says(Action=[*USE, "kms:Encrypt"]))),
    "an action under a wildcard": (
        doc(says(Action="kms:*")),
        doc(says(Action=["kms:*", "kms:Encrypt"])),
    ),
    "a wildcard under a wider one": (
        doc(says(Action="kms:Describe*")),
        doc(says(Action=["kms:Describe*", "kms:DescribeK?y"])),
    ),
    "every action of every service": (doc(says(Action="kms:*")), doc(says(Action="*"))),
    "a list of one": (doc(says(Action="kms:Sign")), doc(says(Action=["kms:Sign"]))),
    "a single statement without its list": (doc(says()), {**doc(), "Statement": says()}),
    "account as a number and as its root": (
        doc(says(Principal={"AWS": HOME})),
        doc(says(Principal={"AWS": ROOT})),
    ),
    "root in another partition": (
        doc(says(Principal={"AWS": ROOT})),
        doc(says(Principal={"AWS": ROOT.replace("arn:aws:", "arn:aws-cn:")})),
    ),
    "the account as it is known offline": (
        doc(says(Principal={"AWS": ROOT})),
        doc(says(Principal={"AWS": ACCOUNT})),
    ),
    "everybody, in two ways": (
        doc(says(Principal="*")),
        doc(says(Principal={"AWS": ["*"]})),
    ),
    "order of principals": (
        doc(says(Principal={"AWS": [ROLE, HOME]})),
        doc(says(Principal={"AWS": [ROOT, ROLE]})),
    ),
    "split by principal": (
        doc(says(Principal={"AWS": [ROLE, ROOT]})),
        doc(says(), says(Principal={"AWS": HOME})),
    ),
    "split by action": (
        doc(says()),
        doc(says(Action="kms:Encrypt"), says(Action="kms:Decrypt")),
    ),
    "a statement twice": (doc(says()), doc(says(), says())),
    "Sid and Id": (doc(says()), doc(says(Sid="Use"), Id="key-policy-1")),
    "an empty condition": (doc(says()), doc(says(Condition={}))),
    "an operator without keys": (doc(says()), doc(says(Condition={"StringEquals": {}}))),
    "a statement without effect": (doc(says()), doc(says(), says(Resource=..., Action="kms:*"))),
    "a boolean as text": (doc(under(Bool={MFA: True})), doc(under(Bool={MFA: "true"}))),
    "case of a boolean": (doc(under(Bool={MFA: "True"})), doc(under(Bool={MFA: "true"}))),
    "a number as text": (
        doc(under(NumericLessThan={"kms:RotationPeriodInDays": 90})),
        doc(under(NumericLessThan={"kms:RotationPeriodInDays": "90.0"})),
    ),
    "case of operator and key": (
        doc(under(StringEquals={TENANT: "a"})),
        doc(under(stringequals={TENANT.upper(): ["a"]})),
    ),
    "order of values": (
        doc(under(StringEquals={TENANT: ["a", "b"]})),
        doc(under(StringEquals={TENANT: ["b", "a", "b"]})),
    ),
    "case where it is ignored": (
        doc(under(StringEqualsIgnoreCase={TENANT: "A"})),
        doc(under(StringEqualsIgnoreCase={TENANT: "a"})),
    ),
    "two names of one operator": (
        doc(under(ArnEquals={"aws:PrincipalArn": ROLE})),
        doc(under(ArnLike={"aws:PrincipalArn": ROLE})),
    ),
    "an address and its network": (
        doc(under(IpAddress={"aws:SourceIp": "10.0.0.1"})),
        doc(under(IpAddress={"aws:SourceIp": "10.0.0.1/32"})),
    ),
    "an instant in two zones": (
        doc(under(DateLessThan={"aws:CurrentTime": "2027-01-01T00:00:00Z"})),
        doc(under(DateLessThan={"aws:CurrentTime": "2027-01-01T01:00:00+01:00"})),
    ),
    "the version, where no variable is used": (doc(says()), doc(says(), version="2008-10-17")),
}

DIFFERENT: dict[str, tuple[Any, Any]] = {
    "a number and what only Python takes for one": (
        doc(under(NumericLessThan={"kms:RotationPeriodInDays": "1000"})),
        doc(under(NumericLessThan={"kms:RotationPeriodInDays": "1_000"})),
    ),
    "a network and what only Python takes for one": (
        doc(under(IpAddress={"aws:SourceIp": "10.0.0.0/8"})),
        doc(under(IpAddress={"aws:SourceIp": "10.0.0.0/255.0.0.0"})),
    ),
    "effect": (doc(says()), doc(says(Effect="Deny"))),
    "a wildcard and what it stands for today": (
        doc(says(Action="kms:ReEncrypt*")),
        doc(says(Action=["kms:ReEncryptFrom", "kms:ReEncryptTo"])),
    ),
    "operator": (
        doc(under(StringEquals={TENANT: "a*"})),
        doc(under(StringLike={TENANT: "a*"})),
    ),
    "IfExists": (
        doc(under(StringEquals={TENANT: "a"})),
        doc(under(StringEqualsIfExists={TENANT: "a"})),
    ),
    "case of a value": (
        doc(under(StringEquals={TENANT: "a"})),
        doc(under(StringEquals={TENANT: "A"})),
    ),
    "case of a role": (
        doc(says()),
        doc(says(Principal={"AWS": ROLE.replace("app", "App")})),
    ),
    "either and both": (
        doc(under(StringEquals={TENANT: ["a", "b"]})),
        doc(under(StringEquals={TENANT: "a"}, stringequals={TENANT: "b"})),
    ),
    "two keys in one statement and in two": (
        doc(under(StringEquals={TENANT: "a", "aws:PrincipalOrgID": "o"})),
        doc(under(StringEquals={TENANT: "a"}), under(StringEquals={"aws:PrincipalOrgID": "o"})),
    ),
    "quantifier": (
        doc(under(ForAllValues__StringEquals={"aws:TagKeys": "a"})),
        doc(under(ForAnyValue__StringEquals={"aws:TagKeys": "a"})),
    ),
    "NotAction and Action": (doc(says()), doc(says(Action=..., NotAction=USE))),
    "two NotActions and both in one": (
        doc(says(Action=..., NotAction=USE)),
        doc(
            says(Action=..., NotAction=["kms:Encrypt"]), says(Action=..., NotAction=["kms:Decrypt"])
        ),
    ),
    "NotPrincipal and Principal": (
        doc(says(Effect="Deny")),
        doc(says(Effect="Deny", Principal=..., NotPrincipal={"AWS": ROLE})),
    ),
    "a service and an account": (
        doc(says(Principal={"Service": "rds.amazonaws.com"})),
        doc(says(Principal={"AWS": "rds.amazonaws.com"})),
    ),
    "a deleted role": (doc(says()), doc(says(Principal={"AWS": "AROAEXAMPLEEXAMPLEAB"}))),
    "another account": (
        doc(says(Principal={"AWS": HOME})),
        doc(says(Principal={"AWS": "444455556666"})),
    ),
    "version, where a variable is used": (
        doc(under(StringEquals={TENANT: "${aws:username}"})),
        doc(under(StringEquals={TENANT: "${aws:username}"}), version="2008-10-17"),
    ),
    "resource": (doc(says()), doc(says(Resource=f"arn:aws:kms:eu-west-1:{HOME}:key/1"))),
    "one value and none": (
        doc(under(StringEquals={TENANT: "a"})),
        doc(under(StringEquals={TENANT: []})),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_it_is_the_same_policy(name: str) -> None:
    one, other = SAME[name]
    assert canonical(one) == canonical(other)
    assert canonical(canonical(one)) == canonical(one)


@pytest.mark.parametrize("name", DIFFERENT)
def test_it_is_another_policy(name: str) -> None:
    one, other = DIFFERENT[name]
    assert canonical(one) != canonical(other)
    assert canonical(canonical(other)) == canonical(other)


@pytest.mark.parametrize("name", {**SAME, **DIFFERENT})
def test_what_is_sent_reads_back_as_itself(name: str) -> None:
    for document in {**SAME, **DIFFERENT}[name]:
        value = canonical(document)
        assert canonical(parse(to_json(value))) == value


def test_the_default_policy_stays_none() -> None:
    assert canonical(None) is None


def test_without_a_connection_numbers_stay_numbers() -> None:
    unknown = canonical(doc(says(Principal={"AWS": [ACCOUNT, HOME]})), account=None)
    assert unknown["Statement"][0]["Principal"] == {"AWS": [HOME, ACCOUNT]}
    assert canonical(unknown)["Statement"][0]["Principal"] == {"AWS": HOME}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"Statement": "all"},
        {"Statement": [says(Principal=[ROLE])]},
        {"Statement": [says(Condition=["x"])]},
        {"Statement": [says(Action=[{"a": 1}])]},
    ],
)
def test_what_cannot_be_a_policy_is_refused(document: Any) -> None:
    with pytest.raises(RejectedError, match="not a key policy"):
        canonical(document)


def test_a_change_of_actions_moves_no_statement() -> None:
    before = canonical(doc(says(), says(Effect="Deny", Action="kms:Sign")))
    after = canonical(doc(says(Action="kms:Verify"), says(Effect="Deny", Action="kms:Sign")))
    effects = [[item["Effect"] for item in value["Statement"]] for value in (before, after)]
    assert effects[0] == effects[1] == ["Allow", "Deny"]


def test_hostile_wildcards_cost_little() -> None:
    """Patterns that make a backtracking matcher take for ever."""
    actions = ["kms:" + "*a" * 300 + letter for letter in "bcd"] + ["kms:" + "a" * 900]
    assert len(canonical(doc(says(Action=actions)))["Statement"][0]["Action"]) == 4
