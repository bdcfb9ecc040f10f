"""Policies are read strictly and written small."""

from __future__ import annotations

import json

import pytest

from keyplan.errors import RejectedError
from keyplan_aws.policy.canonical import canonical_policy
from keyplan_aws.policy.document import ACCOUNT, parse, to_json

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "kms:reencryptto", "Resource": "*"}


def test_names_are_written_as_aws_writes_them() -> None:
    condition = {"StringEquals": {"kms:encryptioncontext:tenant": "a", "aws:principalorgid": "o-1"}}
    actions = ["kms:generatedatakey*", "kms:reencryptto", "kms:whatever"]
    text = to_json({"Statement": [{**ALLOW, "Action": actions, "Condition": condition}]})
    (statement,) = json.loads(text)["Statement"]
    assert statement["Action"] == ["kms:GenerateDataKey*", "kms:ReEncryptTo", "kms:whatever"]
    assert statement["Condition"] == {
        "StringEquals": {"kms:EncryptionContext:tenant": "a", "aws:PrincipalOrgID": "o-1"}
    }


def test_every_statement_has_a_name_of_its_own() -> None:
    written = json.loads(to_json({"Statement": [ALLOW, {**ALLOW, "Effect": "Deny"}]}))
    assert [item["Sid"] for item in written["Statement"]] == ["Allow1", "Deny2"]
    assert written["Version"] == "2012-10-17"


def test_the_text_is_as_short_as_it_can_be_and_always_the_same() -> None:
    text = to_json({"Statement": [ALLOW]})
    assert " " not in text
    assert "\n" not in text
    assert text == to_json(json.loads(json.dumps({"Statement": [ALLOW]})))


def test_nothing_is_sent_before_the_account_is_known() -> None:
    policy = {"Statement": [{**ALLOW, "Principal": {"AWS": ACCOUNT}}]}
    with pytest.raises(RejectedError, match="not a key policy") as caught:
        to_json(policy)
    assert "account" in caught.value.why
    assert '"111122223333"' in to_json(canonical_policy(policy, account="111122223333"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"Statement": [], "Statement": []}', "stands twice"),
        ("[" * 200_000, "nested too deeply"),
        ('{"Statement": NaN}', "NaN is no number"),
        ('{"Statement": 1e999}', "1e999 is no number"),
    ],
)
def test_what_is_no_policy_text_is_refused(text: str, why: str) -> None:
    with pytest.raises(RejectedError) as caught:
        parse(text)
    assert why in caught.value.why
