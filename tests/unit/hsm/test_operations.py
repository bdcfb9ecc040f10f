"""Each operation: what it changes, that it is done once, and what it refuses."""

from __future__ import annotations

from typing import get_args

import pytest

from keyplan.errors import ConflictError, DeniedError, NotFoundError, RejectedError
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    ChangeState,
    CreateAlias,
    CreateGrant,
    CreateKey,
    DeleteAlias,
    DestroyKey,
    MoveAlias,
    PutDocument,
    PutLabels,
    PutPolicy,
    RemoteOperation,
    RevokeGrant,
    RotateKey,
    SetAttribute,
    SetOwner,
)
from keyplan_hsm.plugin import PLUGIN
from tests.unit.hsm.bench import ADMIN, APP, Bench, key, policy

GRANT = {"principal": [APP], "operations": ["decrypt"], "context": {}}


def test_the_manifest_names_every_operation_that_makes_sense_here(hsm: Bench) -> None:
    everything = {kind.name for kind in get_args(RemoteOperation)}
    left_out = everything - PLUGIN.capabilities().operations
    assert left_out == {"destroy_key", "replicate_key", "change_primary", "put_document"}
    hsm.create("data")
    for operation in (DestroyKey(key("data")), PutDocument(key("data"), "role", "r", None, {})):
        with pytest.raises(RejectedError, match="does not perform"):
            hsm.do(operation)


# -- creating ----------------------------------------------------------------------------


def test_a_key_is_made_with_everything_in_one_call(hsm: Bench) -> None:
    attributes = {
        "description": "Payments",
        "labels": {"team": "a"},
        "policy": policy({"operations": ["decrypt"]}),
        "rotation": {"every": "90d", "overlap": "14d", "keep": 3},
        "expires_at": "2028-01-01T00:00:00Z",
        "exportable": True,
        "protection": "software",
        "state": "suspended",
    }
    hsm.create("data", **attributes)
    live = hsm.read("data")
    assert {name: live.attributes[name] for name in attributes} == attributes
    assert live.owner == OwnerMark("stack-1", "token-0")
    assert live.versions[0].number == 1


def test_what_is_left_out_gets_the_documented_default(hsm: Bench) -> None:
    hsm.create("data")
    live = hsm.read("data").attributes
    defaults = PLUGIN.defaults(None)
    assert {name: live[name] for name in defaults} == defaults


def test_every_observed_attribute_of_the_manifest_is_reported(hsm: Bench) -> None:
    hsm.create("data")
    observed = {
        name
        for name, attribute in PLUGIN.capabilities().attributes.items()
        if attribute.reading == "observed"
    }
    assert observed <= hsm.read("data").attributes.keys()


def test_the_same_token_makes_one_key_only(hsm: Bench) -> None:
    first = hsm.create("data", token="t")
    assert hsm.create("data", token="t") == first
    assert len(hsm.provider.scan().observations) == 1
    found = hsm.provider.find("t")
    assert found is not None
    assert found.id == first


def test_another_stacks_token_is_not_adopted(hsm: Bench) -> None:
    hsm.create("data", token="t")
    foreign = CreateKey(key("x"), OwnerMark("stack-2", "t"), "encrypt", "aes-256", None, None, {})
    with pytest.raises(ConflictError):
        hsm.provider.execute(foreign, hsm.bind)


@pytest.mark.parametrize(
    ("usage", "algorithm"),
    [("sign", "aes-256"), ("encrypt", "ed25519"), ("agree", "ec-p256"), ("encrypt", "des")],
)
def test_an_algorithm_that_is_not_offered_for_the_usage_is_refused(
    hsm: Bench, usage: str, algorithm: str
) -> None:
    with pytest.raises(RejectedError, match="makes no"):
        hsm.create("data", usage, algorithm)
    assert hsm.provider.scan().observations == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"tier": "root"},
        {"state": "destroyed"},
        {"labels": {"team": 3}},
        {"rotation": {"every": "often"}},
        {"rotation": {"each": "90d"}},
        {"expires_at": "soon"},
        {"exportable": "yes"},
        {"protection": "external"},
        {"policy": {"statements": [{"sid": "A"}]}},
    ],
)
def test_what_cannot_stand_in_an_attribute_is_refused(
    hsm: Bench, attributes: dict[str, object]
) -> None:
    with pytest.raises(RejectedError):
        hsm.create("data", **attributes)
    assert hsm.provider.scan().observations == []


