"""Keys on the way out: protected, forgotten, suspended, destroyed in stages, rescued."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    CancelDeletion,
    ChangeState,
    CreateKey,
    DestroyKey,
    ForgetKey,
    RecordAttributes,
    ScheduleDeletion,
    SetOwner,
)
from keyplan.plans.changes import Action, Reason
from keyplan.plans.plan import PlanMode
from keyplan.sdk.capabilities import Deletion
from keyplan.state.model import Phase
from keyplan.testing.bench import Bench, destroyable, key
from keyplan.testing.fake import fake_plugin

ROOT = key("key.root", "root", "wrap")


def service(**attributes: Any) -> Any:
    return key("key.s", parent="key.root", **attributes)


def kinds(plan: Any) -> list[type]:
    return [type(step.operation) for step in plan.steps]


def test_absence_never_destroys_a_protected_key(bench: Bench) -> None:
    bench.converge(ROOT, service())
    plan = bench.plan(ROOT)
    assert plan.errored
    assert plan.steps == ()
    (finding,) = plan.findings
    assert "removed: [{from: 'key.s'" in finding.advice
    assert "moved: [{from: 'key.s', to:" in finding.advice


def test_protection_is_what_was_applied_not_what_the_file_says_now(bench: Bench) -> None:
    bench.converge(ROOT, service(deletion=destroyable(protection=True)))
    assert bench.plan(ROOT).errored
    bench.converge(ROOT, service(deletion=destroyable()))
    assert not bench.plan(ROOT).errored


def test_destroy_is_staged_and_can_be_cancelled(bench: Bench) -> None:
    bench.converge(ROOT, service())
    plan = bench.plan(ROOT, removed={"key.s": "destroy"})
    assert kinds(plan) == [ChangeState, ScheduleDeletion]
    assert plan.steps[1].inverse.grade is Grade.TIME_LIMITED
    assert (plan.counts.destroy, plan.changes[0].action) == (1, Action.DELETE)
    bench.perform(plan)
    assert bench.state.resources[Address("key.s")].phase is Phase.PENDING_DELETION
    waiting = bench.plan(ROOT)
    assert not waiting.has_changes
    assert [due.what for due in waiting.due] == ["destroyed"]


def test_after_the_window_the_key_is_dropped_from_the_state(bench: Bench) -> None:
    bench.converge(ROOT, service())
    bench.perform(bench.plan(ROOT, removed={"key.s": "destroy"}))
    bench.plugin.clock.advance(timedelta(days=31))
    plan = bench.plan(ROOT)
    assert kinds(plan) == [ForgetKey]
    assert (plan.changes[0].reason, plan.counts.forget, plan.drift) == (Reason.DUE, 1, ())
    bench.perform(plan)
    assert Address("key.s") not in bench.state.resources


def test_a_key_pending_deletion_is_rescued_never_duplicated(bench: Bench) -> None:
    bench.converge(ROOT, service())
    bench.perform(bench.plan(ROOT, removed={"key.s": "destroy"}))
    plan = bench.plan(ROOT, service())
    assert kinds(plan) == [CancelDeletion]
    assert plan.changes[0].reason is Reason.RESCUE
    bench.perform(plan)
    assert bench.live("key.s").state is KeyState.SUSPENDED
    assert not bench.plan(ROOT, service()).has_changes


def test_a_rescued_key_is_enabled_only_where_active_is_written(bench: Bench) -> None:
    bench.converge(ROOT, service())
    bench.perform(bench.plan(ROOT, removed={"key.s": "destroy"}))
    plan = bench.plan(ROOT, service(state="active"))
    assert kinds(plan) == [CancelDeletion, ChangeState]
    bench.converge(ROOT, service(state="active"))


def test_deletion_scheduled_behind_our_back_is_rescued(bench: Bench) -> None:
    bench.converge(ROOT, service())
    address = Address("key.s")
    bench.behind(ChangeState(address, KeyState.ACTIVE, KeyState.SUSPENDED))
    bench.behind(ScheduleDeletion(address, "7d"))
    plan = bench.plan(ROOT, service(state="active"))
    assert kinds(plan) == [CancelDeletion, ChangeState]
    assert plan.drift[0].kind == "destructive"
    assert not any(isinstance(step.operation, CreateKey) for step in plan.steps)


def test_soak_waits_for_a_later_apply(bench: Bench) -> None:
    bench.converge(ROOT, service(deletion=destroyable(soak="14d")))
    first = bench.plan(ROOT)
    assert kinds(first) == [ChangeState, RecordAttributes]
    assert first.changes[0].action is Action.UPDATE
    bench.perform(first)
    assert not bench.plan(ROOT).has_changes
    bench.plugin.clock.advance(timedelta(days=15))
    second = bench.plan(ROOT)
    assert kinds(second) == [ScheduleDeletion]
    assert second.changes[0].action is Action.DELETE


def test_declaring_a_soaking_key_again_takes_it_back(bench: Bench) -> None:
    bench.converge(ROOT, service(deletion=destroyable(soak="14d")))
    bench.perform(bench.plan(ROOT))
    back = service(deletion=destroyable(soak="14d"), state="active")
    bench.converge(ROOT, back)
    assert bench.state.resources[Address("key.s")].phase is Phase.LIVE


def test_where_deletion_is_immediate_keyplan_holds_the_clock() -> None:
    bench = Bench(plugin=fake_plugin(deletion=Deletion.IMMEDIATE))
    bench.converge(ROOT, service(deletion=destroyable()))
    first = bench.plan(ROOT)
    assert kinds(first) == [ChangeState, RecordAttributes]
    assert first.changes[0].action is Action.DELETE
    bench.perform(first)
    assert not bench.plan(ROOT).has_changes
    bench.plugin.clock.advance(timedelta(days=31))
    last = bench.plan(ROOT)
    assert kinds(last) == [DestroyKey]
    assert [brake.name for brake in last.brakes] == ["irreversible"]
    bench.perform(last)
    assert Address("key.s") not in bench.state.resources
    assert not bench.plan(ROOT).has_changes


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("forget", [SetOwner, ForgetKey]), ("suspend", [ChangeState, SetOwner, ForgetKey])],
)
def test_forget_and_suspend_leave_the_material(
    bench: Bench, mode: str, expected: list[type]
) -> None:
    bench.converge(ROOT, service())
    identifier = bench.state.resources[Address("key.s")].id
    plan = bench.plan(ROOT, removed={"key.s": mode})
    assert kinds(plan) == expected
    assert plan.counts.forget == 1
    bench.perform(plan)
    assert bench.session.read([identifier])[identifier].owner is None
    assert not bench.plan(ROOT, removed={"key.s": mode}).has_changes


def test_children_leave_before_their_parents(bench: Bench) -> None:
    child = key("key.child", "master", "wrap", "key.root", deletion=destroyable())
    leaf = key("key.leaf", parent="key.child", deletion=destroyable())
    bench.converge(key("key.root", "root", "wrap", deletion=destroyable()), child, leaf)
    plan = bench.plan(mode=PlanMode.DESTROY)
    scheduled = [s.address for s in plan.steps if isinstance(s.operation, ScheduleDeletion)]
    assert scheduled == ["key.leaf", "key.child", "key.root"]
    assert "root" in [brake.name for brake in plan.brakes]
    bench.perform(plan)


def test_a_parent_cannot_go_while_a_child_stays(bench: Bench) -> None:
    child = key("key.child", parent="key.root")
    bench.converge(ROOT, child)
    plan = bench.plan(child, removed={"key.root": "destroy"})
    assert "KP-HIER-022" in [finding.rule for finding in plan.findings]


def test_destroy_does_not_override_protection(bench: Bench) -> None:
    bench.converge(ROOT)
    plan = bench.plan(mode=PlanMode.DESTROY)
    assert plan.errored
    assert "does not override protection" in plan.findings[0].advice


def test_many_destroys_need_a_brake(bench: Bench) -> None:
    keys = [service_number(number) for number in range(12)]
    bench.converge(ROOT, *keys)
    plan = bench.plan(ROOT, *keys[:7])
    (brake,) = plan.brakes
    assert brake.name == "max-delete"
    assert "5 of 13" in brake.why
    assert bench.plan(ROOT, *keys[:9]).brakes == ()


def service_number(number: int) -> Any:
    return key(f"key.s{number}", parent="key.root", deletion=destroyable())


def test_a_vanished_key_stops_the_plan_and_says_what_to_do(bench: Bench) -> None:
    bench.converge(ROOT, service())
    bench.plugin.service().vanish(bench.state.resources[Address("key.s")].id)
    plan = bench.plan(ROOT, service())
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-003"]
    assert plan.drift[0].kind == "vanished"
    gone = bench.plan(ROOT, removed={"key.s": "forget"})
    assert kinds(gone) == [ForgetKey]


def test_no_plan_ever_deletes_and_creates_one_key(bench: Bench) -> None:
    bench.converge(ROOT, service(deletion=destroyable()))
    for declared in ([ROOT], [ROOT, service(algorithm="aes-128")], [ROOT, service()]):
        plan = bench.plan(*declared)
        created = {s.address for s in plan.steps if isinstance(s.operation, CreateKey)}
        gone = {s.address for s in plan.steps if isinstance(s.operation, ScheduleDeletion)}
        assert not created & gone
