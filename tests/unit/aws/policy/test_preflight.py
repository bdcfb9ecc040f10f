"""Lockout first, and then everything that AWS or a reviewer would object to."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.diagnostics import Severity
from keyplan_aws.policy.access import through_iam
from keyplan_aws.policy.preflight import administrators, check, may_set_policy, review

HOME = "111122223333"
USER = f"arn:aws:iam::{HOME}:user/ada"
ADMIN, APP = (f"arn:aws:iam::{HOME}:role/{name}" for name in ("admin", "app"))
SSO = f"arn:aws:iam::{HOME}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"
SSO_CALLER = f"arn:aws:iam::{HOME}:role/AWSReservedSSO_Admin_1"
"""The same as STS tells it: without the path."""
OTHER = "arn:aws:iam::444455556666:role/ci"
ACCOUNT = through_iam(HOME)
ELSEWHERE = {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
ROOT = {"AWS": f"arn:aws:iam::{HOME}:root"}


def says(**given: Any) -> dict[str, Any]:
    plain = {"Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}
    return {name: value for name, value in (plain | given).items() if value is not ...}


def deny(**given: Any) -> dict[str, Any]:
    return says(**{"Effect": "Deny", "Principal": "*", "Action": "kms:PutKeyPolicy"} | given)


def doc(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def session(role: str) -> str:
    return f"arn:aws:sts::{HOME}:assumed-role/{role}/run-1"


def only(principal: str, *, operator: str = "ArnNotEquals") -> dict[str, Any]:
    """The usual lock: a deny for everybody but one."""
    return deny(Condition={operator: {"aws:PrincipalArn": principal}})


# -- recoverable -------------------------------------------------------------------------

KEPT: dict[str, tuple[dict[str, Any], set[str]]] = {
    "the account delegates": (doc(says()), {ACCOUNT}),
    "the account can repair": (doc(says(Action=["kms:Put*", "kms:Get*"])), {ACCOUNT}),
    "an administrator is named": (
        doc(says(Principal={"AWS": ADMIN}), says(Principal={"AWS": APP}, Action="kms:Sign")),
        {ADMIN},
    ),
    "everybody but one is denied": (doc(says(), only(ADMIN)), {ADMIN}),
    "everybody but one is denied, by text": (
        doc(says(), only(ADMIN, operator="StringNotEquals")),
        {ADMIN},
    ),
    "one is denied": (doc(says(), deny(Principal={"AWS": APP})), {ACCOUNT}),
    "one is denied by ARN": (
        doc(says(), deny(Condition={"ArnLike": {"aws:PrincipalArn": APP}})),
        {ACCOUNT},
    ),
    "only the bypass is denied": (
        doc(says(), deny(Condition={"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}})),
        {ACCOUNT},
    ),
    "calls without TLS are denied": (
        doc(says(), deny(Action="*", Condition={"Bool": {"aws:SecureTransport": "false"}})),
        {ACCOUNT},
    ),
    "other accounts are denied": (
        doc(says(), deny(Condition={"StringNotEquals": {"aws:PrincipalAccount": HOME}})),
        {ACCOUNT},
    ),
    "everybody of the account is allowed": (
        doc(says(Principal="*", Condition={"StringEquals": {"kms:CallerAccount": HOME}})),
        {ACCOUNT},
    ),
    "a role is allowed by ARN, whoever it is": (
        doc(says(Principal="*", Condition={"ArnLike": {"aws:PrincipalArn": ADMIN}})),
        {ADMIN},
    ),
    "others are denied something else": (doc(says(), deny(Action="kms:Decrypt")), {ACCOUNT}),
    "a user is spared with the account": (
        doc(
            says(Principal={"AWS": USER}),
            deny(Principal=..., NotPrincipal={"AWS": [USER, HOME]}),
        ),
        {USER},
    ),
    "by a wildcard in another case": (doc(says(Action="KMS:?utKey*")), {ACCOUNT}),
    "everything but something else": (doc(says(Action=..., NotAction="kms:Decrypt")), {ACCOUNT}),
    "a session is denied": (doc(says(), deny(Principal={"AWS": session("ci")})), {ACCOUNT}),
    "a service is denied": (doc(says(), deny(Principal={"Service": "*"})), {ACCOUNT}),
    "the root of another account is denied": (
        doc(says(), deny(Principal={"AWS": "arn:aws:iam::444455556666:root"})),
        {ACCOUNT},
    ),
    "a deny of two tests, one of which fails": (
        doc(
            says(),
            deny(
                Condition={
                    "Bool": {"aws:SecureTransport": "false"},
                    "StringEquals": {"aws:PrincipalTag/team": "x"},
                }
            ),
        ),
        {ACCOUNT},
    ),
    "in another partition": (
        doc(
            says(Principal={"AWS": f"arn:aws-us-gov:iam::{HOME}:root"}),
            only(f"arn:aws-us-gov:iam::{HOME}:root", operator="StringNotEquals"),
        ),
        {ACCOUNT},
    ),
}

LOST: dict[str, dict[str, Any]] = {
    "nobody is named": doc(says(Action="kms:Decrypt")),
    "everybody is denied": doc(says(), deny()),
    "the account is denied, and all of it": doc(
        says(Principal={"AWS": [HOME, ADMIN]}), deny(Principal=ROOT)
    ),
    "under a condition that can fail": doc(
        says(Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})
    ),
    "until a day": doc(
        says(Condition={"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}})
    ),
    "a deny that can fall on it": doc(says(), deny(Condition=ELSEWHERE)),
    "a deny unless by a service": doc(
        says(), deny(Condition={"StringNotLike": {"kms:ViaService": "rds.*.amazonaws.com"}})
    ),
    "under a set of what a plain call does not say": doc(
        says(Condition={"ForAnyValue:StringNotEquals": {"kms:ViaService": "rds.amazonaws.com"}})
    ),
    "only a deleted role is left": doc(says(Principal={"AWS": "AROAEXAMPLEEXAMPLEAB"})),
    "only a session is left": doc(
        says(Principal={"AWS": f"arn:aws:sts::{HOME}:assumed-role/ci/run-1"})
    ),
    "only a service is left": doc(says(Principal={"Service": "rds.amazonaws.com"})),
    "only another account is left": doc(says(Principal={"AWS": "444455556666"})),
    "on some other resource": doc(says(Resource=f"arn:aws:kms:eu-west-1:{HOME}:key/1")),
    "spared by name, not by account": doc(
        says(Principal={"AWS": ADMIN}), deny(Principal=..., NotPrincipal={"AWS": ADMIN})
    ),
    "everything but that is denied to nobody": doc(
        says(), deny(Action=..., NotAction="kms:Decrypt")
    ),
    "the one who is spared is of another account": doc(
        says(), only("arn:aws:iam::444455556666:role/admin")
    ),
    "a role is spared, and its sessions are not": doc(
        says(Principal={"AWS": ADMIN}),
        deny(Principal=..., NotPrincipal={"AWS": [ADMIN, f"arn:aws:iam::{HOME}:root"]}),
    ),
    "only another name of the account is spared": doc(
        says(Principal={"AWS": ADMIN}), deny(Principal=..., NotPrincipal={"AWS": HOME})
    ),
    "a session is spared by condition": doc(says(), only(session("admin"))),
    "all of the account's roles are a pattern": doc(says(), only(f"arn:aws:iam::{HOME}:role/ad*")),
    "only the root of another account is left": doc(
        says(Principal={"AWS": "arn:aws:iam::444455556666:root"})
    ),
    "everybody, if a tag of the key says so": doc(
        says(Principal="*", Condition={"StringEquals": {"aws:ResourceTag/open": "yes"}})
    ),
    "everybody, if their own tag says so": doc(
        says(Principal="*", Condition={"StringEquals": {"aws:PrincipalTag/admin": "yes"}})
    ),
    "everybody of an organisation": doc(
        says(Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    ),
    "everybody, if the key has an alias": doc(
        says(Condition={"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/*"}})
    ),
    "a deny by a tag that others may set": doc(
        says(), deny(Condition={"StringEquals": {"aws:ResourceTag/locked": "yes"}})
    ),
    "an operator that there is not": doc(
        says(Condition={"StringResembles": {"aws:PrincipalAccount": HOME}})
    ),
    "a deny by an operator that there is not": doc(
        says(), deny(Condition={"StringResembles": {"aws:PrincipalAccount": "444455556666"}})
    ),
    "a quantifier where there is none": doc(
        says(Condition={"ForAllValues:Null": {"kms:ViaService": "true"}})
    ),
    "two tests of which one can fail": doc(
        says(
            Condition={
                "StringEquals": {"kms:CallerAccount": HOME},
                "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
            }
        )
    ),
    "a wildcard that leaves it out": doc(says(Action=["kms:Put*Grant", "kms:Get*"])),
    "everything but all that puts": doc(says(Action=..., NotAction="kms:Put*")),
    "denied by a wildcard": doc(says(), deny(Action="kms:Put*")),
    "denied by a wildcard in another case": doc(says(), deny(Action="KMS:*POLICY")),
    "a service that is called like everybody": doc(says(Principal={"Service": "*"})),
    "a service that is called like the account": doc(says(Principal={"Service": HOME})),
    "denied to everybody on this key's pattern": doc(
        says(), deny(Resource="arn:aws:kms:*:*:key/*")
    ),
    "the ARN holds a variable": doc(
        says(), only(f"arn:aws:iam::{HOME}:role/${{aws:PrincipalTag/team}}")
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_somebody_surely_keeps_control(name: str) -> None:
    document, able = KEPT[name]
    assert administrators(document, HOME) == able
    assert not [item for item in check(document, account=HOME, caller="") if _is_lockout(item)]


@pytest.mark.parametrize("name", LOST)
def test_nobody_surely_keeps_control(name: str) -> None:
    assert administrators(LOST[name], HOME) == set()
    (first, *_) = check(LOST[name], account=HOME, caller="")
    assert (first.code, first.level) == ("KP-KPOL-004", Severity.ERROR)


def _is_lockout(problem: Any) -> bool:
    return problem.code == "KP-KPOL-004" and problem.level is Severity.ERROR


def test_a_key_that_only_roles_can_repair_is_pointed_out() -> None:
    document = doc(says(Principal={"AWS": ADMIN}, Action="kms:PutKeyPolicy"))
    (problem,) = check(document, account=HOME, caller="")
    assert (problem.code, problem.level) == ("KP-KPOL-004", Severity.WARNING)
    assert ADMIN in problem.message


def test_offline_every_named_account_may_be_the_owner() -> None:
    assert administrators(doc(says(Principal={"AWS": ADMIN})), None) == {ADMIN}
    assert administrators(doc(says(Principal={"AWS": "<account>"})), None) == {
        through_iam("<account>")
    }


def test_the_default_policy_is_sound() -> None:
    assert administrators(None, HOME) == {ACCOUNT}
    assert check(None, account=HOME, caller=ADMIN) == []


# -- the caller --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "caller", "able"),
    [
        (doc(says(Principal={"AWS": ADMIN})), session("admin"), True),
        (doc(says(Principal={"AWS": ADMIN})), ADMIN, True),
        (doc(says(Principal={"AWS": SSO})), session("AWSReservedSSO_Admin_1"), True),
        (doc(says(Principal="*")), session("ci"), True),
        (doc(says()), session("ci"), None),
        (doc(says()), f"arn:aws:iam::{HOME}:root", True),
        (doc(says(Principal={"AWS": ADMIN})), session("ci"), False),
        (doc(says(Action="kms:Decrypt")), session("ci"), False),
        (doc(says(), deny()), session("ci"), False),
        (doc(says(), only(ADMIN)), session("ci"), False),
        (doc(says(), only(ADMIN)), session("admin"), None),
        (doc(says(), deny(Principal={"AWS": APP})), session("app"), False),
        (
            doc(says(Principal={"AWS": ADMIN}), deny(Condition=ELSEWHERE)),
            session("admin"),
            None,
        ),
        (doc(says(Principal={"AWS": ADMIN})), "somebody", None),
        (doc(says(Principal={"AWS": session("ci")})), session("ci"), None),
        (doc(says(Principal={"AWS": session("ci")})), session("app"), False),
        (doc(says(), deny(Principal={"AWS": session("ci")})), session("ci"), None),
        (doc(says(Principal={"AWS": SSO}), only(SSO)), SSO_CALLER, True),
        (doc(says(Principal={"AWS": SSO}), only(session("ci"))), SSO_CALLER, False),
        (doc(says(Principal={"AWS": ADMIN}), only(session("admin"))), session("admin"), False),
        (doc(says(Principal={"AWS": ADMIN}), deny(Action="kms:Put*")), ADMIN, False),
        (doc(says(Principal={"AWS": OTHER})), OTHER, False),
        (doc(says(Principal="*")), OTHER, False),
        (doc(says(Principal={"Service": "*"})), ADMIN, False),
        (
            doc(
                says(Principal={"AWS": ADMIN}),
                deny(Principal=..., NotPrincipal={"AWS": [ADMIN, HOME]}),
            ),
            ADMIN,
            None,
        ),
        (
            doc(says(Principal={"AWS": ADMIN}), deny(Principal=..., NotPrincipal={"AWS": HOME})),
            ADMIN,
            False,
        ),
        (
            doc(says(Principal={"AWS": ADMIN}, Condition={"StringResembles": {"aws:a": "b"}})),
            ADMIN,
            None,
        ),
    ],
)  # fmt: skip
def test_whether_the_caller_can_go_on(
    document: dict[str, Any], caller: str, able: bool | None
) -> None:
    assert may_set_policy(document, HOME, caller) is able
    problems = {item.code: item.level for item in check(document, account=HOME, caller=caller)}
    assert review(document, account=HOME, caller=caller).caller is able
    assert (problems.get("KP-LOCK-002") is Severity.WARNING) is (able is None)


def test_what_is_not_known_is_said_without_arn_soup() -> None:
    problems = check(doc(says()), account=HOME, caller=session("ci"))
    (said,) = [item.message for item in problems if item.code == "KP-LOCK-002"]
    assert said.startswith("whether role/ci, who applies, may set the policy again cannot be seen")


def test_the_core_says_itself_that_nobody_can_repair_it() -> None:
    judged = review(LOST["everybody is denied"], account=HOME, caller="")
    assert judged.administrators == frozenset()
    assert not any(_is_lockout(item) for item in judged.problems)