def test_a_parent_that_is_not_there_is_not_found(hsm: Bench) -> None:
    hsm.bind[key("ghost")] = "hk-0000000000000000"
    with pytest.raises(NotFoundError):
        hsm.create("data", parent="ghost")


# -- changing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("description", "new"),
        ("rotation", {"every": "30d"}),
        ("expires_at", "2029-01-01T00:00:00Z"),
        ("exportable", True),
    ],
)
def test_an_attribute_is_set_once(hsm: Bench, attribute: str, value: object) -> None:
    hsm.create("data")
    operation = SetAttribute(key("data"), attribute, None, value)
    once = hsm.do(operation)
    assert once.attributes[attribute] == value
    assert hsm.do(operation) == once


def test_an_attribute_is_taken_off_again(hsm: Bench) -> None:
    hsm.create("data", rotation={"every": "90d"})
    hsm.do(SetAttribute(key("data"), "rotation", {"every": "90d"}, None))
    assert hsm.read("data").attributes["rotation"] is None


@pytest.mark.parametrize("attribute", ["algorithm", "usage", "protection", "parent", "tier"])
def test_what_is_fixed_cannot_be_set(hsm: Bench, attribute: str) -> None:
    hsm.create("data")
    with pytest.raises(RejectedError, match="cannot be set"):
        hsm.do(SetAttribute(key("data"), attribute, None, "x"))


def test_exportable_is_one_way(hsm: Bench) -> None:
    hsm.create("data", exportable=True)
    for after in (False, None):
        with pytest.raises(RejectedError, match="unexportable"):
            hsm.do(SetAttribute(key("data"), "exportable", True, after))


def test_labels_are_managed_one_by_one(hsm: Bench) -> None:
    hsm.create("data", labels={"team": "a", "foreign": "x"})
    labelled = hsm.do(PutLabels(key("data"), {"team": "b", "env": "prod"}, ["gone"], {}))
    assert labelled.attributes["labels"] == {"team": "b", "env": "prod", "foreign": "x"}
    assert hsm.do(PutLabels(key("data"), {}, ["env"], {})).attributes["labels"] == {
        "team": "b",
        "foreign": "x",
    }


def test_a_policy_is_replaced_and_taken_off(hsm: Bench) -> None:
    hsm.create("data")
    document = policy({"operations": ["decrypt"]})
    assert hsm.do(PutPolicy(key("data"), None, document)).attributes["policy"] == document
    assert hsm.do(PutPolicy(key("data"), document, None)).attributes["policy"] is None


def test_grants_are_given_once_and_never_changed(hsm: Bench) -> None:
    hsm.create("data")
    once = hsm.do(CreateGrant(key("data"), "batch", GRANT))
    assert once.attributes["grants"] == {"batch": GRANT}
    assert hsm.do(CreateGrant(key("data"), "batch", GRANT)) == once
    with pytest.raises(ConflictError, match="other terms"):
        hsm.do(CreateGrant(key("data"), "batch", GRANT | {"operations": ["encrypt"]}))
    assert hsm.do(RevokeGrant(key("data"), "batch", GRANT)).attributes["grants"] == {}
    assert hsm.do(RevokeGrant(key("data"), "batch", GRANT)).attributes["grants"] == {}


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"principal": [], "operations": ["decrypt"]},
        {"principal": [APP], "operations": ["fly"]},
        {"principal": APP, "operations": ["decrypt"]},
        {"principal": [APP], "operations": ["decrypt"], "expires_at": "soon"},
        {"principal": [APP], "operations": ["decrypt"], "until": "soon"},
    ],
)
def test_terms_that_mean_nothing_are_refused(hsm: Bench, terms: dict[str, object]) -> None:
    hsm.create("data")
    with pytest.raises(RejectedError, match="terms of grant"):
        hsm.do(CreateGrant(key("data"), "batch", terms))


def test_an_alias_names_one_key(hsm: Bench) -> None:
    one, two = hsm.create("one"), hsm.create("two")
    for name in ("b", "a", "b"):
        hsm.do(CreateAlias(key("one"), name))
    assert hsm.read("one").attributes["aliases"] == ["a", "b"]
    assert hsm.provider.find_alias("a") == one
    with pytest.raises(ConflictError):
        hsm.do(CreateAlias(key("two"), "a"))
    hsm.do(DeleteAlias(key("two"), "a"))  # not its alias: nothing to do
    assert hsm.provider.find_alias("a") == one
    hsm.do(DeleteAlias(key("one"), "a"))
    assert hsm.provider.find_alias("a") is None
    hsm.do(CreateAlias(key("two"), "a"))
    assert hsm.provider.find_alias("a") == two


