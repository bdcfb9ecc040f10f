"""Reading keys: how many calls, what is forbidden, what a key is called, whose it is."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from keyplan.access.atoms import ANYONE
from keyplan.errors import RejectedError
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import MATERIAL, SPELLINGS, Observation
from keyplan.model.operations import CreateAlias, CreateGrant, PutLabels, ScheduleDeletion
from keyplan.sdk.hidden import HiddenKeysError
from keyplan_aws import marks
from keyplan_aws.places import Place
from keyplan_aws.plugin import PLUGIN
from keyplan_aws.policy.document import to_json
from keyplan_aws.policy.foreign import objection
from keyplan_aws.provider import AwsProvider
from keyplan_aws.reading import Reader
from keyplan_aws.settings import AwsSettings
from tests.aws_double.any_policy import taking_any_policy
from tests.unit.aws.conftest import KEY, Bench


def _many(bench: Bench, count: int) -> list[str]:
    return [bench.create(Address.of("key", "many", str(number))) for number in range(count)]


def test_many_keys_cost_few_calls_and_each_key_four(
    bench: Bench, connect: Callable[..., AwsProvider]
) -> None:
    ids = _many(bench, 60)
    reader = connect()
    reader.identify()
    bench.double.calls.clear()
    assert len(reader.read(ids)) == 60
    calls = bench.double.calls
    assert calls.count() <= 4.2 * 60
    assert calls.count("ListAliases") == 1
    assert calls.count("GetResources") == 1
    assert calls.count("ListResourceTags") == 0


def test_many_read_as_one_by_one(bench: Bench, connect: Callable[..., AwsProvider]) -> None:
    ids = _many(bench, 25)
    bench.ids[KEY] = ids[3]
    bench.do(CreateAlias(KEY, "acme/payments"))
    bench.do(PutLabels(KEY, {"team": "payments"}, [], {}))
    reader = connect()
    together = reader.read(ids)
    assert together == {key: reader.read([key])[key] for key in ids}
    assert together[ids[3]].attributes["aliases"] == ["acme/payments"]
    assert together[ids[3]].attributes["labels"] == {"team": "payments"}


def test_tags_that_this_connection_wrote_are_read_at_kms(bench: Bench) -> None:
    ids = _many(bench, 25)
    bench.double.calls.clear()
    bench.provider.read(ids)
    assert bench.double.calls.count("ListResourceTags") == 25


def test_without_the_tagging_api_tags_are_read_one_by_one(
    bench: Bench, connect: Callable[..., AwsProvider]
) -> None:
    ids = _many(bench, 25)
    bench.double.faults.deny("GetResources")
    reader = connect()
    bench.double.calls.clear()
    found = reader.read(ids)
    assert all(seen.owner for seen in found.values())
    assert bench.double.calls.count("ListResourceTags") == 25


@pytest.mark.parametrize(
    ("call", "attribute"),
    [
        ("GetKeyPolicy", "policy"),
        ("GetKeyRotationStatus", "rotation"),
        ("ListGrants", "grants"),
        ("ListAliases", "aliases"),
        ("ListResourceTags", "labels"),
    ],
)
def test_what_may_not_be_read_is_unreadable_and_nothing_else_is(
    bench: Bench, call: str, attribute: str
) -> None:
    bench.create()
    whole = bench.look()
    bench.double.faults.deny(call)
    seen = bench.look()
    assert seen.unreadable == {attribute}
    assert attribute not in seen.attributes
    aside = {"policy": SPELLINGS, "rotation": MATERIAL}.get(attribute, attribute)
    about_it = {attribute, aside}
    rest = {name: value for name, value in whole.attributes.items() if name not in about_it}
    assert seen.attributes == rest


def test_a_key_that_shows_late_and_is_hidden_then_takes_no_other_with_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the others missing beside it, they would be taken for gone."""
    (other,) = _many(bench, 1)
    late = bench.create()
    _deny_everybody(bench, late)
    real, asked = Reader.read, []

    def read(reader: Reader, ids: Sequence[str], here: Place) -> dict[str, Observation]:
        asked.append([*ids])
        return real(reader, [key for key in ids if key != late or len(asked) > 1], here)

    monkeypatch.setattr(Reader, "read", read)
    with pytest.raises(HiddenKeysError) as refusal:
        bench.provider.read([other, late])
    assert asked == [[other, late], [late]]
    assert refusal.value.seen.keys() == {other}
    assert refusal.value.hidden.keys() == {late}


@pytest.mark.parametrize("count", [1, 25])
def test_a_key_that_may_not_be_described_is_hidden_and_the_others_are_read(
    bench: Bench, count: int
) -> None:
    others = _many(bench, count)
    bench.create()
    hidden = bench.ids[KEY]
    _deny_everybody(bench, hidden)
    with pytest.raises(HiddenKeysError) as refusal:
        bench.provider.read([*others, hidden])
    assert set(refusal.value.seen) == set(others)
    assert refusal.value.hidden.keys() == {hidden}
    assert "kms:DescribeKey" in refusal.value.why
    assert refusal.value.target == hidden
    assert refusal.value.request_id


