"""Changing keys: the smallest set of operations, each with its way back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ChangeState,
    CreateGrant,
    MoveAlias,
    PutLabels,
    PutPolicy,
    RecordAttributes,
    RevokeGrant,
    RewrapKey,
    SetAttribute,
)
from keyplan.model.policies import Unenforced
from keyplan.plans.changes import Reason
from keyplan.testing.bench import Bench, key, policy
from keyplan.testing.fake import fake_plugin

ROOT = key("key.root", "root", "wrap")


def service(**attributes: Any) -> Any:
    return key("key.s", parent="key.root", **attributes)


def operations(bench: Bench, *keys: Any) -> list[Any]:
    return [step.operation for step in bench.plan(*keys).steps]


def test_labels_change_in_a_call_of_each_kind_and_foreign_ones_stay(bench: Bench) -> None:
    bench.converge(ROOT, service(labels={"team": "a", "tier": "x"}))
    address = Address("key.s")
    bench.behind(PutLabels(address, {"cost": "42"}, [], {}))
    put, remove = operations(bench, ROOT, service(labels={"team": "b"}))
    assert put == PutLabels(address, {"team": "b"}, [], {"team": "a"})
    assert remove == PutLabels(address, {}, ["tier"], {"tier": "x"})
    bench.converge(ROOT, service(labels={"team": "b"}))
    assert bench.live("key.s").attributes["labels"] == {"team": "b", "cost": "42"}


def test_removing_the_labels_line_removes_what_keyplan_applied(bench: Bench) -> None:
    bench.converge(ROOT, service(labels={"team": "a"}))
    (operation,) = operations(bench, ROOT, service())
    assert operation == PutLabels(Address("key.s"), {}, ["team"], {"team": "a"})


def test_removing_a_scalar_line_changes_nothing_on_the_key(bench: Bench) -> None:
    bench.converge(ROOT, service(description="mine"))
    plan = bench.plan(ROOT, service())
    assert [type(step.operation) for step in plan.steps] == [RecordAttributes]
    bench.perform(plan)
    assert bench.live("key.s").attributes["description"] == "mine"
    bench.behind(SetAttribute(Address("key.s"), "description", "mine", "theirs"))
    assert not bench.plan(ROOT, service()).has_changes


def test_a_recorded_attribute_changes_without_a_call(bench: Bench) -> None:
    bench.converge(ROOT, service(owner="a@acme.example"))
    plan = bench.plan(ROOT, service(owner="b@acme.example"))
    assert [type(step.operation) for step in plan.steps] == [RecordAttributes]
    assert plan.counts.change == 1


def test_wider_access_is_said(bench: Bench) -> None:
    bench.converge(ROOT, service(policy=policy("decrypt")))
    plan = bench.plan(ROOT, service(policy=policy("decrypt", "encrypt")))
    (step,) = plan.steps
    assert isinstance(step.operation, PutPolicy)
    assert step.inverse.grade is Grade.EXACT
    (row,) = plan.access
    assert (row.name, row.operations, row.before, row.after, row.wider) == (
        "reader",
        ("encrypt",),
        None,
        "",
        True,
    )
    assert "admins can always administer" in plan.lockout


def test_a_policy_without_administrators_is_refused(bench: Bench) -> None:
    bench.converge(ROOT, service(policy=policy("decrypt")))
    plan = bench.plan(ROOT, service(policy=policy("decrypt", administrators=False)))
    assert plan.errored
    assert [finding.rule for finding in plan.findings] == ["KP-LOCK-001"]


@pytest.mark.parametrize(("then", "said"), [("drop", "WIDER"), ("skip", "left out")])
def test_an_accepted_gap_is_said(bench: Bench, then: str, said: str) -> None:
    gap = Unenforced("fake", ("mfa",), then, "CHG-9", datetime(2099, 1, 1, tzinfo=UTC))
    guarded = policy("decrypt", when={"mfa": True}, unenforced=(gap,))
    plan = bench.plan(ROOT, service(policy=guarded))
    (finding,) = plan.findings
    assert finding.rule == "KP-POL-005"
    assert said in finding.summary
    assert not plan.errored


def test_an_attribute_that_is_left_out_is_said(bench: Bench) -> None:
    gap = Unenforced("fake", ("replicas",), "skip", "CHG-9", datetime(2099, 1, 1, tzinfo=UTC))
    plan = bench.plan(ROOT, replace(service(), unenforced=(gap,)))
    (finding,) = plan.findings
    assert (finding.rule, finding.level) == ("KP-POL-006", "note")
    assert "fake does not honour replicas" in finding.summary


def test_other_terms_of_a_grant_are_a_revocation_and_a_grant(bench: Bench) -> None:
    old = {"principal": ["who:reader"], "operations": ["decrypt"], "context": {}}
    new = {"principal": ["who:reader"], "operations": ["encrypt"], "context": {}}
    bench.converge(ROOT, service(grants={"batch": old}))
    revoke, create = operations(bench, ROOT, service(grants={"batch": new}))
    assert revoke == RevokeGrant(Address("key.s"), "batch", old)
    assert create == CreateGrant(Address("key.s"), "batch", new)
    bench.converge(ROOT, service(grants={"batch": new}))


def test_a_grant_is_replaced_without_a_gap_where_names_allow() -> None:
    bench = Bench(plugin=fake_plugin(grants_by_terms=True))
    old = {"principal": ["who:reader"], "operations": ["decrypt"], "context": {}}
    new = {"principal": ["who:reader"], "operations": ["encrypt"], "context": {}}
    bench.converge(ROOT, service(grants={"batch": old}))
    plan = bench.plan(ROOT, service(grants={"batch": new}))
    assert [step.operation for step in plan.steps] == [
        CreateGrant(Address("key.s"), "batch", new),
        RevokeGrant(Address("key.s"), "batch", old),
    ]
    bench.perform(plan)
    assert bench.live("key.s").attributes["grants"] == {"batch": new}
    assert bench.state.resources[Address("key.s")].attributes["grants"] == {"batch": new}
    assert bench.plan(ROOT, service(grants={"batch": new})).steps == ()


def test_the_old_half_of_a_grant_goes_after_a_run_that_broke_off() -> None:
    bench = Bench(plugin=fake_plugin(grants_by_terms=True))
    old = {"principal": ["who:reader"], "operations": ["decrypt"], "context": {}}
    new = {"principal": ["who:reader"], "operations": ["encrypt"], "context": {}}
    bench.converge(ROOT, service(grants={"batch": old}))
    plan = bench.plan(ROOT, service(grants={"batch": new}))
    bench.perform(replace(plan, steps=plan.steps[:1]))
    again = bench.plan(ROOT, service(grants={"batch": new}))
    assert [step.operation for step in again.steps] == [
        RevokeGrant(Address("key.s"), "batch~1", old)
    ]
    bench.perform(again)
    assert bench.live("key.s").attributes["grants"] == {"batch": new}
    assert bench.plan(ROOT, service(grants={"batch": new})).steps == ()


def test_an_alias_moves_in_one_step_between_managed_keys(bench: Bench) -> None:
    old, new = service(aliases=["live"]), key("key.s_2", parent="key.root")
    bench.converge(ROOT, old, new)
    moved = (ROOT, service(), key("key.s_2", parent="key.root", aliases=["live"]))
    plan = bench.plan(*moved)
    assert MoveAlias(Address("key.s_2"), "live", Address("key.s")) in [
        step.operation for step in plan.steps
    ]
    bench.converge(*moved)


def test_an_alias_of_a_stranger_is_not_taken(bench: Bench) -> None:
    other = Bench(plugin=bench.plugin)
    other.converge(key("key.theirs", "root", "wrap", aliases=["taken"]))
    plan = bench.plan(key("key.mine", "root", "wrap", aliases=["taken"]))
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-005"]


def test_another_parent_is_a_rewrap(bench: Bench) -> None:
    second = key("key.second", "root", "wrap")
    bench.converge(ROOT, second, service())
    moved = key("key.s", parent="key.second")
    assert RewrapKey(Address("key.s"), Address("key.root"), Address("key.second")) in operations(
        bench, ROOT, second, moved
    )
    bench.converge(ROOT, second, moved)


@pytest.mark.parametrize(
    "changed",
    [{"usage": "mac", "algorithm": "hmac-sha256"}, {"algorithm": "aes-128"}],
    ids=["usage", "algorithm"],
)
def test_what_a_key_is_made_with_cannot_change(bench: Bench, changed: dict[str, str]) -> None:
    bench.converge(ROOT, service())
    plan = bench.plan(ROOT, key("key.s", parent="key.root", **changed))
    assert plan.errored
    assert not plan.steps
    assert {finding.rule for finding in plan.findings} == {"KP-PLAN-001"}
    assert "key.s_2" in plan.findings[0].advice


def test_suspending_and_enabling_are_exact(bench: Bench) -> None:
    bench.converge(ROOT, service(state="active"))
    (step,) = bench.plan(ROOT, service(state="suspended")).steps
    assert step.operation == ChangeState(Address("key.s"), KeyState.ACTIVE, KeyState.SUSPENDED)
    assert step.inverse.grade is Grade.EXACT
    bench.converge(ROOT, service(state="suspended"))
    bench.converge(ROOT, service(state="active"))


@pytest.mark.parametrize("state", ["deactivated", "compromised"])
def test_nothing_leads_back_from_some_states(bench: Bench, state: str) -> None:
    bench.converge(ROOT, service(state="active"))
    plan = bench.plan(ROOT, service(state=state))
    assert plan.steps[0].irreversible
    assert [brake.name for brake in plan.brakes] == ["irreversible"]
    bench.perform(plan)
    back = bench.plan(ROOT, service(state="active"))
    assert [finding.rule for finding in back.findings] == ["KP-PLAN-004"]


def test_a_one_way_attribute_runs_last_and_needs_a_brake() -> None:
    bench = Bench(plugin=fake_plugin(one_way={"exportable"}))
    bench.converge(ROOT, service(exportable=False))
    plan = bench.plan(ROOT, service(exportable=True, labels={"a": "b"}, aliases=["x"]))
    assert isinstance(plan.steps[-1].operation, SetAttribute)
    assert plan.steps[-1].irreversible
    assert not any(step.irreversible for step in plan.steps[:-1])
    assert [brake.name for brake in plan.brakes] == ["irreversible"]


def test_steps_rest_on_the_fingerprint_that_was_seen(bench: Bench) -> None:
    bench.converge(ROOT, service(labels={"a": "b"}))
    plan = bench.plan(ROOT, service(labels={"a": "c"}))
    assert plan.steps[0].expects == bench.live("key.s").fingerprint
    assert plan.steps[0].reason is Reason.DECLARED
