"""What a key policy and grants mean for whom, as plans show it."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.access.atoms import ANYONE, Atom
from keyplan.access.delta import Change, delta
from keyplan.model.policies import Effect
from keyplan_aws.policy.access import atoms, through_iam
from tests.unit.aws.policy.stacks import API_ARN, HOME, compiled, statement

EVERYTHING_OF_NONE = {"set_policy", "encrypt", "decrypt", "describe", "schedule_deletion"}


def policy(**given: Any) -> dict[str, Any]:
    plain = {"Effect": "Allow", "Principal": {"AWS": API_ARN}, "Action": "kms:Decrypt"}
    written = {**plain, "Resource": "*", **given}
    return {"Statement": [{name: item for name, item in written.items() if item is not ...}]}


def read(document: Any, grants: Any = None) -> list[Atom]:
    return list(atoms(document, grants or {}, HOME))


def one(document: Any) -> Atom:
    (found,) = read(document)
    return found


def test_without_a_policy_everything_is_the_accounts_to_give() -> None:
    found = read(None)
    assert {item.principal for item in found} == {through_iam(HOME)}
    assert {item.operation for item in found} >= EVERYTHING_OF_NONE


def test_an_account_gives_by_its_own_iam() -> None:
    found = one(policy(Principal={"AWS": f"arn:aws:iam::{HOME}:root"}))
    assert found.principal == "account 111122223333 through IAM"


def test_an_atom_says_which_statement_it_comes_from() -> None:
    assert one(policy()).source == "Allow1"


@pytest.mark.parametrize(
    ("actions", "operations"),
    [
        ("kms:ReEncryptFrom", {"reencrypt"}),
        ("kms:ReEncrypt*", {"reencrypt"}),
        (["kms:Encrypt", "kms:WhatAwsAddsTomorrow"], {"encrypt"}),
        ("kms:*Mac", {"generate_mac", "verify_mac"}),
        ("kms:Get*", {"describe", "get_public_key", "import_material"}),
    ],
)
def test_any_part_of_an_operation_is_shown(actions: Any, operations: set[str]) -> None:
    assert {item.operation for item in read(policy(Action=actions))} == operations


def test_a_deny_counts_only_if_it_takes_all_of_an_operation() -> None:
    assert read(policy(Effect="Deny", Action="kms:ReEncryptFrom")) == []
    (found,) = read(policy(Effect="Deny", Action=["kms:ReEncryptFrom", "kms:ReEncryptTo"]))
    assert (found.effect, found.operation) == (Effect.DENY, "reencrypt")


def test_what_is_not_excluded_is_allowed() -> None:
    allowed = {item.operation for item in read(policy(Action=..., NotAction="kms:Re*"))}
    assert "set_policy" in allowed
    assert "reencrypt" not in allowed
    denied = read(policy(Effect="Deny", Action=..., NotAction=["kms:CreateGrant"]))
    assert "grant" not in {item.operation for item in denied}
    assert "decrypt" in {item.operation for item in denied}


def test_everybody_else_is_everybody() -> None:
    found = one(policy(Principal=..., NotPrincipal={"AWS": API_ARN}))
    assert (found.effect, found.principal) == (Effect.ALLOW, ANYONE)


def test_a_deny_on_all_but_some_falls_on_those_who_are_named() -> None:
    other = f"arn:aws:iam::{HOME}:role/other"
    document = policy(Principal={"AWS": [API_ARN, other]})
    (spared,) = policy(Effect="Deny", Principal=..., NotPrincipal={"AWS": API_ARN})["Statement"]
    document["Statement"].append(spared)
    denied = {item.principal for item in read(document) if item.effect is Effect.DENY}
    assert denied == {other}


def test_a_deny_on_the_account_falls_on_everybody_of_it() -> None:
    document = policy()
    document["Statement"] += policy(Effect="Deny", Principal={"AWS": HOME})["Statement"]
    denied = {item.principal for item in read(document) if item.effect is Effect.DENY}
    assert denied == {API_ARN, through_iam(HOME)}


def test_everybody_with_one_arn_is_that_principal() -> None:
    arn = {"ArnLike": {"aws:PrincipalArn": API_ARN}}
    assert one(policy(Principal="*", Condition=arn)).principal == API_ARN
    several = {"ArnLike": {"aws:PrincipalArn": API_ARN + "*"}}
    found = one(policy(Principal="*", Condition=several))
    assert found.principal == ANYONE
    assert "ArnLike aws:PrincipalArn" in found.when


@pytest.mark.parametrize(
    ("neutral", "field", "text"),
    [
        ({"when": {"context": {"b": "1", "a": "2"}}}, "when", '{"context":{"a":"2","b":"1"}}'),
        ({"when": {"services": ["ebs"]}}, "when", '{"services":["ebs"]}'),
        ({"when": {"org": ["o-1"], "mfa": True}}, "when", '{"mfa":true,"org":["o-1"]}'),
        ({"when": {"source_ip": ["10.0.0.0/8"]}}, "when", '{"source_ip":["10.0.0.0/8"]}'),
        ({"when": {"tags": {"team": "a"}}}, "when", '{"tags":{"team":"a"}}'),
        ({"when": {"not_before": "2027-01-01"}}, "when", '{"not_before":"2027-01-01T00:00:00Z"}'),
        ({"when": {"mfa": False}}, "unless", '{"mfa":true}'),
        ({"unless": {"context": {"tenant": "a"}}}, "unless", '{"context":{"tenant":"a"}}'),
        ({"unless": {"services": ["rds"]}}, "unless", '{"services":["rds"]}'),
        ({"when": {"not_after": "2027-01-01"}}, "expires_at", "2027-01-01T23:59:59Z"),
    ],
)  # fmt: skip
def test_a_neutral_condition_reads_back(neutral: Any, field: str, text: str) -> None:
    document = compiled(statement(operations=frozenset({"decrypt"}), **neutral))
    found = next(item for item in read(document) if item.operation == "decrypt")
    assert getattr(found, field) == text


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEqualsIfExists": {"kms:EncryptionContext:tenant": "a"}},
        {"ForAllValues:StringEquals": {"aws:TagKeys": "a"}},
        {"StringEquals": {"aws:PrincipalOrgID": "${aws:username}"}},
        {"StringNotEquals": {"aws:PrincipalOrgID": "o-1", "aws:PrincipalTag/team": "a"}},
    ],
)
def test_what_the_language_cannot_say_is_kept_as_it_is(condition: Any) -> None:
    found = one(policy(Condition=condition))
    assert found.unless == ""
    assert " " in found.when


def test_grants_of_others_count_like_any() -> None:
    terms = {"principal": ["rds.amazonaws.com"], "operations": ["Decrypt", "encrypt"]}
    bounded = {
        "principal": [HOME],
        "operations": ["use"],
        "context": {"a": "b"},
        "expires_at": "2027-01-01T00:00:00Z",
    }
    found = read(policy(), {"abc123": terms, "batch": bounded})
    assert {
        (item.principal, item.operation) for item in found if item.source == "grant abc123"
    } == {
        ("rds.amazonaws.com", "decrypt"),
        ("rds.amazonaws.com", "encrypt"),
    }
    batch = [item for item in found if item.source == "grant batch"]
    assert {item.principal for item in batch} == {through_iam(HOME)}
    assert {(item.when, item.expires_at) for item in batch} == {
        ('{"context":{"a":"b"}}', "2027-01-01T00:00:00Z")
    }


def test_the_delta_says_who_gains_and_who_loses() -> None:
    before = read(policy(Action=["kms:Decrypt", "kms:Encrypt"]))
    after = read(policy(Action="kms:Decrypt", Principal={"AWS": [API_ARN, HOME]}))
    changes = {(item.principal, item.operation): item.change for item in delta(before, after)}
    assert changes == {
        (API_ARN, "encrypt"): Change.LOSES,
        (through_iam(HOME), "decrypt"): Change.GAINS,
    }
