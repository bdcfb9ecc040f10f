"""What time brings is an ordinary change with `reason: due`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.operations import ChangeState, DestroyVersion, RetireVersion, RotateKey
from keyplan.plans.changes import Reason
from keyplan.sdk.capabilities import Rotation
from keyplan.testing.bench import Bench, key
from keyplan.testing.fake import fake_plugin


def rotating(**rotation: Any) -> Any:
    return key("key.a", "root", "encrypt", rotation={"every": "90d", **rotation})


def later(bench: Bench, days: int) -> None:
    bench.plugin.clock.advance(timedelta(days=days))


def test_nothing_is_due_before_its_time(bench: Bench) -> None:
    bench.converge(rotating())
    later(bench, 89)
    plan = bench.plan(rotating())
    assert plan.steps == ()
    assert (plan.due[0].at - plan.now).days == 1


def test_a_due_rotation_is_a_change_that_can_be_compensated(bench: Bench) -> None:
    bench.converge(rotating())
    later(bench, 90)
    plan = bench.plan(rotating())
    (step,) = plan.steps
    assert isinstance(step.operation, RotateKey)
    assert step.operation.version == 2
    assert (step.reason, step.inverse.grade) == (Reason.DUE, Grade.COMPENSATING)
    assert plan.brakes == ()
    bench.converge(rotating())
    assert bench.live("key.a").latest_version == 2


def test_without_overlap_old_versions_are_accepted_for_ever(bench: Bench) -> None:
    bench.converge(rotating())
    later(bench, 90)
    bench.converge(rotating())
    later(bench, 89)
    assert bench.plan(rotating()).steps == ()


def test_the_end_of_an_overlap_retires_the_version_and_can_be_undone(bench: Bench) -> None:
    declared = rotating(overlap="14d")
    bench.converge(declared)
    later(bench, 90)
    bench.converge(declared)
    later(bench, 14)
    (step,) = bench.plan(declared).steps
    assert isinstance(step.operation, RetireVersion)
    assert step.inverse.grade is Grade.EXACT
    bench.converge(declared)


def test_versions_that_keys_are_derived_from_never_end(bench: Bench) -> None:
    parent = key("key.a", "root", "derive", rotation={"every": "90d", "overlap": "1d", "keep": 1})
    child = key("key.b", parent="key.a", relation="derives")
    bench.converge(parent, child)
    later(bench, 90)
    bench.converge(parent, child)
    later(bench, 30)
    plan = bench.plan(parent, child)
    assert plan.steps == ()
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-011"]
    assert not plan.errored


def test_keep_destroys_the_oldest_version_behind_a_brake(bench: Bench) -> None:
    declared = rotating(keep=2)
    bench.converge(declared)
    later(bench, 90)
    bench.converge(declared)
    later(bench, 90)
    plan = bench.plan(declared)
    assert [type(step.operation) for step in plan.steps] == [RotateKey, DestroyVersion]
    assert plan.steps[1].operation.version == 1  # type: ignore[union-attr]
    assert [brake.name for brake in plan.brakes] == ["irreversible"]
    bench.converge(declared)


def test_keep_never_destroys_a_version_within_its_overlap(bench: Bench) -> None:
    declared = rotating(keep=1, overlap="30d")
    bench.converge(declared)
    later(bench, 90)
    plan = bench.plan(declared)
    assert [type(step.operation) for step in plan.steps] == [RotateKey]
    bench.converge(declared)


def test_a_suspended_key_does_not_rotate(bench: Bench) -> None:
    asleep = key("key.a", "root", "encrypt", rotation={"every": "90d"}, state="suspended")
    bench.perform(bench.plan(asleep))
    later(bench, 200)
    assert bench.plan(asleep).steps == ()


def test_a_key_past_its_period_is_deactivated(bench: Bench) -> None:
    ending = key("key.a", "root", "encrypt", expires_at="2027-06-30T23:59:59Z")
    bench.converge(ending)
    later(bench, 365)
    plan = bench.plan(ending)
    (step,) = plan.steps
    assert isinstance(step.operation, ChangeState)
    assert step.operation.after is KeyState.DEACTIVATED
    assert step.reason is Reason.DUE
    bench.converge(ending)


def test_a_key_past_its_period_is_not_called_back_by_state_active(bench: Bench) -> None:
    ending = key("key.a", "root", "encrypt", expires_at="2027-06-30T23:59:59Z", state="active")
    bench.converge(ending)
    later(bench, 365)
    bench.converge(ending)
    assert bench.live("key.a").state is KeyState.DEACTIVATED
    assert bench.plan(ending).findings == ()


def test_a_rotation_by_the_service_is_due_when_the_service_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(plugin=fake_plugin(rotation=Rotation.NATIVE))
    declared = key("key.s", "root", "wrap", rotation={"every": "90d"})
    bench.converge(declared)
    bench.plugin.clock.advance(timedelta(days=400))
    assert bench.plan(declared).steps == ()
    assert bench.plan(declared).due == ()
    when = bench.plugin.clock.now() + timedelta(days=30)
    read = bench.session.read

    def dated(ids: Any) -> Any:
        return {name: replace(seen, rotates_at=when) for name, seen in read(ids).items()}

    monkeypatch.setattr(bench.session, "read", dated)
    plan = bench.plan(declared)
    assert plan.steps == ()
    assert [(due.what, due.at) for due in plan.due] == [("rotation by the service", when)]
