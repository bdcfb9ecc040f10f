"""A key that was given up, so that nothing of it may be read: forgotten, or left by a rollback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyplan.app.apply import ApplyOptions, Interrupt, perform
from keyplan.app.plan import plan_stack
from keyplan.app.rollback import rollback_run
from keyplan.app.workspace import Workspace
from keyplan.diagnostics import Severity
from keyplan.errors import BlockedPlanError
from keyplan.model.address import Address
from keyplan.model.operations import ForgetKey, SetAttribute
from keyplan.model.stack import Stack
from keyplan.planning.planner import make_plan
from keyplan.planning.rollback_serial import make_serial_plan
from keyplan.planning.survey import survey
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan, PlanMode
from keyplan.plans.reports import ApplyReport
from keyplan.render.header import header
from keyplan.render.options import TextOptions
from keyplan.render.view import PlanView
from keyplan.state.history import state_at
from keyplan.state.model import State
from tests.aws_double import Identity
from tests.lifecycle.aws_world import WRITES, AwsWorld, Document, document, key
from tests.lifecycle.undoing import EVERYTHING, context, rollback_of

A, B = Address("key.a"), Address("key.b")
BOARD = "arn:aws:iam::111122223333:role/board"


def stack(description: str = "one", *, given: bool = False, **b: Any) -> Document:
    """Two keys with a description; the second is the board's alone where it is `given` up."""
    policy = ["policy.sealed" if given else "policy.envelope"]
    found = document(
        {
            "a": key(policies=["policy.envelope"], description=description),
            "b": key(**{"policies": policy, "description": description, **b}),
        }
    )
    found["principal"]["board"] = {"kind": "human", "aws": BOARD}
    found["policy"]["sealed"] = {"administrators": ["principal.board"], "aws": {"account": "none"}}
    return found


def removed(description: str = "one", *, mode: str = "forget") -> Document:
    """The second key is not declared any more."""
    found = stack(description)
    del found["key"]["b"]
    return {**found, "removed": [{"from": "key.b", "mode": mode}]}


def planned(world: AwsWorld, declared: Document, **options: Any) -> Plan:
    return make_plan(
        world.graph(declared),
        world.snapshot,
        world.sessions,
        options=PlanOptions(**options),
        context=context(world),
    )


def said(plan: Plan, rule: str) -> list[tuple[str, Severity, str]]:
    return [
        (str(item.address), item.level, f"{item.summary} {item.advice}")
        for item in plan.findings
        if item.rule == rule
    ]


def done(world: AwsWorld, declared: Document) -> ApplyReport:
    """Plan and perform it, whatever brake that needs."""
    report = world.apply(world.planned(declared), allowed=EVERYTHING)
    assert report.ok, report
    return report


def hide(world: AwsWorld) -> None:
    """Somebody takes the second key away from us."""
    allowed = {"Effect": "Allow", "Principal": {"AWS": BOARD}, "Action": "kms:*", "Resource": "*"}
    world.kms().put_key_policy(
        KeyId=world.arn("key.b"),
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        BypassPolicyLockoutSafetyCheck=True,
    )


def reappear(world: AwsWorld) -> None:
    """Whoever was given the key performs what comes."""
    world.double.identities.default = Identity(BOARD)
    world.disconnect()


# -- plans -------------------------------------------------------------------------------


def test_it_is_said_before_that_the_key_may_not_be_readable(world: AwsWorld) -> None:
    world.settled(stack())
    ((_, _, text),) = said(world.planned(stack(given=True)), "KP-LOCK-004")
    assert "may not be able to read the key afterwards" in text


def test_a_key_that_was_given_up_is_forgotten_without_a_call(world: AwsWorld) -> None:
    world.settled(stack())
    done(world, stack(given=True))
    before = world.picture()
    plan = world.planned(removed())
    assert [type(step.operation) for step in plan.steps] == [ForgetKey]
    assert (plan.errored, plan.drift, plan.access) == (False, (), ())
    assert said(plan, "KP-PLAN-015") == []
    world.double.calls.clear()
    assert world.apply(plan, allowed=frozenset()).ok
    assert not {call.operation for call in world.double.calls.all()} & WRITES
    assert set(world.state.resources) == {A}
    assert world.picture() == before
    world.settled(removed("two"))


