"""What a lost answer, a throttled call, a server error and an ended session become."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from keyplan.errors import (
    KeyplanError,
    OutcomeUnknownError,
    ThrottledError,
    TransientError,
    UnauthenticatedError,
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
    RemoteOperation,
    RevokeGrant,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
)
from keyplan.model.values import Value
from keyplan.sdk.hidden import NEVER_TOLD, HiddenCandidateError
from keyplan_aws.api import READ_TRIES
from keyplan_aws.provider import AwsProvider
from tests.unit.aws.conftest import KEY, OTHER, Bench


def _terms(bench: Bench) -> dict[str, Value]:
    return {"principal": [bench.double.caller.arn], "operations": ["decrypt"], "context": {}}


@dataclass(frozen=True)
class Case:
    """An operation, the call that does it, and what must have been done before."""

    call: str
    operation: Callable[[Bench], RemoteOperation]
    before: Callable[[Bench], list[RemoteOperation]] = lambda _: []


CASES = {
    "schedule": Case("ScheduleKeyDeletion", lambda _: ScheduleDeletion(KEY, "7d")),
    "cancel": Case(
        "CancelKeyDeletion",
        lambda _: CancelDeletion(KEY, "7d"),
        lambda _: [ScheduleDeletion(KEY, "7d")],
    ),
    "disable": Case("DisableKey", lambda _: ChangeState(KEY, KeyState.ACTIVE, KeyState.SUSPENDED)),
    "compromise": Case(
        "DisableKey", lambda _: ChangeState(KEY, KeyState.ACTIVE, KeyState.COMPROMISED)
    ),
    "description": Case(
        "UpdateKeyDescription", lambda _: SetAttribute(KEY, "description", None, "new")
    ),
    "rotation": Case(
        "EnableKeyRotation", lambda _: SetAttribute(KEY, "rotation", None, {"every": "180d"})
    ),
    "put labels": Case("TagResource", lambda _: PutLabels(KEY, {"team": "a"}, [], {})),
    "remove labels": Case(
        "UntagResource",
        lambda _: PutLabels(KEY, {"team": "b"}, ["stage"], {"stage": "x"}),
        lambda _: [PutLabels(KEY, {"stage": "x"}, [], {})],
    ),
    "policy": Case("PutKeyPolicy", lambda _: PutPolicy(KEY, None, None)),
    "grant": Case("CreateGrant", lambda bench: CreateGrant(KEY, "batch", _terms(bench))),
    "revoke": Case(
        "RevokeGrant",
        lambda bench: RevokeGrant(KEY, "batch", _terms(bench)),
        lambda bench: [CreateGrant(KEY, "batch", _terms(bench))],
    ),
    "alias": Case("CreateAlias", lambda _: CreateAlias(KEY, "acme/a")),
    "move alias": Case(
        "UpdateAlias",
        lambda _: MoveAlias(KEY, "acme/a", OTHER),
        lambda _: [CreateAlias(OTHER, "acme/a")],
    ),
    "delete alias": Case(
        "DeleteAlias",
        lambda _: DeleteAlias(KEY, "acme/a"),
        lambda _: [CreateAlias(KEY, "acme/a")],
    ),
    "rotate": Case("RotateKeyOnDemand", lambda _: RotateKey(KEY, 2)),
}


ONE_CALL = frozenset({"description", "rotation", "put labels", "remove labels", "policy", "alias"})
"""Operations that look at nothing before they write."""


def _prepared(bench: Bench, case: Case) -> RemoteOperation:
    bench.create(KEY)
    bench.create(OTHER)
    for operation in case.before(bench):
        bench.do(operation)
    bench.double.calls.clear()
    return case.operation(bench)


@pytest.mark.parametrize("name", CASES)
def test_a_lost_answer_is_said_and_the_operation_is_recognised_afterwards(
    bench: Bench, name: str
) -> None:
    case = CASES[name]
    operation = _prepared(bench, case)
    bench.double.faults.lose_answer(case.call)
    with pytest.raises(OutcomeUnknownError) as lost:
        bench.do(operation)
    assert lost.value.operation == case.call
    after = bench.look()
    bench.do(operation)
    assert bench.look() == after, "done again, it did something more"


@pytest.mark.parametrize("name", CASES)
def test_nothing_but_a_lost_answer_leaves_the_outcome_open(bench: Bench, name: str) -> None:
    case = CASES[name]
    operation = _prepared(bench, case)
    first = _first_write(name, case)
    bench.double.faults.throttle(first)
    with pytest.raises(ThrottledError):
        bench.do(operation)
    bench.double.faults.expire_token(first)
    with pytest.raises(UnauthenticatedError):
        bench.do(operation)
    bench.do(operation)


def _first_write(name: str, case: Case) -> str:
    return "TagResource" if name in ("compromise", "rotate", "remove labels") else case.call


@pytest.mark.parametrize("name", [name for name in CASES if name not in ONE_CALL])
def test_a_lost_look_before_the_write_says_that_nothing_was_done(bench: Bench, name: str) -> None:
    operation = _prepared(bench, CASES[name])
    before = bench.look()
    bench.double.faults.lose_answer("*", times=READ_TRIES)
    with pytest.raises(TransientError):
        bench.do(operation)
    assert bench.look() == before
    bench.double.faults.lose_answer("*")
    bench.do(operation)
    assert bench.look() != before, "a question is asked again"


def test_a_throttled_key_does_not_cost_the_reading_of_all(bench: Bench) -> None:
    bench.create(KEY)
    bench.create(OTHER)
    ids = list(bench.ids.values())
    whole = bench.provider.read(ids)
    bench.double.faults.throttle("ListGrants", times=4)
    bench.double.faults.internal("GetKeyPolicy", times=2)
    bench.double.calls.clear()
    assert bench.provider.read(ids) == whole
    assert bench.double.calls.count("ListGrants") == 6
    assert bench.clock.slept, "it waited in between"


def test_after_a_first_write_a_refused_second_one_leaves_the_outcome_open(bench: Bench) -> None:
    bench.create()
    bench.do(PutLabels(KEY, {"stage": "x"}, [], {}))
    bench.double.faults.deny("UntagResource")
    with pytest.raises(OutcomeUnknownError) as half:
        bench.do(PutLabels(KEY, {"team": "b"}, ["stage"], {"stage": "x"}))
    assert "TagResource was done" in half.value.what
    assert "kms:UntagResource" in half.value.why


@pytest.mark.parametrize("fault", ["lose_answer", "internal", "drop_request"])
def test_a_create_that_was_not_answered_makes_one_key(
    bench: Bench, connect: Callable[..., AwsProvider], fault: str
) -> None:
    operation = bench.creation()
    strike = getattr(bench.double.faults, fault)
    strike("CreateKey", **({"done": True} if fault == "internal" else {}))
    with pytest.raises(OutcomeUnknownError):
        bench.do(operation)
    later = connect()
    found = later.find(operation.owner.token)
    assert (found is None) == (fault == "drop_request")
    key = later.execute(operation, {}, deadline=60.0).id
    assert [seen.id for seen in later.scan().observations] == [key]


def test_a_search_believes_kms_and_not_the_tagging_api_that_lags(bench: Bench) -> None:
    operation = bench.creation()
    arn = bench.do(operation)
    bench.double.faults.deny("GetResources")
    found = bench.provider.find(operation.owner.token)
    assert found is not None
    assert found.id == arn
    assert bench.provider.find("nobody-has-this") is None


HIDING = {
    "its tags": ("GetResources", "ListResourceTags"),
    "all of it": ("GetResources", "ListResourceTags", "DescribeKey"),
}


@pytest.mark.parametrize("what", HIDING)
def test_a_key_of_which_nobody_may_see_what_it_carries_is_not_absent(
    bench: Bench, what: str
) -> None:
    bench.do(operation := bench.creation())
    (key,) = bench.double.world.every_key()
    for call in HIDING[what]:
        bench.double.faults.deny(call)
    with pytest.raises(HiddenCandidateError, match="ListResourceTags") as hidden:
        bench.provider.find(operation.owner.token)
    assert (hidden.value.target, "kms:ListResourceTags" in hidden.value.why) == (key.arn, True)
    assert hidden.value.made_at == (key.created if what == "its tags" else NEVER_TOLD)


def _hidden_key(bench: Bench) -> str:
    """A key of somebody else, who shows no tags."""
    root = {"AWS": f"arn:aws:iam::{bench.double.caller.account}:root"}
    shown = ["kms:DescribeKey", "kms:PutKeyPolicy"]
    statement = {"Effect": "Allow", "Principal": root, "Action": shown, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = bench.double.client().create_key(Policy=document)
    return str(made["KeyMetadata"]["Arn"])


def test_the_youngest_hidden_key_is_the_one_that_counts(bench: Bench) -> None:
    arns = [_hidden_key(bench) for _ in range(3)]
    with pytest.raises(HiddenCandidateError) as hidden:
        bench.provider.find("nobody-has-this")
    made = {key.arn: key.created for key in bench.double.world.every_key()}
    assert hidden.value.made_at == max(made.values())
    assert hidden.value.target in arns


def test_a_hidden_key_costs_no_call_where_the_one_looked_for_is_found(bench: Bench) -> None:
    bench.double.faults.deny("GetResources")
    _hidden_key(bench)
    arn = bench.do(operation := bench.creation())
    bench.double.calls.clear()
    found = bench.provider.find(operation.owner.token)
    assert found is not None
    assert found.id == arn
    assert bench.double.calls.count("DescribeKey") == 1, "to read it; nobody asks of the other"


def test_a_hidden_key_keeps_nobody_from_making_the_first(bench: Bench) -> None:
    _hidden_key(bench)
    bench.double.faults.deny("GetResources")
    assert bench.create()
    assert bench.double.calls.count("CreateKey") == 2


def test_a_key_that_has_the_tag_and_is_not_described_yet_is_not_absent(
    bench: Bench, connect: Callable[..., AwsProvider]
) -> None:
    operation = bench.creation()
    bench.do(operation)
    bench.double.faults.error("DescribeKey", "NotFoundException", "not found", times=9)
    with pytest.raises(TransientError, match="not visible"):
        connect().find(operation.owner.token)


def test_a_hung_service_is_left_when_the_deadline_says_so(bench: Bench) -> None:
    bench.create()
    bench.double.faults.hang("UpdateKeyDescription", seconds=30)
    operation = SetAttribute(KEY, "description", None, "new")
    with pytest.raises(OutcomeUnknownError):
        bench.provider.execute(operation, bench.ids, deadline=1.0)


def test_no_call_begins_when_no_time_is_left(bench: Bench) -> None:
    bench.create()
    bench.double.calls.clear()
    operation = SetAttribute(KEY, "description", None, "new")
    with pytest.raises(TransientError) as late:
        bench.provider.execute(operation, bench.ids, deadline=0.0)
    assert "no time" in late.value.what
    assert bench.double.calls.count() == 0


def test_a_new_key_that_is_not_visible_yet_is_transient(bench: Bench) -> None:
    bench.create()
    bench.double.faults.error("UpdateKeyDescription", "NotFoundException", "not found", times=2)
    operation = SetAttribute(KEY, "description", None, "new")
    with pytest.raises(TransientError):
        bench.do(operation)
    bench.clock.sleep(3600)
    with pytest.raises(KeyplanError) as gone:
        bench.do(operation)
    assert not isinstance(gone.value, TransientError)


def test_a_key_that_is_not_visible_everywhere_is_waited_for(bench: Bench) -> None:
    bench.double.world.lag = 1
    arn = bench.create()
    seen = bench.look()
    assert seen.id == arn
    assert bench.clock.slept, "it waited in between"


def test_a_key_that_stays_invisible_is_left_out_and_others_are_not(bench: Bench) -> None:
    bench.create(KEY)
    bench.double.world.lag = 1000
    bench.create(OTHER)
    found = bench.provider.read(list(bench.ids.values()))
    assert list(found) == [bench.ids[KEY]]
    assert sum(bench.clock.slept) < 60
