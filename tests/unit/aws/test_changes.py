"""What each operation does, and to whom it refuses to do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from keyplan.errors import (
    ConflictError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    TransientError,
)
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    CancelDeletion,
    ChangeState,
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    MoveAlias,
    PutLabels,
    PutPolicy,
    RevokeGrant,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.model.values import Value
from keyplan_aws.provider import AwsProvider
from keyplan_aws.specs import SPECS, algorithms
from tests.unit.aws.conftest import KEY, OTHER, Bench

ROLE = "arn:aws:iam::111122223333:role/batch"


def _terms(**more: Value) -> dict[str, Value]:
    return {"principal": [ROLE], "operations": ["decrypt"], "context": {}, **more}


def test_every_algorithm_and_usage_of_the_manifest_can_be_made(bench: Bench) -> None:
    made = 0
    for algorithm, usages in algorithms().items():
        for usage in sorted(usages):
            if algorithm == "sm2":
                with pytest.raises(RejectedError, match="UnsupportedOperation"):  # not in China
                    bench.create(usage=usage.value, algorithm=algorithm)
                continue
            bench.create(usage=usage.value, algorithm=algorithm)
            seen = bench.look()
            assert seen.attributes["algorithm"] == algorithm
            told = "encrypt" if usage == "wrap" else usage.value
            assert seen.attributes["usage"] == told
            made += 1
    assert made > len(SPECS)


def test_one_create_carries_everything_and_is_one_call(bench: Bench) -> None:
    bench.provider.identify()
    bench.double.calls.clear()
    operation = bench.creation(
        description="card data", labels={"team": "payments"}, multi_region=True
    )
    bench.do(operation)
    writes = [name for name in bench.double.calls.names() if name != "GetResources"]
    assert writes == ["CreateKey"]
    seen = bench.look()
    assert seen.owner == operation.owner
    assert seen.attributes["description"] == "card data"
    assert seen.attributes["multi_region"] is True
    assert seen.attributes["primary"] == seen.attributes["arn"]


@pytest.mark.parametrize("attributes", [{"exportable": True}, {"protection": "external"}])
def test_what_aws_cannot_make_is_refused_before_any_call(
    bench: Bench, attributes: dict[str, Value]
) -> None:
    bench.provider.identify()
    bench.double.calls.clear()
    with pytest.raises(RejectedError):
        bench.create(**attributes)
    assert bench.double.calls.count() == 0


# -- deletion and states -----------------------------------------------------------------


@pytest.mark.parametrize("window", ["6d", "31d", "36h", "168h1"])
def test_a_window_that_aws_does_not_have_is_refused_before_any_call(
    bench: Bench, window: str
) -> None:
    bench.create()
    bench.double.calls.clear()
    with pytest.raises((RejectedError, ValueError)):
        bench.do(ScheduleDeletion(KEY, window))
    assert bench.double.calls.count() == 0


def test_a_cancelled_deletion_leaves_the_key_disabled_and_its_rotation_as_it_was(
    bench: Bench,
) -> None:
    bench.create()
    bench.do(SetAttribute(KEY, "rotation", None, {"every": "100d"}))
    bench.do(ScheduleDeletion(KEY, "7d"))
    bench.do(CancelDeletion(KEY, "7d"))
    seen = bench.look()
    assert seen.state is KeyState.SUSPENDED
    assert seen.attributes["rotation"] == {"every": "100d"}


def test_a_compromised_key_is_disabled_and_never_comes_back(bench: Bench) -> None:
    bench.create()
    bench.do(ChangeState(KEY, KeyState.ACTIVE, KeyState.COMPROMISED))
    assert bench.look().state is KeyState.COMPROMISED
    assert bench.look().attributes["labels"] == {}
    with pytest.raises(RejectedError):
        bench.do(ChangeState(KEY, KeyState.COMPROMISED, KeyState.ACTIVE))
    with pytest.raises(RejectedError):
        bench.do(ChangeState(KEY, KeyState.ACTIVE, KeyState.DEACTIVATED))


def test_a_compromised_key_is_disabled_even_where_it_cannot_be_marked(bench: Bench) -> None:
    bench.create()
    bench.double.faults.deny("TagResource")
    with pytest.raises(OutcomeUnknownError, match="is disabled, and could not be marked"):
        bench.do(ChangeState(KEY, KeyState.ACTIVE, KeyState.COMPROMISED))
    assert bench.look().state is KeyState.SUSPENDED


def test_a_compromised_key_that_somebody_enabled_is_active(bench: Bench) -> None:
    arn = bench.create()
    bench.do(ChangeState(KEY, KeyState.ACTIVE, KeyState.COMPROMISED))
    bench.double.client().enable_key(KeyId=arn)
    assert bench.look().state is KeyState.ACTIVE, "what is there is said, whatever the tag says"


# -- labels and marks --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["keyplan:token", "aws:cloudformation:stack-id"])
def test_marks_are_no_labels(bench: Bench, name: str) -> None:
    bench.create()
    with pytest.raises(RejectedError):
        bench.do(PutLabels(KEY, {name: "x"}, [], {}))
    with pytest.raises(RejectedError):
        bench.do(PutLabels(KEY, {}, [name], {}))


def test_a_key_that_is_let_go_keeps_its_labels_and_loses_its_mark(bench: Bench) -> None:
    operation = bench.creation(labels={"team": "payments"})
    bench.do(operation)
    bench.do(SetOwner(KEY, operation.owner, None))
    seen = bench.look()
    assert seen.owner is None
    assert seen.attributes["labels"] == {"team": "payments"}


# -- policies ----------------------------------------------------------------------------


def test_no_policy_is_what_aws_gives_a_key(bench: Bench) -> None:
    bench.create()
    default = bench.look().attributes["policy"]
    bench.do(PutPolicy(KEY, default, None))
    assert bench.look().attributes["policy"] == default


def test_a_policy_that_would_lock_out_is_refused_by_aws_and_said(bench: Bench) -> None:
    bench.create()
    before = bench.look()
    stranger = "arn:aws:iam::111122223333:role/stranger"
    policy: Value = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": stranger},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    with pytest.raises(RejectedError) as refusal:
        bench.do(PutPolicy(KEY, None, policy))
    assert "PutKeyPolicy" in refusal.value.advice
    assert bench.look() == before


# -- grants ------------------------------------------------------------------------------


def test_a_role_that_kms_does_not_know_yet_is_waited_for(bench: Bench) -> None:
    """Who makes role and key in one run meets this: IAM is quicker than KMS."""
    bench.create()
    allow: dict[str, Any] = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    document = [{**allow, "Principal": {"AWS": ["111122223333", ROLE]}}]
    bench.double.world.missing_principals.add(ROLE)
    with pytest.raises(TransientError, match="not yet"):
        bench.do(PutPolicy(KEY, None, {"Statement": document}))
    bench.double.world.missing_principals.clear()
    bench.do(PutPolicy(KEY, None, {"Statement": document}))
    assert ROLE in str(bench.look().attributes["policy"])


def test_a_grant_comes_back_with_its_name_and_its_end(bench: Bench) -> None:
    bench.create()
    terms = _terms(expires_at="2027-06-30T23:59:59Z", context={"tenant": "a"})
    bench.do(CreateGrant(KEY, "batch", terms))
    assert bench.look().attributes["grants"] == {"batch": terms}


def test_a_grant_is_replaced_without_a_gap(bench: Bench) -> None:
    bench.create()
    old, new = _terms(), _terms(context={"tenant": "a"})
    bench.do(CreateGrant(KEY, "batch", old))
    bench.do(CreateGrant(KEY, "batch", new))
    both = bench.look().attributes["grants"]
    assert isinstance(both, dict)
    assert sorted(name.partition("~")[0] for name in both) == ["batch", "batch"]
    bench.do(RevokeGrant(KEY, "batch", old))
    assert bench.look().attributes["grants"] == {"batch": new}


def test_a_grant_token_is_kept_nowhere(bench: Bench) -> None:
    bench.create()
    outcome = bench.provider.execute(CreateGrant(KEY, "batch", _terms()), bench.ids)
    assert outcome.observation is None
    assert "oken" not in str(bench.look().attributes)


def test_revoking_never_touches_a_grant_of_other_terms(bench: Bench) -> None:
    bench.create()
    bench.do(CreateGrant(KEY, "batch", _terms()))
    bench.do(RevokeGrant(KEY, "batch", _terms(context={"tenant": "b"})))
    assert bench.look().attributes["grants"] == {"batch": _terms()}


@pytest.mark.parametrize(
    "terms",
    [
        _terms(principal=[ROLE, "arn:aws:iam::111122223333:role/other"]),
        _terms(operations=["set_policy"]),
        _terms(operations=[]),
        _terms(context={str(number): "x" for number in range(9)}),
    ],
)
def test_terms_that_aws_does_not_have_are_refused_before_any_call(
    bench: Bench, terms: dict[str, Value]
) -> None:
    bench.create()
    bench.double.calls.clear()
    with pytest.raises(RejectedError):
        bench.do(CreateGrant(KEY, "batch", terms))
    assert bench.double.calls.count() == 0


# -- aliases -----------------------------------------------------------------------------


def test_moving_an_alias_is_one_write_and_only_from_where_it_was(bench: Bench) -> None:
    bench.create(KEY)
    bench.create(OTHER)
    bench.do(CreateAlias(OTHER, "acme/a"))
    bench.double.calls.clear()
    bench.do(MoveAlias(KEY, "acme/a", OTHER))
    assert [name for name in bench.double.calls.names() if "Describe" not in name] == [
        "UpdateAlias"
    ]
    with pytest.raises(ConflictError):
        bench.do(MoveAlias(OTHER, "acme/a", OTHER))


def test_an_alias_of_another_key_is_not_deleted(bench: Bench) -> None:
    bench.create(KEY)
    bench.create(OTHER)
    bench.do(CreateAlias(OTHER, "acme/a"))
    bench.do(DeleteAlias(KEY, "acme/a"))
    assert bench.provider.find_alias("acme/a") == bench.ids[OTHER]


def test_an_alias_between_kinds_of_keys_is_refused_by_aws_and_said(bench: Bench) -> None:
    bench.create(KEY)
    bench.create(OTHER, usage="sign", algorithm="ec-p256")
    bench.do(CreateAlias(OTHER, "acme/a"))
    with pytest.raises(RejectedError):
        bench.do(MoveAlias(KEY, "acme/a", OTHER))
    assert bench.provider.find_alias("acme/a") == bench.ids[OTHER]


# -- versions ----------------------------------------------------------------------------


def test_versions_count_what_keyplan_rotated_whatever_was_there_before(bench: Bench) -> None:
    arn = bench.create()
    bench.double.client().rotate_key_on_demand(KeyId=arn)
    assert bench.look().latest_version == 1
    bench.do(RotateKey(KEY, 2))
    bench.do(RotateKey(KEY, 3))
    assert bench.look().latest_version == 3
    assert [version.state.value for version in bench.look().versions] == [
        "deactivated",
        "deactivated",
        "active",
    ]
    listed = bench.double.client().list_key_rotations(KeyId=arn)["Rotations"]
    assert len([entry for entry in listed if entry["RotationType"] == "ON_DEMAND"]) == 3


def test_rotations_by_hand_count_too_and_a_key_that_keyplan_never_rotated_costs_no_call(
    bench: Bench,
) -> None:
    arn = bench.create()
    bench.double.client().rotate_key_on_demand(KeyId=arn)
    bench.double.calls.clear()
    assert "rotations_left" not in bench.look().attributes
    assert bench.double.calls.count("ListKeyRotations") == 0
    bench.do(RotateKey(KEY, 2))
    assert bench.look().attributes["rotations_left"] == 23


def test_a_version_cannot_be_skipped(bench: Bench) -> None:
    bench.create()
    with pytest.raises(ConflictError):
        bench.do(RotateKey(KEY, 5))


def test_the_last_rotation_on_demand_is_counted_and_the_next_refused(bench: Bench) -> None:
    bench.create()
    for version in range(2, 27):
        bench.do(RotateKey(KEY, version))
        assert bench.look().attributes["rotations_left"] == 26 - version
    bench.double.calls.clear()
    with pytest.raises(QuotaError) as used_up:
        bench.do(RotateKey(KEY, 27))
    assert "25" in used_up.value.why
    assert not {"TagResource", "RotateKeyOnDemand"} & set(bench.double.calls.names())


# -- who may not be touched --------------------------------------------------------------


def test_a_connection_for_reading_writes_nothing(
    bench: Bench, connect: Callable[..., AwsProvider]
) -> None:
    provider = connect()
    provider._read_only = True
    bench.double.calls.clear()
    with pytest.raises(RejectedError):
        provider.execute(bench.creation(), {})
    assert bench.double.calls.count() == 0
