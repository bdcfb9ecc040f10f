"""What must never happen without being named: takeovers, second lives, loosened states."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.operations import (
    ChangeState,
    CreateKey,
    ForgetKey,
    RotateKey,
    ScheduleDeletion,
    SetOwner,
)
from keyplan.model.resources import Lifecycle, Manage
from keyplan.planning.compare import changed_elements
from keyplan.plans.changes import Action, Reason
from keyplan.plans.plan import Plan, PlanMode
from keyplan.testing.bench import Bench, destroyable, key, policy
from keyplan.testing.fake import OPERATIONS, fake_plugin

ROOT = key("key.root", "root", "wrap")
KEY = Address("key.s")
STRANGER = OwnerMark("22222222-2222-4222-8222-222222222222", "their-token")


def service(**attributes: Any) -> Any:
    return key("key.s", parent="key.root", **attributes)


def kinds(plan: Plan) -> list[type]:
    return [type(step.operation) for step in plan.steps]


def names(plan: Plan) -> list[str]:
    return [brake.name.value for brake in plan.brakes]


def taken_over(bench: Bench, declared: Any) -> None:
    bench.converge(ROOT, declared)
    bench.behind(SetOwner(KEY, bench.live("key.s").owner, STRANGER))


def test_a_key_of_another_stack_is_not_destroyed_without_the_brake(bench: Bench) -> None:
    taken_over(bench, service(deletion=destroyable()))
    plan = bench.plan(ROOT)
    assert kinds(plan) == [SetOwner, ChangeState, ScheduleDeletion]
    assert names(plan) == ["takeover"]


def test_forgetting_leaves_the_mark_of_another_stack(bench: Bench) -> None:
    taken_over(bench, service())
    plan = bench.plan(ROOT, removed={"key.s": "forget"})
    assert (kinds(plan), names(plan)) == ([ForgetKey], [])


def test_destroy_leaves_what_is_only_observed(bench: Bench) -> None:
    declared = service(deletion=destroyable())
    bench.converge(ROOT, declared)
    observed = replace(declared, lifecycle=Lifecycle(manage=Manage.OBSERVE))
    plan = bench.plan(ROOT, observed, mode=PlanMode.DESTROY)
    assert [(step.address, type(step.operation)) for step in plan.steps] == [(KEY, ForgetKey)]


def test_destroy_does_not_destroy_what_is_to_be_forgotten(bench: Bench) -> None:
    bench.converge(ROOT, service(deletion=destroyable()))
    plan = bench.plan(ROOT, removed={"key.s": "forget"}, mode=PlanMode.DESTROY)
    assert kinds(plan) == [SetOwner, ForgetKey]


def test_a_key_that_is_gone_before_its_window_ends_gets_no_second_life(bench: Bench) -> None:
    bench.converge(ROOT, service(deletion=destroyable()))
    bench.perform(bench.plan(ROOT))
    bench.plugin.service().vanish(bench.state.resources[KEY].id)
    plan = bench.plan(ROOT, service())
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-003"]
    assert CreateKey not in kinds(plan)


def test_a_compromised_key_stays_so_whoever_enabled_it(bench: Bench) -> None:
    bench.converge(ROOT, service())
    bench.converge(ROOT, service(state="compromised"))
    service_id = bench.state.resources[KEY].id
    bench.plugin.service().edit(service_id, lambda live: replace(live, state=KeyState.ACTIVE))
    accepted = bench.plan(ROOT, service(), mode=PlanMode.REFRESH_ONLY)
    assert [item.response for item in accepted.drift] == ["block"]
    bench.perform(bench.plan(ROOT, service(labels={"team": "other"})))
    assert bench.state.resources[KEY].attributes["state"] == "compromised"
    back = bench.plan(ROOT, service(labels={"team": "other"}, state="active"))
    assert [finding.rule for finding in back.findings] == ["KP-PLAN-004"]


def test_a_key_past_its_period_is_not_declared_back(bench: Bench) -> None:
    declared = service(state="active", expires_at="2030-01-01T00:00:00Z")
    bench.converge(ROOT, declared)
    bench.plugin.clock.advance(timedelta(days=3650))
    bench.converge(ROOT, declared)
    assert bench.live("key.s").state is KeyState.DEACTIVATED
    assert bench.plan(ROOT, declared).findings == ()


def test_a_suspended_key_past_its_period_is_never_active_again(bench: Bench) -> None:
    ends = {"expires_at": "2030-01-01T00:00:00Z"}
    bench.converge(ROOT, service(state="suspended", **ends))
    bench.plugin.clock.advance(timedelta(days=3650))
    plan = bench.plan(ROOT, service(state="active", **ends))
    (step,) = plan.steps
    assert step.operation == ChangeState(KEY, KeyState.SUSPENDED, KeyState.DEACTIVATED)
    assert step.reason is Reason.DUE


def test_no_key_is_made_that_has_expired(bench: Bench) -> None:
    plan = bench.plan(ROOT, service(expires_at="2020-01-01T00:00:00Z"))
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-013"]


def test_a_rotation_is_due_as_soon_as_the_key_is_active_again(bench: Bench) -> None:
    bench.converge(ROOT, service(state="suspended", rotation={"every": "90d"}))
    bench.plugin.clock.advance(timedelta(days=100))
    again = service(state="active", rotation={"every": "90d"})
    assert kinds(bench.plan(ROOT, again)) == [ChangeState, RotateKey]
    bench.converge(ROOT, again)


def test_suspending_many_keys_on_the_way_to_forgetting_them_needs_a_brake(bench: Bench) -> None:
    keys = [key(f"key.k{number}", parent="key.root") for number in range(20)]
    bench.perform(bench.plan(ROOT, *keys))
    plan = bench.plan(ROOT, removed={str(item.address): "suspend" for item in keys})
    assert names(plan) == ["max-update"]


def test_a_soak_is_a_destruction_and_counts_once(bench: Bench) -> None:
    terms = destroyable(soak="7d")
    keys = [key(f"key.k{number}", parent="key.root", deletion=terms) for number in range(20)]
    bench.perform(bench.plan(ROOT, *keys))
    assert names(bench.plan(ROOT)) == ["max-delete"]


def test_another_tier_in_the_same_change_does_not_unguard_a_root(bench: Bench) -> None:
    bench.converge(ROOT)
    plan = bench.plan(key("key.root", "service", "wrap", state="suspended"))
    assert names(plan) == ["root"]


def test_what_the_provider_does_not_perform_is_found_in_the_plan() -> None:
    bench = Bench(plugin=fake_plugin(operations=OPERATIONS - {"put_labels"}))
    bench.converge(ROOT, service(labels={"team": "a"}))
    plan = bench.plan(ROOT, service(labels={"team": "b"}))
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-012"]


def test_a_key_is_made_before_anything_is_done_to_it_even_without_a_way_back() -> None:
    bench = Bench(plugin=fake_plugin(operations=OPERATIONS - {"change_state"}))
    bench.converge(ROOT, service(aliases=["a"]))


def test_a_certificate_follows_its_parent(bench: Bench) -> None:
    def release(parent: str) -> Any:
        profile = {"subject": "CN=release", "valid": "30d", "usages": ["code_signing"]}
        return key(
            "key.s", "service", "sign", parent,
            relation="signs", algorithm="ec-p256", certificate=profile,
        )  # fmt: skip

    roots = [key(f"key.ca{n}", "root", "sign", algorithm="ec-p256") for n in (1, 2)]
    bench.converge(*roots, release("key.ca1"))
    plan = bench.plan(*roots, release("key.ca2"))
    assert [step.operation.name for step in plan.steps] == [
        "issue_certificate",
        "record_attributes",
    ]
    bench.converge(*roots, release("key.ca2"))


def test_what_is_ignored_is_left_alone_policies_and_records_too(bench: Bench) -> None:
    ignored = Lifecycle(ignore_changes=frozenset({"policies", "owner", "labels"}))
    before = service(owner="a@acme.example", labels={"team": "a"}, policy=policy("decrypt"))
    bench.converge(ROOT, replace(before, lifecycle=ignored))
    after = service(owner="b@acme.example", labels={"x": "1"}, policy=policy("encrypt"))
    assert not bench.plan(ROOT, replace(after, lifecycle=ignored)).has_changes


def test_a_collection_that_cannot_be_read_is_not_guessed(bench: Bench) -> None:
    declared = service(labels={"team": "a", "old": "1"})
    bench.converge(ROOT, declared)
    live = bench.live("key.s")
    hidden = {name: value for name, value in live.attributes.items() if name != "labels"}
    dark = Observation(live.id, hidden, live.owner, unreadable=frozenset({"labels"}))
    resource = bench.state.resources[KEY]
    wanted = {"labels": {"team": "a"}}
    changes = list(changed_elements(service(**wanted), wanted, resource, dark))
    assert [(change.path, change.reason) for change in changes] == [
        ("labels:old", Reason.WITHDRAWN)
    ]


def test_a_change_of_state_shows_in_what_the_key_becomes(bench: Bench) -> None:
    bench.converge(ROOT, service())
    (change,) = bench.plan(ROOT, service(state="suspended")).changes
    assert change.action is Action.UPDATE
    assert change.before
    assert change.after
    assert (change.before["state"], change.after["state"]) == ("active", "suspended")


@pytest.mark.parametrize("held_by_us", [True, False])
def test_an_alias_that_somebody_moved_is_seen_before_apply(bench: Bench, held_by_us: bool) -> None:
    other = key("key.other", parent="key.root")
    bench.converge(ROOT, other, service(aliases=["pay"]))
    service_ = bench.plugin.service()
    mine, theirs = bench.state.resources[KEY].id, bench.state.resources[other.address].id
    service_.edit(mine, lambda live: replace(live, aliases=()))
    if held_by_us:
        service_.edit(theirs, lambda live: replace(live, aliases=("pay",)))
        bench.converge(ROOT, other, service(aliases=["pay"]))
    else:
        service_.plant(aliases=("pay",))
        plan = bench.plan(ROOT, other, service(aliases=["pay"]))
        assert [finding.rule for finding in plan.findings] == ["KP-PLAN-005"]
