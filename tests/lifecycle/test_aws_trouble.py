"""A strict AWS KMS on a bad day: what keyplan may not do, does not see, or must wait for."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from keyplan.diagnostics import Severity
from keyplan.errors import BlockedPlanError, DeniedError, StalePlanError, UnauthenticatedError
from keyplan.plans.changes import DriftResponse
from keyplan.plans.reports import ApplyEvent, EventKind, StepStatus
from keyplan.render.events import Events
from keyplan.render.report import apply_text
from keyplan_aws import manifest
from tests.aws_double import Identity, KmsDouble
from tests.aws_double.faults import Fault
from tests.lifecycle.aws_stacks import CHANGES
from tests.lifecycle.aws_world import AwsWorld, document, failures, key
from tests.lifecycle.undoing import EVERYTHING

OTHER = "arn:aws:iam::999900001111:user/operator"
WHOLE: dict[str, Any] = {
    "description": "card data",
    "labels": {"team": "payments"},
    "policies": ["policy.envelope"],
    "rotation": {"every": "180d"},
    "aliases": ["x"],
    "grants": {"batch": {"principal": "principal.api", "operations": ["decrypt"]}},
}
BY_HAND = ("description", "label", "policy", "rotation off", "alias", "grant", "disabled")


def stack(**more: Any) -> Any:
    """A stack of one key with something of everything."""
    return document({"a": key(**{**WHOLE, **more})})


# -- what is only looked at --------------------------------------------------------------


@pytest.mark.parametrize(
    "observing",
    [
        {"keyplan": {"mode": "observe"}},
        {"key": {"a": key(**WHOLE, lifecycle={"manage": "observe"})}},
        {"key": {"a": key(**WHOLE, lifecycle={"on_drift": "report"})}},
    ],
    ids=["stack", "key", "report"],
)
def test_what_is_only_observed_is_never_written_to(world: AwsWorld, observing: Any) -> None:
    world.settled(stack())
    for change in BY_HAND:
        CHANGES[change].does(world.kms(), world.arn("key.a"))
    before = world.picture()
    with world.watched() as calls:
        plan = world.planned({**stack(), **observing})
        assert len(plan.drift) == len(BY_HAND)
        assert DriftResponse.REVERT not in {item.response for item in plan.drift}
        if plan.observe:
            with pytest.raises(BlockedPlanError, match="observe"):
                world.apply(plan, allowed=EVERYTHING)
        elif plan.steps:
            assert world.apply(plan, allowed=EVERYTHING).ok
    assert calls == []
    assert world.picture() == before


def test_a_policy_that_is_kept_is_never_put(world: AwsWorld) -> None:
    world.settled(stack())
    CHANGES["policy"].does(world.kms(), world.arn("key.a"))
    text = world.kms().get_key_policy(KeyId=world.arn("key.a"), PolicyName="default")["Policy"]
    kept = stack(policies="keep", description="other", labels={})
    with world.watched() as calls:
        world.made(kept)
        world.planned(kept)
    assert set(calls) == {"UpdateKeyDescription", "UntagResource"}
    now = world.kms().get_key_policy(KeyId=world.arn("key.a"), PolicyName="default")["Policy"]
    assert now == text


# -- what may not be read or done --------------------------------------------------------


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
def test_what_may_not_be_read_is_said_and_never_guessed(
    world: AwsWorld, call: str, attribute: str
) -> None:
    world.settled(stack())
    world.disconnect()
    world.double.faults.deny("GetResources")
    world.double.faults.deny(call)
    CHANGES["description"].does(world.kms(), world.arn("key.a"))
    plan = world.planned(stack())
    (said,) = [item for item in plan.findings if item.rule == "KP-PLAN-015"]
    assert said.level is Severity.WARNING
    assert attribute in said.summary
    assert f"kms:{call}" in said.summary
    assert [item.path for item in plan.drift] == ["description"]
    assert not plan.errored
    assert len(plan.steps) == 1
    assert world.apply(plan, allowed=EVERYTHING).ok


def test_what_may_not_be_done_names_the_permission(world: AwsWorld) -> None:
    world.settled(stack())
    world.double.faults.deny("PutKeyPolicy")
    plan = world.planned(stack(policies=["policy.ceremony"], description="other"))
    report = world.apply(plan, allowed=EVERYTHING)
    assert not report.ok
    (said,) = failures(report)
    assert "kms:PutKeyPolicy" in said
    assert world.key("key.a").description == "other"
    world.double.faults.clear()
    world.settled(stack(policies=["policy.ceremony"], description="other"))


def test_a_failed_step_carries_the_request_by_which_aws_knows_it(world: AwsWorld) -> None:
    world.settled(stack())
    world.double.faults.deny("TagResource")
    events: list[ApplyEvent] = []
    plan = world.planned(stack(labels={"team": "other"}))
    report = world.apply(plan, allowed=EVERYTHING, observer=events.append)
    (failed,) = report.with_status(StepStatus.FAILED)
    assert failed.request_id
    assert f"Request {failed.request_id}." in apply_text(report)
    (event,) = [item for item in events if item.kind is EventKind.ERRORED]
    line = json.loads(Events(world.clock.now).apply_event(event))
    assert line["hook"]["error"]["request_id"] == failed.request_id
    assert line["hook"]["error"]["advice"]


def test_a_search_that_is_not_allowed_is_given_up_at_once(world: AwsWorld) -> None:
    world.double.faults.lose_answer("CreateKey")
    denied = Fault(denies=True)
    world.double.faults.plan("GetResources", denied, on=2, times=99)
    world.double.faults.plan("ListKeys", denied, on=1, times=99)
    began = world.clock.monotonic()
    report = world.apply(world.planned(stack()), allowed=EVERYTHING)
    waited = world.clock.monotonic() - began
    (lost,) = report.with_status(StepStatus.UNDECIDED)
    assert "The permission kms:ListKeys is missing" in lost.message
    assert (world.double.calls.count("ListKeys"), waited) == (1, 0)
    assert report.open_run


def test_a_key_whose_tags_may_not_be_read_is_not_made_a_second_time(world: AwsWorld) -> None:
    world.double.faults.lose_answer("CreateKey")
    world.double.faults.deny("ListResourceTags")
    world.double.faults.deny("GetResources")
    report = world.apply(world.planned(stack()), allowed=EVERYTHING)
    (lost,) = report.with_status(StepStatus.UNDECIDED)
    assert "The permission kms:ListResourceTags is missing" in lost.message
    assert report.open_run
    assert not world.resume().closed
    world.double.faults.clear()
    assert world.resume().closed
    assert world.double.calls.count("CreateKey") == 1


@pytest.mark.parametrize(("age", "made"), [(timedelta(hours=1), 2), (timedelta(minutes=5), 1)])
def test_only_a_hidden_key_that_is_young_enough_leaves_a_create_undecided(
    world: AwsWorld, age: timedelta, made: int
) -> None:
    world.double.client().create_key(Description="somebody else's")
    world.clock.advance(age)
    world.double.calls.clear()
    world.double.faults.deny("ListResourceTags", times=99)
    world.double.faults.drop_request("CreateKey")
    report = world.apply(world.planned(stack()), allowed=EVERYTHING)
    assert bool(report.with_status(StepStatus.UNDECIDED)) == (made == 1)
    assert world.double.calls.count("CreateKey") == made


def test_a_search_before_a_create_names_the_key_and_no_token(world: AwsWorld) -> None:
    world.double.faults.deny("GetResources")
    world.double.faults.deny("ListKeys")
    (said,) = failures(world.apply(world.planned(stack()), allowed=EVERYTHING))
    assert "denied key.a: ListKeys is not allowed" in said


# -- who and where -----------------------------------------------------------------------


def test_a_plan_is_performed_in_its_own_account_only(world: AwsWorld) -> None:
    world.settled(stack())
    plan = world.planned(stack(description="other"))
    world.disconnect()
    world.double.identities.default = Identity(arn=OTHER)
    with world.watched() as calls, pytest.raises(StalePlanError, match="999900001111"):
        world.apply(plan, allowed=EVERYTHING)
    assert calls == []


def test_a_plan_is_performed_in_its_own_region_only(world: AwsWorld) -> None:
    world.settled(stack())
    plan = world.planned(stack(description="other"))
    there = world.connect("aws.dr")
    with world.watched() as calls, pytest.raises(StalePlanError, match="eu-west-1"):
        world.apply(plan, allowed=EVERYTHING, sessions={**world.sessions, "aws": there})
    there.close()
    assert calls == []


LOOKS = (["plan"], ["plan", "--no-refresh"], ["apply", "--auto-approve"], ["drift"], ["discover"])


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_keys_of_another_account_are_not_taken_for_gone(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KmsDouble(regions=("us-east-1",)) as double:
        said = elsewhere(double, command, tmp_path, monkeypatch, theirs="us-east-1", account=OTHER)
        assert "provider aws is 999900001111 us-east-1 now, and key.a is in" in said
        assert "111122223333 us-east-1" in said
        assert "State serial 1 has key.a and 1 more there" in said
        assert set(double.calls.names()) == {"GetCallerIdentity"}


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_keys_of_another_region_are_not_taken_for_gone(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KmsDouble(regions=("us-east-1", "eu-west-1")) as double:
        said = elsewhere(double, command, tmp_path, monkeypatch, theirs="eu-west-1")
        assert "provider aws is 111122223333 eu-west-1 now, and key.a is in" in said
        assert set(double.calls.names()) == {"GetCallerIdentity"}


def elsewhere(
    double: KmsDouble,
    command: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    theirs: str,
    account: str = Identity().arn,
) -> str:
    """What a command says of two keys that were made here, seen from another place."""
    environment = {**double.environment(), "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    declared = {**document({"a": key(), "b": key()}), "provider": {"aws": {"region": "us-east-1"}}}
    file = folder / "keyplan.yaml"
    file.write_text(json.dumps(declared).replace('"none"', "none"), encoding="utf-8")
    assert run(["apply", "--auto-approve"], Terminal(io.StringIO(), io.StringIO(), os.environ)) == 0
    file.write_text(file.read_text().replace("us-east-1", theirs), encoding="utf-8")
    double.identities.default = Identity(arn=account)
    double.calls.clear()
    told, errors = io.StringIO(), io.StringIO()
    assert run(command, Terminal(told, errors, os.environ)) == 1
    return " ".join((told.getvalue() + errors.getvalue()).split())


def test_an_account_that_is_not_allowed_is_refused_before_anything_is_read(
    world: AwsWorld,
) -> None:
    session = world.connect("aws", allowed_account_ids=["444455556666"])
    world.double.calls.clear()
    with pytest.raises(DeniedError, match="111122223333"):
        session.read(["alias/x"])
    session.close()
    assert world.double.calls.names() == ["GetCallerIdentity"]


def test_an_ended_session_says_so_and_what_to_do(world: AwsWorld) -> None:
    world.settled(stack())
    world.disconnect()
    world.double.faults.expire_token("*", times=1000)
    with pytest.raises(UnauthenticatedError) as refusal:
        world.planned(stack())
    assert "expired" in f"{refusal.value.what} {refusal.value.why}"
    assert refusal.value.advice


def test_a_session_that_ends_half_way_leaves_a_run_that_goes_on(world: AwsWorld) -> None:
    plan = world.planned(stack())
    world.double.faults.expire_token("PutKeyPolicy", times=1000)
    world.double.faults.expire_token("EnableKeyRotation", times=1000)
    report = world.apply(plan, allowed=EVERYTHING)
    assert not report.ok
    world.double.faults.clear()
    if world.snapshot.open_run is not None:
        assert world.resume().closed
    world.settled(stack())
    assert len(world.picture()) == 1


# -- what takes its time -----------------------------------------------------------------


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_what_is_not_visible_yet_fails_nothing(world: AwsWorld, lag: int) -> None:
    """Every operation reads what was, so often, after each change; replicas take a while."""
    world.double.world.lag = lag
    world.double.world.transition = timedelta(seconds=2)
    keys = {
        f"k{number}": key(
            **{**WHOLE, "aliases": [f"k{number}"]},
            multi_region=True,
            replicas={"dr": {"provider": "aws.dr", "aliases": [f"k{number}"]}},
        )
        for number in range(4)
    }
    declared = document(keys)
    world.made(declared)
    assert len(world.picture()) == 8
    world.double.world.catch_up()
    world.settled(declared)
    world.double.world.lag = lag
    for name in keys:
        keys[name] |= {"description": "other", "labels": {"team": "other"}}
    world.made(document(keys))


@pytest.fixture
def metered(monkeypatch: pytest.MonkeyPatch) -> Iterator[KmsDouble]:
    """A double in real time, with AWS's own quotas."""
    with KmsDouble(regions=("us-east-1",)) as double:
        for name, value in double.environment().items():
            monkeypatch.setenv(name, value)
        quick = replace(manifest.capabilities(), read_lag=timedelta(0))
        monkeypatch.setattr(manifest, "capabilities", lambda: quick)
        double.quotas.scale = 1
        yield double


def test_quotas_are_kept_to_and_not_run_into(
    metered: KmsDouble, world: AwsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {f"k{number}": key(**{**WHOLE, "aliases": [f"k{number}"]}) for number in range(15)}
    declared = document(keys)
    del declared["provider"]["aws.dr"]
    world.graph(declared)
    monkeypatch.chdir(world.folder)
    out = io.StringIO()
    given = ["apply", "--auto-approve", "--no-input", "--allow", "root"]
    assert run(given, Terminal(out, out, {})) == 0, out.getvalue()
    assert len(list(metered.world.every_key())) == 15
    throttled = [call for call in metered.calls.all() if call.outcome == "ThrottlingException"]
    assert len(throttled) <= 3
