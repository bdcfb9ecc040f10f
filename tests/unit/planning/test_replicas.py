"""The same key in several places: made from the primary, kept like any key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.inverses import Grade
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    ChangePrimary,
    CreateAlias,
    CreateKey,
    PutLabels,
    RenameKey,
    ReplicateKey,
    SetAttribute,
)
from keyplan.plans.changes import DriftKind
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.render.options import TextOptions
from keyplan.render.plan_json import plan_document
from keyplan.render.text import plan_text
from keyplan.testing.bench import Bench, key, policy, replica
from keyplan.testing.fake import fake_plugin
from tests.unit.planning.families import DR, KEY, US, both, kinds, operations, rules, several


@pytest.fixture
def bench() -> Bench:
    return Bench(places=("fake.dr", "fake.us"))


# -- making ------------------------------------------------------------------------------


def test_a_replica_is_made_from_its_key_in_its_own_place(bench: Bench) -> None:
    plan = bench.plan(*both(policy=policy("decrypt"), description="ours"))
    create, replicate, alias = operations(plan)
    assert isinstance(create, CreateKey)
    assert isinstance(replicate, ReplicateKey)
    assert (replicate.target, replicate.primary) == (DR, KEY)
    assert replicate.attributes.keys() == {"description", "labels", "policy"}
    assert replicate.owner.stack == bench.state.lineage
    assert alias == CreateAlias(DR, "k")
    assert [step.provider for step in plan.steps] == ["fake", "fake.dr", "fake.dr"]
    assert plan.steps[1].inverse.grade is Grade.COMPENSATING
    assert [change.depth for change in plan.changes] == [0, 1]
    assert read_plan(write_plan(plan)) == plan
    bench.converge(*both(policy=policy("decrypt"), description="ours"))
    assert bench.live(DR).attributes["policy"] == bench.live(KEY).attributes["policy"]


def test_the_lockout_proof_covers_replicas(bench: Bench) -> None:
    plan = bench.plan(*both(policy=policy("decrypt", administrators=False)))
    assert {finding.address for finding in plan.findings} == {KEY, DR}


def test_several_places_without_replicas_are_an_attribute_like_others(bench: Bench) -> None:
    bench.converge(several())
    assert bench.live(KEY).attributes["multi_region"] is True


def test_replicas_of_a_key_of_one_place_are_refused_with_the_reason(bench: Bench) -> None:
    bench.converge(key("key.k", "root", "wrap"))
    plan = bench.plan(*both())
    assert "KP-PLAN-001" in rules(plan)
    (finding,) = [item for item in plan.findings if item.rule == "KP-PLAN-001"]
    assert "made for one place only and cannot be for others" in finding.summary
    assert "key.k_2" in finding.advice


def test_what_the_service_has_in_common_is_changed_once(bench: Bench) -> None:
    bench.converge(*both(rotation={"every": "365d"}))
    plan = bench.plan(*both(rotation={"every": "180d"}))
    assert kinds(plan) == [(KEY, "set_attribute")]
    bench.perform(plan)
    assert bench.live(DR).attributes["rotation"] == {"every": "180d"}
    assert operations(bench.plan(*both(rotation={"every": "180d"}))) == []


def test_what_a_replica_has_for_itself_is_changed_there(bench: Bench) -> None:
    bench.converge(*both(description="a"))
    primary = several(description="b")
    changed = replica(primary, "dr", "fake.dr", aliases=["other"], labels={"place": "far"})
    plan = bench.plan(primary, changed)
    assert sorted(kinds(plan)) == [
        (KEY, "set_attribute"),
        (DR, "create_alias"),
        (DR, "delete_alias"),
        (DR, "put_labels"),
        (DR, "set_attribute"),
    ]
    bench.converge(primary, changed)


def test_drift_of_a_replica_is_its_own(bench: Bench) -> None:
    bench.converge(*both())
    bench.behind(PutLabels(DR, {"place": "moon"}, [], {"place": "dr"}))
    (item,) = bench.plan(*both()).drift
    assert (item.address, item.path, item.kind) == (DR, "labels:place", DriftKind.METADATA)
    bench.converge(*both())


@pytest.mark.parametrize(("own", "warnings"), [(None, 1), (policy("decrypt"), 0)])
def test_a_replica_does_not_get_round_a_policy_that_is_not_declared(
    bench: Bench, own: Any, warnings: int
) -> None:
    """The service copies none: the material would be open to whoever its default lets in."""
    bench.converge(several(policy=policy("decrypt")))
    kept = several(policy=None)
    copy = replace(replica(kept, "dr", "fake.dr"), policy=own)
    plan = bench.plan(kept, copy)
    found = [item for item in plan.findings if item.rule == "KP-PLAN-019"]
    assert [str(item.address) for item in found] == [str(DR)] * warnings
    assert not plan.errored


def test_nobody_replicates_what_is_suspended(bench: Bench) -> None:
    bench.converge(several(state="suspended"))
    assert rules(bench.plan(*both(state="suspended"))) == {"KP-PLAN-016"}
    plan = bench.plan(*both(state="active"))
    assert kinds(plan)[:2] == [(KEY, "change_state"), (DR, "replicate_key")]
    bench.converge(*both(state="active"))


def test_a_family_that_is_suspended_is_complete_before(bench: Bench) -> None:
    plan = bench.plan(*both(state="suspended"))
    names = [name for _, name in kinds(plan)]
    assert names.index("replicate_key") < names.index("change_state")
    bench.converge(*both(state="suspended"))
    assert bench.live(DR).state is KeyState.SUSPENDED


# -- the primary -------------------------------------------------------------------------


def test_another_primary_is_one_step_with_an_exact_way_back(bench: Bench) -> None:
    bench.converge(*both())
    plan = bench.plan(*both(primary="dr"))
    (step,) = plan.steps
    assert step.operation == ChangePrimary(KEY, KEY, DR)
    assert step.inverse.grade is Grade.EXACT
    assert step.inverse.operations == (ChangePrimary(KEY, DR, KEY),)
    assert step.detail == f"{KEY} -> {DR}"
    bench.converge(*both(primary="dr"))
    assert bench.state.resources[KEY].attributes["primary"] == bench.live(DR).attributes["arn"]
    assert "primary" in bench.state.resources[KEY].managed


def test_the_replica_is_there_before_it_is_the_primary(bench: Bench) -> None:
    plan = bench.plan(*both(primary="dr", rotation={"every": "365d"}))
    assert [name for _, name in kinds(plan)][:2] == ["create_key", "replicate_key"]
    made = next(step.number for step in plan.steps if step.operation.name == "replicate_key")
    change = next(step for step in plan.steps if isinstance(step.operation, ChangePrimary))
    assert made in change.depends_on
    bench.converge(*both(primary="dr", rotation={"every": "365d"}))


def test_a_replica_is_made_from_whatever_is_the_primary_now(bench: Bench) -> None:
    bench.converge(*both(primary="dr"))
    primary, dr = both(primary="dr")
    us = replica(primary, "us", "fake.us")
    (operation,) = operations(bench.plan(primary, dr, us))
    assert (operation.target, operation.primary) == (US, DR)
    bench.converge(primary, dr, us)


def test_a_new_replica_comes_from_the_old_primary_before_it_changes(bench: Bench) -> None:
    bench.converge(*both())
    primary, dr = both(primary="dr")
    us = replica(primary, "us", "fake.us")
    plan = bench.plan(primary, dr, us)
    assert [name for _, name in kinds(plan)] == ["replicate_key", "change_primary"]
    bench.converge(primary, dr, us)


def test_none_brings_the_primary_home_and_omitting_leaves_it(bench: Bench) -> None:
    bench.converge(*both(primary="dr"))
    assert [name for _, name in kinds(bench.plan(*both()))] == ["record_attributes"]
    (operation,) = operations(bench.plan(*both(primary=None)))
    assert operation == ChangePrimary(KEY, DR, KEY)
    bench.converge(*both(primary=None))
    fresh = Bench(plugin=fake_plugin(), places=("fake.dr",))
    fresh.converge(*both(primary=None))


def test_a_primary_changed_by_somebody_else_is_drift(bench: Bench) -> None:
    bench.converge(*both(primary="dr"))
    bench.behind(ChangePrimary(KEY, DR, KEY))
    plan = bench.plan(*both(primary="dr"))
    assert [(item.address, item.path) for item in plan.drift] == [(KEY, "primary")]
    assert operations(plan) == [ChangePrimary(KEY, KEY, DR)]


# -- moving, importing, choosing ---------------------------------------------------------


def test_replicas_move_along_with_their_key(bench: Bench) -> None:
    bench.converge(*both())
    other = replace(several(), address=Address("key.n"))
    there = replica(other, "dr", "fake.dr", aliases=["k"], labels={"place": "dr"})
    plan = bench.plan(other, there, moved={"key.k": "key.n"})
    assert {type(item) for item in operations(plan)} == {RenameKey}
    bench.perform(plan)
    assert bench.plan(other, there).steps == ()
    assert set(bench.state.resources) == {other.address, there.address}


def test_a_replica_that_exists_can_be_imported(bench: Bench) -> None:
    bench.converge(*both())
    identifier = bench.state.resources[DR].id
    bench.perform(bench.plan(several(), removed={DR: "forget"}))
    plan = bench.plan(*both(), imported={DR: identifier})
    assert not any(isinstance(item, ReplicateKey) for item in operations(plan))
    bench.perform(plan)
    assert bench.plan(*both()).steps == ()


def test_a_target_brings_replicas_and_their_key(bench: Bench) -> None:
    plan = bench.plan(*both(), targets=("key.k",))
    assert {step.address for step in plan.steps} == {KEY, DR}
    assert {step.address for step in bench.plan(*both(), targets=(DR,)).steps} == {KEY, DR}
    assert {step.address for step in bench.plan(*both(), excludes=(DR,)).steps} == {KEY}


def test_steps_on_a_replica_rest_on_what_was_seen_there(bench: Bench) -> None:
    bench.converge(*both(description="a"))
    plan = bench.plan(*both(description="b"))
    expected = {step.address: step.expects for step in plan.steps}
    assert expected == {KEY: bench.live(KEY).fingerprint, DR: bench.live(DR).fingerprint}
    assert {type(step.operation) for step in plan.steps} == {SetAttribute}


def test_machines_see_a_replica_as_a_resource_of_its_own(bench: Bench) -> None:
    plan = bench.plan(*both())
    primary, there = plan_document(plan)["resource_changes"]
    assert (primary["type"], primary["name"]) == ("key", "k")
    assert (there["type"], there["name"], there["index"]) == ("key_replica", "k", "dr")
    assert (there["provider_name"], there["change"]["actions"]) == ("fake.dr", ["create"])
    lines = plan_text(plan, TextOptions()).splitlines()
    assert next(line for line in lines if line.startswith("    + ")).startswith(f"    + {DR}")


# -- moving ------------------------------------------------------------------------------


def test_a_replica_gets_another_name_and_stays_what_it_is(bench: Bench) -> None:
    bench.converge(*both(primary="dr"))
    primary = several(primary="far")
    renamed = primary, replica(primary, "far", "fake.dr", aliases=["k"], labels={"place": "dr"})
    far, moved = KEY.replica("far"), {str(DR): str(KEY.replica("far"))}
    plan = bench.plan(*renamed, moved=moved)
    assert operations(plan) == [RenameKey(far, DR, bench.live(DR).id)]
    assert not plan.counts.any
    bench.perform(plan)
    assert DR not in bench.state.resources
    assert not bench.plan(*renamed, moved=moved).has_changes


def test_a_replica_does_not_move_to_another_place(bench: Bench) -> None:
    bench.converge(*both())
    primary = several()
    plan = bench.plan(primary, replica(primary, "us", "fake.us"), moved={str(DR): str(US)})
    (finding,) = [item for item in plan.findings if item.rule == "KP-PLAN-008"]
    assert "it is in fake.dr, and fake.us is another place" in finding.summary
    assert f"from: '{DR}'" in finding.advice
    assert not [item for item in operations(plan) if isinstance(item, RenameKey)]


@pytest.mark.parametrize("first", [0, 1])
def test_a_key_and_its_replica_move_in_whatever_order(bench: Bench, first: int) -> None:
    bench.converge(*both())
    new = key("key.new", "root", "wrap", multi_region=True)
    declared = new, replica(new, "far", "fake.dr", aliases=["k"], labels={"place": "dr"})
    entries = [
        ("key.k", "key.new"),
        ('key.new.replicas["dr"]', 'key.new.replicas["far"]'),
    ]
    plan = bench.plan(*declared, moved=dict([entries[first], entries[1 - first]]))
    assert [(item.source, item.target) for item in operations(plan)] == [
        (KEY, new.address),
        (DR, new.address.replica("far")),
    ]
    bench.perform(plan)
    assert not bench.plan(*declared).has_changes
