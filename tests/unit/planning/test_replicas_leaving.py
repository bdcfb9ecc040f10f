"""Replicas that leave before their key, or that are gone without being asked."""

from __future__ import annotations

import pytest

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    CancelDeletion,
    ChangePrimary,
    ChangeState,
    CreateKey,
    ForgetKey,
    ReplicateKey,
    ScheduleDeletion,
    is_remote,
)
from keyplan.model.resources import Lifecycle, Manage
from keyplan.plans.changes import Action, DriftKind
from keyplan.render.drift_report import undo_text
from keyplan.render.options import TextOptions
from keyplan.render.text import plan_text
from keyplan.testing.bench import Bench, destroyable, policy, replica
from tests.unit.planning.families import DR, KEY, WINDOW, both, kinds, operations, rules, several


@pytest.fixture
def bench() -> Bench:
    return Bench(places=("fake.dr", "fake.us"))


# -- leaving -----------------------------------------------------------------------------


def test_a_protected_replica_is_not_destroyed_by_absence(bench: Bench) -> None:
    bench.converge(*both())
    plan = bench.plan(several())
    assert [(item.rule, item.address) for item in plan.findings] == [("KP-PLAN-006", DR)]
    assert f"from: '{DR}'" in plan.findings[0].advice


@pytest.mark.parametrize("removed", [False, True])
def test_a_replica_leaves_in_stages_and_its_key_stays(bench: Bench, removed: bool) -> None:
    terms = {} if removed else {"deletion": destroyable()}
    bench.converge(*both(**terms))
    named = {DR: "destroy"} if removed else {}
    plan = bench.plan(several(**terms), removed=named)
    assert operations(plan) == [
        ChangeState(DR, KeyState.ACTIVE, KeyState.SUSPENDED),
        ScheduleDeletion(DR, "30d"),
    ]
    bench.perform(plan)
    assert bench.plan(several(**terms), removed=named).steps == ()
    bench.plugin.clock.advance(WINDOW)
    (forget,) = operations(bench.plan(several(**terms), removed=named))
    assert isinstance(forget, ForgetKey)


def test_a_replica_on_its_way_out_is_rescued(bench: Bench) -> None:
    bench.converge(*both(deletion=destroyable()))
    bench.perform(bench.plan(several(deletion=destroyable())))
    plan = bench.plan(*both(deletion=destroyable()))
    assert isinstance(plan.steps[0].operation, CancelDeletion)
    assert not any(isinstance(item, ReplicateKey) for item in operations(plan))
    bench.converge(*both(deletion=destroyable()))


@pytest.mark.parametrize("primary", [None, "dr"])
def test_replicas_go_first_and_the_primary_last(bench: Bench, primary: str | None) -> None:
    bench.converge(*both(deletion=destroyable(), primary=primary))
    first, last = (DR, KEY) if primary is None else (KEY, DR)
    plan = bench.plan()
    scheduled = [item.target for item in operations(plan) if isinstance(item, ScheduleDeletion)]
    assert scheduled == [first]
    held = next(change for change in plan.changes if change.address == last)
    assert held.action is Action.UPDATE
    assert "when its replicas are gone" in held.notes[0]
    bench.perform(plan)
    assert bench.live(last).state is KeyState.SUSPENDED
    waiting = bench.plan()
    assert waiting.steps == ()
    assert [(due.address, due.what) for due in waiting.due] == [
        *sorted([(first, "destroyed"), (last, "deletion is scheduled")], key=lambda due: due[0])
    ]
    bench.plugin.clock.advance(WINDOW)
    again = bench.plan()
    assert sorted(kinds(again)) == sorted([(first, "forget_key"), (last, "schedule_deletion")])
    bench.perform(again)
    bench.plugin.clock.advance(WINDOW)
    bench.perform(bench.plan())
    assert bench.state.resources == {}


def test_removed_names_a_key_with_its_replicas(bench: Bench) -> None:
    bench.converge(*both())
    plan = bench.plan(removed={KEY: "forget"})
    assert {change.address for change in plan.changes} == {KEY, DR}
    bench.perform(plan)
    assert bench.state.resources == {}


