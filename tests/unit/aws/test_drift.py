"""Each thing that is changed outside keyplan is seen where it belongs, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from keyplan.model.observations import ASIDE, SPELLINGS
from keyplan.model.operations import CreateAlias, CreateGrant, SetAttribute
from tests.unit.aws.conftest import KEY, Bench

ROLE = "arn:aws:iam::111122223333:role/rds"

CHANGES: dict[str, tuple[str, Callable[[Any, str], object]]] = {
    "description": (
        "description",
        lambda kms, key: kms.update_key_description(KeyId=key, Description="by hand"),
    ),
    "state": ("state", lambda kms, key: kms.disable_key(KeyId=key)),
    "rotation off": ("rotation", lambda kms, key: kms.disable_key_rotation(KeyId=key)),
    "rotation period": (
        "rotation",
        lambda kms, key: kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=200),
    ),
    "label": (
        "labels",
        lambda kms, key: kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "x"}]),
    ),
    "foreign label": (
        "labels",
        lambda kms, key: kms.tag_resource(KeyId=key, Tags=[{"TagKey": "new", "TagValue": "x"}]),
    ),
    "label removed": ("labels", lambda kms, key: kms.untag_resource(KeyId=key, TagKeys=["team"])),
    "alias": (
        "aliases",
        lambda kms, key: kms.create_alias(AliasName="alias/by-hand", TargetKeyId=key),
    ),
    "alias removed": ("aliases", lambda kms, _: kms.delete_alias(AliasName="alias/acme/a")),
    "grant": (
        "grants",
        lambda kms, key: kms.create_grant(KeyId=key, GranteePrincipal=ROLE, Operations=["Decrypt"]),
    ),
    "grant revoked": (
        "grants",
        lambda kms, key: kms.revoke_grant(
            KeyId=key, GrantId=kms.list_grants(KeyId=key)["Grants"][0]["GrantId"]
        ),
    ),
    "policy": (
        "policy",
        lambda kms, key: kms.put_key_policy(
            KeyId=key,
            PolicyName="default",
            Policy=kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"].replace(
                '"kms:*"', '["kms:De*","kms:Li*","kms:Get*","kms:Put*","kms:Tag*","kms:Cr*"]'
            ),
        ),
    ),
}


@pytest.fixture
def key(bench: Bench) -> str:
    """A key with something of everything."""
    arn = bench.create(description="card data", labels={"team": "payments"})
    bench.do(SetAttribute(KEY, "rotation", None, {"every": "180d"}))
    bench.do(CreateAlias(KEY, "acme/a"))
    terms = {"principal": [ROLE], "operations": ["decrypt"], "context": {"tenant": "a"}}
    bench.do(CreateGrant(KEY, "batch", terms))  # type: ignore[arg-type]
    return arn


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_is_one_difference(bench: Bench, key: str, name: str) -> None:
    attribute, change = CHANGES[name]
    before = bench.look()
    change(bench.double.client(), key)
    after = bench.look()
    differing = {
        part
        for part in (before.attributes.keys() | after.attributes.keys()) - ASIDE
        if before.attributes.get(part) != after.attributes.get(part)
    }
    assert differing == {attribute}
    assert after.fingerprint != before.fingerprint
    assert after.owner == before.owner


@pytest.mark.parametrize("respelt", ["principal", "actions", "statement"])
def test_another_spelling_of_the_same_policy_is_noted_and_no_change(
    bench: Bench, key: str, respelt: str
) -> None:
    kms = bench.double.client()
    before = bench.look()
    text = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    account = bench.double.caller.account
    texts = {
        "principal": text.replace(f"arn:aws:iam::{account}:root", account),
        "actions": text.replace('"kms:*"', '["kms:Decrypt","KMS:*"]'),
        "statement": text.replace('"Enable IAM User Permissions"', '"Renamed"'),
    }
    assert texts[respelt] != text
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=texts[respelt])
    after = bench.look()
    assert after.fingerprint == before.fingerprint
    rewritten = respelt == "principal"  # the service itself writes the account as an ARN
    assert (after.attributes[SPELLINGS] == before.attributes[SPELLINGS]) is rewritten
    same = {**after.attributes, SPELLINGS: before.attributes[SPELLINGS]}
    assert replace(after, attributes=same) == before