def test_an_alias_moves_in_one_step(hsm: Bench) -> None:
    one, two = hsm.create("one"), hsm.create("two")
    hsm.create("three")
    hsm.do(CreateAlias(key("one"), "name"))
    for _ in range(2):
        assert hsm.do(MoveAlias(key("two"), "name", key("one"))).attributes["aliases"] == ["name"]
    assert hsm.provider.find_alias("name") == two
    assert hsm.provider.read([one])[one].attributes["aliases"] == []
    with pytest.raises(ConflictError):
        hsm.do(MoveAlias(key("three"), "name", key("one")))
    with pytest.raises(ConflictError):
        hsm.do(MoveAlias(key("three"), "nobodys", key("one")))


def test_a_mark_is_taken_over_only_from_whom_it_is_expected(hsm: Bench) -> None:
    hsm.create("data", token="t1")
    mine, theirs = OwnerMark("stack-1", "t1"), OwnerMark("stack-2", "t2")
    with pytest.raises(ConflictError, match="another stack"):
        hsm.do(SetOwner(key("data"), None, theirs))
    for _ in range(2):
        assert hsm.do(SetOwner(key("data"), mine, theirs)).owner == theirs
    assert hsm.do(SetOwner(key("data"), theirs, None)).owner is None
    assert hsm.provider.find("t2") is None
    hsm.create("other", token="t3")
    with pytest.raises(ConflictError, match="token"):
        hsm.do(SetOwner(key("data"), None, OwnerMark("stack-1", "t3")))


def test_what_the_plan_expects_is_compared_before_the_first_change(hsm: Bench) -> None:
    hsm.create("data")
    planned = hsm.read("data").fingerprint
    operation = SetAttribute(key("data"), "description", None, "new")
    changed = hsm.do(operation, expects=planned)
    assert hsm.do(operation, expects=planned) == changed  # done already: not a conflict
    with pytest.raises(ConflictError, match="expects"):
        hsm.do(RotateKey(key("data"), 2), expects=planned)
    assert hsm.read("data") == changed
    assert hsm.do(RotateKey(key("data"), 2), expects=changed.fingerprint).latest_version == 2


def test_a_key_that_is_not_there_is_not_found(hsm: Bench) -> None:
    hsm.create("data")
    with pytest.raises(NotFoundError):
        hsm.do(PutLabels(key("unbound"), {}, [], {}))
    hsm.bind[key("ghost")] = "hk-0000000000000000"
    with pytest.raises(NotFoundError):
        hsm.do(PutLabels(key("ghost"), {}, [], {}))


# -- who may -----------------------------------------------------------------------------


def test_an_identity_changes_only_what_the_keys_policy_lets_it(hsm: Bench) -> None:
    data = hsm.create("data", policy=policy({"operations": ["rotate"], "principals": [APP]}))
    admin, app = hsm.open(identity=ADMIN), hsm.open(identity=APP)
    app.execute(RotateKey(key("data"), 2), hsm.bind)
    with pytest.raises(DeniedError) as refused:
        app.execute(PutPolicy(key("data"), None, None), hsm.bind)
    assert APP in refused.value.what
    assert refused.value.target == data
    suspend = ChangeState(key("data"), KeyState.ACTIVE, KeyState.SUSPENDED)
    with pytest.raises(DeniedError):
        app.execute(suspend, hsm.bind)
    admin.execute(suspend, hsm.bind)
    admin.execute(PutPolicy(key("data"), None, None), hsm.bind)
    with pytest.raises(DeniedError):  # the default policy is the security officer's alone
        admin.execute(PutLabels(key("data"), {"a": "b"}, [], {}), hsm.bind)


def test_the_security_officer_administers_every_key(hsm: Bench) -> None:
    hsm.create("data", policy=policy({"operations": ["decrypt"]}))
    hsm.do(PutLabels(key("data"), {"a": "b"}, [], {}))
    with pytest.raises(DeniedError):
        hsm.plane().encrypt(hsm.bind[key("data")], b"x")


def test_hanging_a_key_under_a_parent_takes_a_right_on_the_parent(hsm: Bench) -> None:
    hsm.create("top", "wrap", policy=policy({"operations": ["wrap"], "principals": [APP]}))
    for identity in (ADMIN, APP):
        hsm.provider = hsm.open(identity=identity)
        hsm.create(f"child_{identity[-3:]}", parent="top")
    hsm.provider = hsm.open(identity="spiffe://acme.example/stranger")
    with pytest.raises(DeniedError):
        hsm.create("child", parent="top")
