"""The language becomes key policies, or is refused by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keyplan.errors import RejectedError
from keyplan.model.keys import Usage
from keyplan.model.policies import ADMINISTER, Effect, Unenforced
from keyplan_aws.policy.canonical import canonical_policy
from keyplan_aws.policy.document import ACCOUNT, parse, to_json
from keyplan_aws.policy.operations import ACTIONS_OF
from tests.unit.aws.policy.stacks import (
    ADMIN_ARN,
    ADMINS,
    API,
    API_ARN,
    HOME,
    ODD,
    OUTSIDE,
    RDS,
    compiled,
    key,
    only,
    statement,
)

GOLDEN = Path(__file__).parent / "golden"
END = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
ACCEPTED = {"reason": "CHG-9", "until": datetime(2099, 1, 1, tzinfo=UTC)}
NOW = "aws:currenttime"
SESSION = f"arn:aws:sts::{HOME}:assumed-role/ci/run-1"
SAML = f"arn:aws:iam::{HOME}:saml-provider/x"
WHOLE = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
TENANT = "kms:encryptioncontext:tenant"


def gap(*what: str, then: str = "skip") -> Unenforced:
    return Unenforced("aws", what, then, **ACCEPTED)  # type: ignore[arg-type]


def condition_of(**given: Any) -> Any:
    """The condition of the single statement that comes out."""
    return only(compiled(statement(**given)))["Condition"]


# -- whole policies ----------------------------------------------------------------------


@pytest.mark.parametrize("share", ["recovery", "delegate", "none"])
def test_the_policy_of_the_language_page(share: str) -> None:
    """`policy.envelope` of LANGUAGE.md §2, as the text that AWS gets."""
    tenant = {"context": {"tenant": "acme"}}
    document = compiled(
        statement(
            "PaymentsEnvelope",
            operations=frozenset({"encrypt", "decrypt", "generate_data_key"}),
            when=tenant,
            expires_at=END,
        ),
        statement(
            "OnlyThisTenant",
            effect=Effect.DENY,
            principals=None,
            operations=frozenset({"use"}),
            unless=tenant,
        ),
        administrators=(ADMINS,),
        share=share,
    )
    golden = json.loads((GOLDEN / f"envelope-{share}.json").read_text(encoding="utf-8"))
    assert json.loads(to_json(document)) == golden
    assert canonical_policy(parse(to_json(document)), account=HOME) == document


def test_the_account_keeps_the_way_to_repair_it_if_nothing_is_said() -> None:
    assert compiled(statement(), share=None) == compiled(statement(), share="recovery")


def test_offline_the_account_is_a_symbol() -> None:
    document = only(compiled(share="delegate", account=None))
    assert document["Principal"] == {"AWS": ACCOUNT}
    assert document["Action"] == "kms:*"


@pytest.mark.parametrize("settings", [{"account": "all"}, {"acount": "none"}])
def test_the_block_of_the_provider_is_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(RejectedError, match="recovery"):
        compiled(statement(), share=settings.get("account", "x"))


def test_statements_that_say_the_same_of_others_become_one() -> None:
    split = compiled(
        statement("A", operations=frozenset({"encrypt"})),
        statement("B", operations=frozenset({"decrypt"}), principals=(API,)),
    )
    assert split == compiled(statement())


def test_administrators_change_everything_and_use_nothing() -> None:
    actions = set(only(compiled(administrators=(ADMINS,)))["Action"])
    assert actions == {item.lower() for name in ADMINISTER for item in ACTIONS_OF[name]}
    assert not actions & {"kms:decrypt", "kms:encrypt", "kms:*"}


@pytest.mark.parametrize(
    ("usage", "algorithm", "actions"),
    [
        (Usage.SIGN, "ec-p256", ["kms:getpublickey", "kms:sign", "kms:verify"]),
        (Usage.MAC, "hmac-sha256", ["kms:generatemac", "kms:verifymac"]),
        (Usage.AGREE, "ec-p256", ["kms:derivesharedsecret", "kms:getpublickey"]),
        (Usage.WRAP, "aes-256", ["kms:decrypt", "kms:encrypt"]),
    ],
)
def test_use_is_what_the_usage_allows(usage: Usage, algorithm: str, actions: list[str]) -> None:
    allowed = statement(operations=frozenset({"use"}))
    assert only(compiled(allowed, on=key(usage, algorithm)))["Action"] == actions


def test_too_long_a_policy_is_refused() -> None:
    many = tuple(
        f"arn:aws:iam::{HOME}:role/a-rather-long-name-{number:04}" for number in range(700)
    )
    with pytest.raises(RejectedError, match="bytes long"):
        compiled(statement(principals=(ODD,)), odd=many)


def test_a_key_without_usage_is_refused() -> None:
    with pytest.raises(RejectedError, match="usage is not declared"):
        compiled(statement(), on=key(None))


# -- principals --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "principal"),
    [
        (API_ARN, {"AWS": API_ARN}),
        (HOME, {"AWS": HOME}),
        (f"arn:aws:iam::{HOME}:root", {"AWS": HOME}),
        (SESSION, {"AWS": SESSION}),
        ("AROAEXAMPLEEXAMPLEAB", {"AWS": "AROAEXAMPLEEXAMPLEAB"}),
        ("rds.amazonaws.com", {"Service": "rds.amazonaws.com"}),
        (SAML, {"Federated": SAML}),
    ],
)  # fmt: skip
def test_principals_are_named_as_iam_names_them(identity: str, principal: Any) -> None:
    found = only(compiled(statement(principals=(ODD,)), odd=(identity,)))
    assert found["Principal"] == principal


@pytest.mark.parametrize(
    "identity",
    ["app", "*", f"arn:aws:iam::{HOME}:group/devs", f"arn:aws:iam::{HOME}:role/app-*", "12345"],
)
def test_what_is_no_principal_is_refused(identity: str) -> None:
    with pytest.raises(RejectedError, match="cannot be a principal"):
        compiled(statement(principals=(ODD,)), odd=(identity,))


def test_nobody_acts_across_partitions() -> None:
    chinese = f"arn:aws-cn:iam::{HOME}:role/app"
    with pytest.raises(RejectedError, match="partition aws-cn"):
        compiled(statement(principals=(ODD,)), odd=(chinese,))
    assert compiled(statement(principals=(ODD,)), odd=(chinese,), account=None)


def test_the_instance_wins_over_the_type_and_no_identity_is_refused() -> None:
    there = only(compiled(statement(), on=key(provider="aws.dr")))
    assert there["Principal"] == {"AWS": API_ARN + "-dr"}
    with pytest.raises(RejectedError, match="no identity on aws"):
        compiled(statement(principals=(ODD,)))


# -- conditions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ({"context": {"tenant": ["a", "b"]}}, {"StringEquals": {TENANT: ["a", "b"]}}),
        ({"source_ip": ["10.0.0.0/8"]}, {"IpAddress": {"aws:sourceip": "10.0.0.0/8"}}),
        ({"source_vpc": ["vpc-1"]}, {"StringEquals": {"aws:sourcevpc": "vpc-1"}}),
        ({"source_vpc": ["vpce-1"]}, {"StringEquals": {"aws:sourcevpce": "vpce-1"}}),
        ({"mfa": True}, {"Bool": {"aws:multifactorauthpresent": "true"}}),
        ({"mfa": False}, {"BoolIfExists": {"aws:multifactorauthpresent": "false"}}),
        ({"org": ["o-1"]}, {"StringEquals": {"aws:principalorgid": "o-1"}}),
        ({"account": [HOME]}, {"StringEquals": {"aws:principalaccount": HOME}}),
        ({"tags": {"Team": "a"}}, {"StringEquals": {"aws:principaltag/team": "a"}}),
        ({"not_before": "2027-01-01"}, {"DateGreaterThanEquals": {NOW: "2027-01-01T00:00:00Z"}}),
        ({"not_after": "2027-01-01"}, {"DateLessThanEquals": {NOW: "2027-01-01T23:59:59Z"}}),
    ],
)
def test_what_must_hold(when: dict[str, Any], condition: Any) -> None:
    assert condition_of(when=when) == condition


@pytest.mark.parametrize(
    ("unless", "condition"),
    [
        ({"context": {"tenant": "a"}}, {"StringNotEquals": {TENANT: "a"}}),
        ({"source_ip": ["10.0.0.0/8"]}, {"NotIpAddress": {"aws:sourceip": "10.0.0.0/8"}}),
        ({"services": ["rds"]}, {"StringNotLike": {"kms:viaservice": "rds.*.amazonaws.com"}}),
        ({"mfa": True}, {"BoolIfExists": {"aws:multifactorauthpresent": "false"}}),
        ({"mfa": False}, {"Bool": {"aws:multifactorauthpresent": "true"}}),
        ({"org": ["o-1"]}, {"StringNotEquals": {"aws:principalorgid": "o-1"}}),
        ({"not_before": "2027-01-01"}, {"DateLessThan": {NOW: "2027-01-01T00:00:00Z"}}),
        (
            {"source_vpc": ["vpc-1", "vpce-1"]},
            {"StringNotEquals": {"aws:sourcevpc": "vpc-1", "aws:sourcevpce": "vpce-1"}},
        ),
    ],
)
@pytest.mark.parametrize("effect", Effect)
def test_what_must_not_hold(effect: Effect, unless: dict[str, Any], condition: Any) -> None:
    """Also of a request that does not say: a missing key does not match."""
    assert condition_of(unless=unless, effect=effect) == condition


def test_the_earlier_of_two_ends_counts() -> None:
    found = condition_of(when={"not_after": "2027-01-01"}, expires_at=END)
    assert found == {"DateLessThanEquals": {NOW: "2027-01-01T23:59:59Z"}}


def test_unless_both_takes_two_statements() -> None:
    document = compiled(statement(unless={"context": {"tenant": "a", "part": "p"}}))
    conditions = [item["Condition"]["StringNotEquals"] for item in document["Statement"]]
    assert conditions == [{"kms:encryptioncontext:part": "p"}, {TENANT: "a"}]


def test_a_value_is_never_a_variable_of_aws() -> None:
    found = condition_of(when={"context": {"tenant": "${aws:username}"}})
    assert found == {"StringEquals": {TENANT: "${$}{aws:username}"}}


def test_hours_are_refused_unless_accepted() -> None:
    hours = {"hours": {"days": ["mon"]}}
    with pytest.raises(RejectedError, match="condition hours of statement Use") as caught:
        compiled(statement(when=hours))
    assert "unenforced: {aws: {what: [hours]" in caught.value.advice
    assert compiled(statement(when=hours, unenforced=(gap("hours"),)))["Statement"] == []
    dropped = compiled(statement(when=hours, unenforced=(gap("hours", then="drop"),)))
    assert dropped == compiled(statement())


# -- the context, where there is none ----------------------------------------------------


def test_a_group_keeps_what_has_a_context() -> None:
    document = only(
        compiled(
            statement(operations=frozenset({"use", "audit"}), when={"context": {"tenant": "a"}})
        )
    )
    assert "kms:describekey" not in document["Action"]
    assert document["Condition"] == {"StringEquals": {TENANT: "a"}}


def test_an_operation_without_context_is_refused_by_name() -> None:
    asked = {"operations": frozenset({"encrypt", "describe"}), "when": {"context": {"a": "b"}}}
    with pytest.raises(RejectedError, match="context of statement Use on describe"):
        compiled(statement(**asked))
    assert compiled(statement(**asked, unenforced=(gap("context"),)))["Statement"] == []
    document = compiled(statement(**asked, unenforced=(gap("context", then="drop"),)))
    conditions = {str(item["Action"]): item.get("Condition") for item in document["Statement"]}
    assert conditions.pop("kms:encrypt") == {"StringEquals": {"kms:encryptioncontext:a": "b"}}
    assert list(conditions.values()) == [None]


def test_a_signing_key_has_no_context_at_all() -> None:
    asked = statement(operations=frozenset({"use"}), when={"context": {"a": "b"}})
    with pytest.raises(RejectedError, match="get_public_key, sign, verify"):
        compiled(asked, on=key(Usage.SIGN, "ec-p256"))


def test_a_deny_without_the_context_falls_on_what_never_has_one() -> None:
    document = compiled(
        statement(
            effect=Effect.DENY,
            principals=None,
            operations=frozenset({"encrypt", "describe"}),
            unless={"context": {"tenant": "a"}},
        )
    )
    by_condition = {"Condition" in item: item["Action"] for item in document["Statement"]}
    assert by_condition[True] == "kms:encrypt"
    assert "kms:describekey" in by_condition[False]


# -- services ----------------------------------------------------------------------------


def test_services_get_the_grants_that_their_resources_need() -> None:
    document = compiled(statement(when={"services": ["ebs", "rds"]}))
    via = {"kms:viaservice": ["ec2.*.amazonaws.com", "rds.*.amazonaws.com"]}
    use, grants = sorted(document["Statement"], key=lambda item: len(item["Action"]))
    assert use["Condition"] == {"StringLike": via}
    assert grants["Action"] == ["kms:creategrant", "kms:listgrants", "kms:revokegrant"]
    assert grants["Condition"] == {
        "Bool": {"kms:grantisforawsresource": "true"},
        "StringLike": via,
    }


def test_everybody_by_a_service_is_everybody_of_the_account() -> None:
    document = compiled(statement(principals=None, when={"services": ["s3"]}), account=None)
    for item in document["Statement"]:
        assert item["Condition"]["StringEquals"] == {"kms:calleraccount": ACCOUNT}
    scoped = compiled(statement(principals=None, when={"services": ["s3"], "org": ["o-1"]}))
    for item in scoped["Statement"]:
        assert item["Condition"]["StringEquals"] == {"aws:principalorgid": "o-1"}


# -- operations and native forms ---------------------------------------------------------


def test_what_kms_cannot_do_is_not_promised_and_needs_no_deny() -> None:
    with pytest.raises(RejectedError, match="cannot export, which statement Use allows"):
        compiled(statement(operations=frozenset({"export"})))
    denied = statement(effect=Effect.DENY, operations=frozenset({"export"}))
    assert compiled(denied)["Statement"] == []


def test_a_deny_of_the_use_of_a_wrapping_key_is_of_all_that_aws_takes_for_it() -> None:
    """To AWS it is a key that encrypts: what is denied must not be done by ReEncryptFrom."""
    wrapping = key(Usage.WRAP)
    denied = statement(effect=Effect.DENY, operations=frozenset({"use"}))
    found = only(compiled(denied, on=wrapping))["Action"]
    assert {"kms:reencryptfrom", "kms:generatedatakey"} <= set(found)
    allowed = only(compiled(statement(operations=frozenset({"use"})), on=wrapping))["Action"]
    assert allowed == ["kms:decrypt", "kms:encrypt"]


def test_a_native_statement_stands_in_place_of_the_neutral_one() -> None:
    native = {"Condition": {"StringEquals": {"aws:SourceAccount": HOME}}, "Sid": "Mine"}
    found = only(compiled(statement(principals=(RDS,), native={"aws": native})))
    assert found == {
        "Effect": "Allow",
        "Principal": {"Service": "rds.amazonaws.com"},
        "Action": ["kms:decrypt", "kms:encrypt"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:sourceaccount": HOME}},
    }


def test_a_native_statement_never_loses_a_condition() -> None:
    with pytest.raises(RejectedError) as caught:
        compiled(statement(when={"mfa": True}, native={"aws": {"Action": "kms:Sign"}}))
    assert "Condition" in caught.value.why


def test_a_native_document_is_complete_unless_something_is_added() -> None:
    whole = {"Version": "2012-10-17", "Statement": WHOLE}
    assert len(compiled(share=None, native={"aws": whole})["Statement"]) == 1
    assert len(compiled(statement(), share=None, native={"aws": whole})["Statement"]) == 3


@pytest.mark.parametrize("field", ["Principal", "Action", "Resource"])
def test_a_native_statement_that_aws_would_ignore_is_refused(field: str) -> None:
    native = {name: value for name, value in WHOLE.items() if name != field}
    with pytest.raises(RejectedError) as caught:
        compiled(native={"aws": {"Statement": [native]}})
    assert f"no `{field}`" in caught.value.why


def test_a_variable_needs_the_version_that_knows_it() -> None:
    condition = {"StringEquals": {TENANT: "${aws:username}"}}
    native = {"Statement": [{**WHOLE, "Condition": condition}]}
    with pytest.raises(RejectedError) as caught:
        compiled(native={"aws": native})
    assert "Version" in caught.value.why
    document = compiled(native={"aws": {"Version": "2012-10-17", **native}})
    assert document["Version"] == "2012-10-17"


def test_another_account_is_named_by_its_number() -> None:
    assert only(compiled(statement(principals=(OUTSIDE,))))["Principal"] == {"AWS": "444455556666"}


def test_administrators_are_named_by_role() -> None:
    assert only(compiled(administrators=(ADMINS,)))["Principal"] == {"AWS": ADMIN_ARN}