def test_scanning_leaves_out_what_is_hidden_and_warns(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    (other,) = _many(bench, 1)
    bench.create()
    _deny_everybody(bench, bench.ids[KEY])
    with caplog.at_level(logging.WARNING, "keyplan.aws"):
        assert [seen.id for seen in bench.provider.scan().observations] == [other]
    assert bench.ids[KEY] in caplog.text
    assert "kms:DescribeKey" in caplog.text


def _deny_everybody(bench: Bench, arn: str) -> None:
    """What somebody else's key looks like: its policy lets us do nothing."""
    stranger = {"AWS": "arn:aws:iam::111122223333:role/stranger"}
    allow = {"Effect": "Allow", "Principal": stranger, "Action": "kms:*", "Resource": "*"}
    bench.double.client().put_key_policy(
        KeyId=arn,
        PolicyName="default",
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
        BypassPolicyLockoutSafetyCheck=True,
    )


def _statement(rest: str) -> str:
    return f'{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*", {rest}}}}}'


STRANGE_POLICIES = {
    "not JSON": ('{"Statement": [', "not JSON"),
    "no object": ("[]", "not a JSON object"),
    "said twice": ('{"Statement": [], "Statement": []}', "stands twice"),
    "no effect": ('{"Statement": [{"Effect": "Perhaps"}]}', "neither allows nor denies"),
    "too deep": ('{"Statement": ' + "[" * 20_000, "nested too deeply"),
    "half a letter": (_statement('"Principal": "\\ud800"'), "no text"),
    "a number for somebody": (_statement('"Principal": 7'), "Int stands"),
    "something new": (_statement('"Principal": "*", "Scope": "tenant"'), "what 'Scope' means"),
    "something new about all": ('{"Scope": 1, "Statement": []}', "what 'Scope' means"),
}


@pytest.mark.parametrize("kind", STRANGE_POLICIES)
def test_a_policy_that_cannot_be_read_is_kept_word_for_word(
    bench: Bench, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking_any_policy(monkeypatch, bench.double.caller.account)
    text, why = STRANGE_POLICIES[kind]
    arn = bench.create()
    whole = bench.look().attributes
    bench.double.client().put_key_policy(KeyId=arn, Policy=text)
    seen = bench.look()
    assert not seen.unreadable
    assert {**seen.attributes, "policy": 0, SPELLINGS: 0} == {**whole, "policy": 0, SPELLINGS: 0}
    policy = seen.attributes["policy"]
    located = PLUGIN.located(bench.provider.identify(), AwsSettings())
    assert located.canonical({"policy": policy}) == {"policy": policy}
    assert policy == {"Unreadable": text}
    assert to_json(policy) == text, "and can be put back as it was"
    assert why in objection(text, bench.double.caller.account)
    review = located.review_policy(policy, bench.double.caller.arn)
    assert review is not None
    assert not review.administrators
    everybody = located.access(policy, {})
    assert {atom.principal for atom in everybody} == {ANYONE}
    assert all(atom.when for atom in everybody), "nothing is sure"


def test_a_key_has_four_names_and_one_id(bench: Bench) -> None:
    arn = bench.create()
    bench.do(CreateAlias(KEY, "acme/payments"))
    key_id = arn.rpartition("/")[2]
    names = [
        arn,
        key_id,
        "alias/acme/payments",
        arn.replace(f"key/{key_id}", "alias/acme/payments"),
    ]
    for name in names:
        assert bench.provider.read([name])[name].id == arn


def test_pages_are_followed(bench: Bench) -> None:
    bench.double.world.limits.page = 2
    bench.create()
    for number in range(5):
        bench.do(CreateAlias(KEY, f"acme/{number}"))
        terms = {"principal": [bench.double.caller.arn], "operations": ["decrypt"], "context": {}}
        bench.do(CreateGrant(KEY, f"grant-{number}", terms))  # type: ignore[arg-type]
    seen = bench.look().attributes
    assert seen["aliases"] == [f"acme/{number}" for number in range(5)]
    assert sorted(seen["grants"]) == [f"grant-{number}" for number in range(5)]  # type: ignore[arg-type]


def test_a_key_pending_deletion_says_when_and_hides_its_rotation(bench: Bench) -> None:
    bench.create()
    bench.do(ScheduleDeletion(KEY, "8d"))
    seen = bench.look()
    assert seen.state is KeyState.SUSPENDED
    assert seen.deletion_at is not None
    assert 7 <= (seen.deletion_at - datetime.now(UTC)).days <= 8
    assert "rotation" in seen.unreadable, "AWS says off until the deletion is cancelled"


def test_foreign_grants_have_their_ids_and_foreign_tags_are_labels(bench: Bench) -> None:
    arn = bench.create()
    kms = bench.double.client()
    grant = kms.create_grant(
        KeyId=arn,
        GranteePrincipal=bench.double.caller.arn,
        Operations=["Decrypt", "GenerateDataKey"],
        Name="rds-snapshot",
    )["GrantId"]
    kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "backup", "TagValue": "yes"}])
    seen = bench.look().attributes
    assert seen["labels"] == {"backup": "yes"}
    assert seen["grants"] == {
        grant: {
            "principal": [bench.double.caller.arn],
            "operations": ["GenerateDataKey", "decrypt"],
            "context": {},
            "name": "rds-snapshot",
        }
    }


