"""Key policies of the double: how they come back, and whom they let through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aws_double import Identity, KmsDouble
from tests.aws_double.conditions import hold
from tests.aws_double.conftest import Refused

ACCOUNT = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ROLES = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in "abcdef"]


def put(kms: Any, key: str, *statements: dict[str, Any]) -> None:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    kms.put_key_policy(KeyId=key, Policy=json.dumps(document))


def allow(principals: Any, actions: Any = "kms:*", **more: Any) -> dict[str, Any]:
    named = {"AWS": principals}
    return {"Effect": "Allow", "Principal": named, "Action": actions, "Resource": "*"} | more


def test_a_policy_comes_back_in_another_spelling(kms: Any, key: str) -> None:
    put(
        kms,
        key,
        allow([ACCOUNT], ["kms:*"]),
        allow(ROLES, ["kms:Encrypt", "kms:Decrypt"]),
        allow("*", "kms:List*", Condition={"StringEquals": {"kms:CallerAccount": [ACCOUNT]}}),
    )

    text = kms.get_key_policy(KeyId=key)["Policy"]
    first, second, third = json.loads(text)["Statement"]

    assert text.startswith('{\n  "Version" : "2012-10-17",')
    assert (first["Principal"], first["Action"]) == ({"AWS": ROOT}, "kms:*")
    assert sorted(second["Principal"]["AWS"]) == ROLES
    assert second["Principal"]["AWS"] != ROLES
    assert second["Action"] == ["kms:Encrypt", "kms:Decrypt"]
    assert third["Condition"] == {"StringEquals": {"kms:CallerAccount": ACCOUNT}}


def test_a_statement_without_effect_is_taken_and_does_nothing(
    kms: Any, key: str, refused: Refused
) -> None:
    idle = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "kms:*"}
    put(kms, key, allow(ROOT), idle)
    kms.encrypt(KeyId=key, Plaintext=b"text")
    with refused("MalformedPolicyDocumentException"):
        put(kms, key, {name: value for name, value in allow(ROOT).items() if name != "Resource"})


def test_a_principal_that_is_gone_comes_back_as_its_id(
    double: KmsDouble, kms: Any, key: str, refused: Refused
) -> None:
    put(kms, key, allow(ROOT), allow(ROLES[:2], "kms:Encrypt"))
    double.world.delete_principal(ROLES[0], "AROAEXAMPLEEXAMPLE123")

    text = kms.get_key_policy(KeyId=key)["Policy"]

    assert "AROAEXAMPLEEXAMPLE123" in text
    assert ROLES[0] not in text
    with refused("MalformedPolicyDocumentException"):
        put(kms, key, allow(ROOT), allow(ROLES[0], "kms:Encrypt"))
    with refused("NoSuchEntity"):
        double.client("iam").get_role(RoleName="a")
    double.world.missing_principals.clear()
    double.world.principal_ids[ROLES[0]] = "AROAANOTHERANOTHER123"
    role = double.client("iam").get_role(RoleName="a")["Role"]
    assert role["RoleId"] == "AROAANOTHERANOTHER123"


def test_a_role_is_let_through_in_every_session(double: KmsDouble, kms: Any, key: str) -> None:
    put(kms, key, allow(ROOT), allow(ROLES[0], "kms:Encrypt"))
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/a/session"
    double.identities.default = Identity(session, "AROAX:session", allowed=[])
    kms.encrypt(KeyId=key, Plaintext=b"text")


def test_a_step_that_the_policy_no_longer_allows_fails(
    kms: Any, key: str, refused: Refused
) -> None:
    operator = f"arn:aws:iam::{ACCOUNT}:user/operator"
    put(kms, key, allow(operator, ["kms:PutKeyPolicy", "kms:Get*", "kms:Describe*"]))
    kms.describe_key(KeyId=key)
    with refused("AccessDeniedException") as caught:
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])
    assert "because no resource-based policy allows the kms:TagResource action" in str(caught.value)


def test_a_lockout_by_a_condition_is_seen(kms: Any, key: str, refused: Refused) -> None:
    with refused("MalformedPolicyDocumentException"):
        put(kms, key, allow(ROOT, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    with refused("MalformedPolicyDocumentException"):
        put(kms, key, allow(ROOT), allow("*", "kms:Put*", Effect="Deny"))


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({}, True),
        ({"StringEquals": {"a": "x"}}, True),
        ({"StringEquals": {"A": ["y", "x"]}}, True),
        ({"StringEquals": {"a": "X"}}, False),
        ({"StringEqualsIgnoreCase": {"a": "X"}}, True),
        ({"StringNotEquals": {"a": ["x", "y"]}}, False),
        ({"StringNotEquals": {"a": ["y", "z"]}}, True),
        ({"StringNotEquals": {"missing": "x"}}, True),
        ({"StringEquals": {"missing": "x"}}, False),
        ({"StringEqualsIfExists": {"missing": "x"}}, True),
        ({"Null": {"missing": "true"}}, True),
        ({"Null": {"a": "true"}}, False),
        ({"ArnLike": {"arn": "arn:aws:iam::*:role/*"}}, True),
        ({"StringLike": {"a": "?"}, "Bool": {"b": False}}, True),
        ({"StringLike": {"a": "?"}, "Bool": {"b": "true"}}, False),
        ({"NumericLessThanEquals": {"n": "30"}}, True),
        ({"ForAllValues:StringEquals": {"many": ["x", "y", "z"]}}, True),
        ({"ForAllValues:StringEquals": {"many": ["x"]}}, False),
        ({"ForAnyValue:StringEquals": {"many": ["x"]}}, True),
        ({"ForAnyValue:StringEquals": {"missing": ["x"]}}, False),
        ({"ForAllValues:StringEquals": {"missing": ["x"]}}, True),
    ],
)
def test_conditions(conditions: dict[str, dict[str, Any]], holds: bool) -> None:
    context = {
        "a": ["x"],
        "b": ["false"],
        "n": ["7"],
        "many": ["x", "y"],
        "arn": [f"arn:aws:iam::{ACCOUNT}:role/a"],
    }
    assert hold(conditions, context) is holds


def test_tags_have_rules(kms: Any, key: str, refused: Refused) -> None:
    def tags(*names: str) -> list[dict[str, str]]:
        return [{"TagKey": name, "TagValue": "v"} for name in names]

    with refused("TagException"):
        kms.tag_resource(KeyId=key, Tags=tags("a", "a"))
    with refused("TagException"):
        kms.tag_resource(KeyId=key, Tags=tags("aws:a"))
    with refused("LimitExceededException"):
        kms.tag_resource(KeyId=key, Tags=tags(*map(str, range(51))))
    kms.tag_resource(KeyId=key, Tags=tags(*map(str, range(50))))
    kms.untag_resource(KeyId=key, TagKeys=["7", "nothing"])
    assert len(kms.list_resource_tags(KeyId=key)["Tags"]) == 49


def test_aliases_have_owners(kms: Any, key: str, refused: Refused) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    with refused("AlreadyExistsException"):
        kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    with refused("NotFoundException"):
        kms.update_alias(AliasName="alias/b", TargetKeyId=key)
    kms.delete_alias(AliasName="alias/a")
    with refused("NotFoundException"):
        kms.delete_alias(AliasName="alias/a")