@pytest.mark.parametrize("mode", ["suspend", "destroy", ""])
def test_nothing_else_becomes_of_a_hidden_key(world: AwsWorld, mode: str) -> None:
    world.settled(stack(deletion={"protection": False}))
    done(world, stack(given=True, deletion={"protection": False}))
    leaving = removed(mode=mode or "destroy")
    if not mode:
        del leaving["removed"]
    plan = world.planned(leaving)
    assert plan.steps == ()
    assert [entry[:2] for entry in said(plan, "KP-PLAN-015")] == [("key.b", Severity.ERROR)]


def test_the_error_names_every_way_on(world: AwsWorld) -> None:
    world.settled(stack())
    done(world, stack(given=True))
    plan = world.planned(stack("two", given=True))
    ((address, level, text),) = said(plan, "KP-PLAN-015")
    assert (address, level) == ("key.b", Severity.ERROR)
    for words in (
        "kms:DescribeKey",
        "removed: [{from: 'key.b', mode: forget}]",
        "keyplan state rm 'key.b'",
        "--target",
        "--exclude 'key.b'",
    ):
        assert words in text
    assert {step.address for step in plan.steps} == {A}, "what is hidden is not compared"


def test_a_hidden_key_is_never_taken_for_gone(world: AwsWorld) -> None:
    world.settled(stack())
    world.double.faults.deny("DescribeKey")
    plan = world.planned(stack())
    assert (plan.steps, plan.changes, plan.drift) == ((), (), ())
    assert {entry[0] for entry in said(plan, "KP-PLAN-015")} == {"key.a", "key.b"}
    assert (plan.keys, plan.read) == (2, 0)
    head = " ".join(header(PlanView(plan, TextOptions())))
    assert "Read 0 of 2 keys" in head
    assert "No drift in what could be read." in head


def test_a_hidden_key_that_is_only_observed_holds_nothing_up(world: AwsWorld) -> None:
    world.settled(stack())
    world.settled(stack(lifecycle={"manage": "observe"}))
    hide(world)
    plan = world.planned(stack("two", lifecycle={"manage": "observe"}))
    assert [entry[:2] for entry in said(plan, "KP-PLAN-015")] == [("key.b", Severity.WARNING)]
    assert world.apply(plan, allowed=EVERYTHING).ok
    assert world.key("key.a").description == "two"


def test_the_rest_is_recorded_by_refresh_only(world: AwsWorld) -> None:
    world.settled(stack())
    done(world, stack(given=True))
    world.kms().update_key_description(KeyId=world.arn("key.a"), Description="by hand")
    plan = planned(world, stack(given=True), mode=PlanMode.REFRESH_ONLY)
    assert [entry[:2] for entry in said(plan, "KP-PLAN-015")] == [("key.b", Severity.WARNING)]
    assert [item.address for item in plan.drift] == [A]
    assert world.apply(plan, allowed=EVERYTHING).ok


def test_a_check_for_drift_does_not_count_it_as_read(world: AwsWorld) -> None:
    world.settled(stack())
    done(world, stack(given=True))
    report = survey(
        world.graph(stack(given=True)),
        world.snapshot,
        world.sessions,
        options=PlanOptions(),
        context=context(world),
    ).report
    assert (report.keys, report.read, report.hidden, report.blind) == (2, 1, 1, True)


# -- ways back ---------------------------------------------------------------------------


def test_a_run_is_taken_back_but_for_the_key_that_is_hidden(world: AwsWorld) -> None:
    world.settled(stack())
    report = done(world, stack("two", given=True))
    back = rollback_of(world, report.run)
    assert not back.errored, back.findings
    ((address, level, text),) = said(back, "KP-BACK-003")
    assert (address, level) == ("key.b", Severity.WARNING)
    assert "cannot be taken back" in text
    assert "kms:DescribeKey" in text
    assert {step.address for step in back.steps} == {A}
    assert (back.keys, back.read) == (2, 1)
    assert world.apply(back, allowed=frozenset({"root"})).ok
    assert world.key("key.a").description == "one"
    assert world.key("key.b").description == "two"