def test_scanning_shows_every_key_and_who_manages_it(bench: Bench) -> None:
    arn = bench.create()
    page = bench.provider.scan()
    assert {seen.id: seen.attributes["manager"] for seen in page.observations} == {arn: "customer"}
    assert page.cursor is None


def test_a_key_of_another_region_is_not_taken_for_gone(
    bench: Bench, connect: Callable[..., AwsProvider]
) -> None:
    """Who changes the Region of a block would else be planned every key anew."""
    arn = bench.create()
    elsewhere = connect(region="eu-central-1")
    with pytest.raises(RejectedError, match="eu-west-1"):
        elsewhere.read([arn])


def test_what_is_no_name_of_a_key_is_not_taken_for_a_key_that_is_gone(bench: Bench) -> None:
    bench.create()
    no_key = "arn:aws:s3:eu-west-1:111122223333:bucket"
    with pytest.raises(RejectedError, match="InvalidArn") as refused:
        bench.provider.read([bench.ids[KEY], no_key])
    assert refused.value.target == no_key


def test_hostile_marks_and_names_do_not_break_the_reading(bench: Bench) -> None:
    arn = bench.create()
    key = bench.double.client("kms")
    key.tag_resource(KeyId=arn, Tags=[{"TagKey": marks.VERSION, "TagValue": "999999:0"}])
    key.create_grant(
        KeyId=arn,
        GranteePrincipal=bench.double.caller.arn,
        Operations=["Decrypt"],
        Name="keyplan/batch/99999999T999999Z",
    )
    seen = bench.look()
    (name,) = seen.attributes["grants"]  # type: ignore[misc,union-attr]
    assert name != "batch"
    assert len(seen.versions) == 1


# -- whom a policy means -----------------------------------------------------------------

ROLE = "arn:aws:iam::111122223333:role/team/app"


def _policed(bench: Bench, *principals: str) -> str:
    """A key whose policy names somebody beside the account."""
    allow: Any = {"Effect": "Allow", "Resource": "*"}
    everything = {**allow, "Principal": {"AWS": "111122223333"}, "Action": "kms:*"}
    named = {**allow, "Principal": {"AWS": [*principals]}, "Action": "kms:Decrypt"}
    return bench.create(policy={"Statement": [everything, named]})


def test_whom_the_policy_of_a_changed_key_means_is_recorded(bench: Bench) -> None:
    plain, user = ROLE.replace("team/", ""), "arn:aws:iam::111122223333:user/op"
    bench.double.world.principal_ids[plain] = "AROAEXAMPLEEXAMPLE01"
    bench.double.world.principal_ids[user] = "AIDAEXAMPLEEXAMPLE01"
    _policed(bench, plain, user, ROLE, "arn:aws:iam::444455556666:role/far")
    bench.double.calls.clear()
    for _ in range(2):
        assert bench.look().attributes["principal_ids"] == {
            plain: "AROAEXAMPLEEXAMPLE01",
            user: "AIDAEXAMPLEEXAMPLE01",
        }, "neither of another account, nor one whose name has another path"
    assert (bench.double.calls.count("GetRole"), bench.double.calls.count("GetUser")) == (2, 1)


def test_reading_alone_asks_nothing_of_iam(
    bench: Bench, connect: Callable[..., AwsProvider]
) -> None:
    arn = _policed(bench, ROLE)
    bench.double.calls.clear()
    assert "principal_ids" not in connect().read([arn])[arn].attributes
    assert bench.double.calls.count("GetRole") == 0


def test_without_iam_everything_else_is_read(bench: Bench) -> None:
    arn = _policed(bench, ROLE, ROLE.replace("app", "other"))
    bench.double.faults.deny("GetRole")
    bench.double.calls.clear()
    for _ in range(2):
        seen = bench.look()
        assert "principal_ids" not in seen.attributes
        assert seen.attributes["arn"] == arn
        assert not seen.unreadable
    assert bench.double.calls.count("GetRole") == 1, "the first refusal is the last"