def test_the_primary_does_not_leave_its_family(bench: Bench) -> None:
    bench.converge(*both(deletion=destroyable(), primary="dr"))
    plan = bench.plan(several(deletion=destroyable()))
    assert "KP-PLAN-016" in rules(plan)
    home = several(deletion=destroyable(), primary=None)
    moved = bench.plan(home)
    names = [name for _, name in kinds(moved)]
    assert names.index("change_primary") < names.index("change_state")
    bench.perform(moved)


# -- gone --------------------------------------------------------------------------------


def vanish(bench: Bench, address: Address) -> str:
    """Somebody destroys the key behind keyplan's back; its id."""
    resource = bench.state.resources[address]
    bench.plugin.service(resource.provider.partition(".")[2] or "memory").vanish(resource.id)
    return resource.id


def test_a_replica_that_is_gone_is_made_again_and_said(bench: Bench) -> None:
    declared = both(policy=policy("decrypt"), description="ours")
    bench.converge(*declared)
    old = vanish(bench, DR)
    plan = bench.plan(*declared)
    assert kinds(plan) == [(DR, "replicate_key"), (DR, "create_alias")]
    assert not plan.errored
    (change,) = plan.changes
    assert change.action is Action.CREATE
    assert f"no longer has {old}" in change.notes[0]
    (finding,) = [item for item in plan.findings if item.rule == "KP-PLAN-022"]
    assert (finding.level.value, finding.address) == ("warning", DR)
    assert "mode: forget" in finding.advice
    (item,) = plan.drift
    assert (item.address, item.kind, item.response.value) == (DR, DriftKind.VANISHED, "revert")
    text = plan_text(plan, TextOptions())
    assert "this plan    puts it back" in text
    assert "made again: fake.dr no longer has" in text
    bench.perform(plan)
    assert bench.live(DR).attributes["aliases"] == ["k"]
    assert not bench.plan(*declared).has_changes


def test_a_key_that_is_gone_takes_the_way_back_of_its_replicas_along(bench: Bench) -> None:
    bench.converge(*both())
    vanish(bench, KEY)
    vanish(bench, DR)
    plan = bench.plan(*both())
    assert {"KP-PLAN-003", "KP-PLAN-016"} <= rules(plan)
    assert plan.errored
    assert not [item for item in operations(plan) if isinstance(item, CreateKey)]


def test_a_replica_is_not_made_again_from_a_suspended_key(bench: Bench) -> None:
    bench.converge(*both(state="suspended"))
    vanish(bench, DR)
    assert "KP-PLAN-016" in rules(bench.plan(*both(state="suspended")))


def test_a_primary_that_is_gone_is_not_guessed(bench: Bench) -> None:
    bench.converge(*both(primary="dr"))
    vanish(bench, DR)
    plan = bench.plan(*both(primary="dr"))
    assert "KP-PLAN-016" in rules(plan)
    assert plan.errored


def test_a_replica_that_is_only_observed_is_left_alone(bench: Bench) -> None:
    bench.converge(*both())
    vanish(bench, DR)
    looked = several(lifecycle=Lifecycle(Manage.OBSERVE))
    plan = bench.plan(looked, replica(looked, "dr", "fake.dr", aliases=["k"]))
    assert not any(map(is_remote, operations(plan)))
    assert [item.response.value for item in plan.drift] == ["block"]


def test_a_replica_that_is_gone_and_not_declared_is_let_go(bench: Bench) -> None:
    bench.converge(*both())
    vanish(bench, DR)
    plan = bench.plan(several(), removed={str(DR): "forget"})
    assert [type(item) for item in operations(plan)] == [ForgetKey]


def test_drift_says_that_apply_makes_it_again(bench: Bench) -> None:
    bench.converge(*both())
    vanish(bench, DR)
    report = bench.survey(bench.graph_of(*both())).report
    (found,) = report.drifted
    assert found.by_remedy == ()
    assert "keyplan apply makes it again" in found.left
    assert undo_text(found) == "keyplan apply"
    assert not report.blocked


def test_drift_of_the_primary_speaks_of_addresses(bench: Bench) -> None:
    bench.converge(*both(primary="dr"))
    bench.behind(ChangePrimary(KEY, DR, KEY))
    (item,) = bench.plan(*both(primary="dr")).drift
    assert item.note == f"the primary was {DR}, and is {KEY}"