def test_what_was_hidden_is_taken_back_by_who_may_read_it(world: AwsWorld) -> None:
    world.settled(stack())
    before = world.picture()
    report = done(world, stack("two", given=True))
    assert world.apply(rollback_of(world, report.run), allowed=EVERYTHING).ok
    reappear(world)
    back = rollback_of(world, report.run)
    assert {step.address for step in back.steps} == {B}
    assert world.apply(back, allowed=EVERYTHING).ok
    assert world.picture() == before


def test_a_key_that_the_run_made_and_gave_up_stays(world: AwsWorld) -> None:
    report = done(world, stack(given=True))
    back = rollback_of(world, report.run)
    assert [entry[0] for entry in said(back, "KP-BACK-003")] == ["key.b"]
    assert world.apply(back, allowed=EVERYTHING).ok
    assert (world.key("key.a").state, world.key("key.b").state) == ("Disabled", "Enabled")
    assert set(world.state.resources) == {A, B}


def test_an_alias_does_not_go_back_to_a_key_that_is_hidden(world: AwsWorld) -> None:
    first = stack(aliases=["main"])
    second = stack("two")
    second["key"]["a"]["aliases"] = ["main"]
    world.settled(first)
    report = world.made(second)
    given = stack("two", given=True)
    given["key"]["a"]["aliases"] = ["main"]
    done(world, given)
    back = rollback_of(world, report.run)
    assert not back.errored, back.findings
    texts = [text for _, _, text in said(back, "KP-BACK-003")]
    assert any("move alias of key.a stays done: key.b cannot be read" in text for text in texts)
    assert {type(step.operation) for step in back.steps} == {SetAttribute}
    assert world.apply(back, allowed=EVERYTHING).ok


def to_serial(world: AwsWorld, earlier: State) -> Plan:
    return make_serial_plan(
        earlier,
        world.snapshot,
        world.sessions,
        stack=Stack("test"),
        principals={},
        context=context(world),
    )


def test_a_serial_comes_back_but_for_the_key_that_is_hidden(world: AwsWorld) -> None:
    world.settled(stack())
    serial = world.state.serial
    done(world, stack("two", given=True))
    earlier = state_at(world.store(), serial, lineage=world.state.lineage)
    plan = to_serial(world, earlier)
    assert not plan.errored, plan.findings
    assert [entry[0] for entry in said(plan, "KP-BACK-003")] == ["key.b"]
    assert said(plan, "KP-PLAN-015") == []
    before = world.state.resources[B]
    assert world.apply(plan, allowed=EVERYTHING).ok
    assert world.key("key.a").description == "one"
    assert world.state.resources[B] == before


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_serial_neither_suspends_nor_adopts_what_is_hidden(
    world: AwsWorld, forgotten: bool
) -> None:
    first = stack() if forgotten else removed()
    first.pop("removed", None)
    world.settled(first)
    serial = world.state.serial
    done(world, stack("two", given=True))
    if forgotten:
        done(world, removed("two"))
    before = world.picture()
    plan = to_serial(world, state_at(world.store(), serial, lineage=world.state.lineage))
    assert [entry[0] for entry in said(plan, "KP-BACK-003")] == ["key.b"]
    assert {step.address for step in plan.steps} == {A}
    assert world.apply(plan, allowed=EVERYTHING).ok
    assert world.key("key.a").description == "one"
    hidden = [place for place, was in before.items() if was["description"] == "two"]
    assert any(world.picture()[place] == before[place] for place in hidden)


def test_a_rollback_nobody_is_asked_about_gives_no_key_up(
    world: AwsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board, allowed to give keys up, let the operator in; the operator takes that back."""
    for name, value in world.double.environment().items():
        monkeypatch.setenv(name, value)
    reappear(world)
    for given in (True, False):
        declared = stack(given=given)
        del declared["provider"]["aws.dr"]
        world.graph(declared)
        workspace = Workspace(world.folder, environment={})
        plan = plan_stack(workspace, PlanOptions()).plan
        calls: Any = {"observer": lambda _: None, "interrupt": Interrupt()}
        report = perform(workspace, plan, allowed=EVERYTHING, options=ApplyOptions(), **calls)
        assert report.ok, report
    world.double.identities.default = Identity()
    before = world.picture()
    with pytest.raises(BlockedPlanError, match="KP-LOCK-004"):
        rollback_run(workspace, report.run, allowed=EVERYTHING, options=ApplyOptions(), **calls)
    assert world.picture() == before
