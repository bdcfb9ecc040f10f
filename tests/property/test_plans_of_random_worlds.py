"""What must hold of every plan, whatever the hierarchy and whatever happened to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.address import Address
from keyplan.model.keys import KeyState, Relation
from keyplan.model.operations import (
    ChangeState,
    CreateKey,
    DestroyKey,
    ForgetKey,
    ScheduleDeletion,
)
from keyplan.model.resources import Removed, RemovedMode
from keyplan.plans.plan import Plan, PlanMode
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.sdk.capabilities import Deletion
from keyplan.testing.bench import Bench
from keyplan.testing.fake import fake_plugin
from keyplan.testing.stack_spec import StackSpec
from keyplan.testing.strategies import Accident, AccidentKind, accidents, stacks

deletions = st.sampled_from([Deletion.SCHEDULED, Deletion.IMMEDIATE])


def applied(stack: StackSpec, deletion: Deletion = Deletion.SCHEDULED) -> Bench:
    bench = Bench(plugin=fake_plugin(deletion=deletion))
    bench.perform(bench.plan_graph(stack.graph()))
    return bench


def never_replaces(plan: Plan) -> bool:
    made = {step.address for step in plan.steps if isinstance(step.operation, CreateKey)}
    gone = {
        step.address
        for step in plan.steps
        if isinstance(step.operation, ScheduleDeletion | DestroyKey | ForgetKey)
    }
    return not made & gone


@given(stacks())
def test_a_converged_world_has_an_empty_plan(stack: StackSpec) -> None:
    bench = applied(stack)
    plan = bench.plan_graph(stack.graph())
    assert (plan.steps, plan.changes, plan.drift, plan.errored) == ((), (), (), False)


@given(stacks(), st.randoms())
def test_the_order_of_declaration_changes_nothing(stack: StackSpec, random: object) -> None:
    graph = stack.graph()
    addresses = list(graph.keys)
    random.shuffle(addresses)  # type: ignore[attr-defined]
    shuffled = replace(graph, keys={address: graph.keys[address] for address in addresses})
    first, second = Bench().plan_graph(graph), Bench().plan_graph(shuffled)
    assert first.checksum == second.checksum


@given(stacks())
def test_parents_come_first_and_leave_last(stack: StackSpec) -> None:
    bench = Bench()
    plan = bench.plan_graph(stack.graph())
    made = [step.address for step in plan.steps if isinstance(step.operation, CreateKey)]
    parents = {spec.address: spec.parent for spec in stack.keys}
    for index, address in enumerate(made):
        if parents[address]:
            assert Address.of("key", str(parents[address])) in made[:index]
    bench.perform(plan)
    everything = tuple(Removed(str(spec.address), RemovedMode.DESTROY) for spec in stack.keys)
    leaving = bench.plan_graph(replace(stack, removed=everything).without(*_names(stack)).graph())
    assert not leaving.errored
    out = [
        step.address
        for step in leaving.steps
        if isinstance(step.operation, ScheduleDeletion | ChangeState)
    ]
    for child, parent in parents.items():
        if parent and child in out:
            above = Address.of("key", parent)
            last_of_child = len(out) - 1 - out[::-1].index(child)
            assert above not in out or out.index(above) > last_of_child


def _names(stack: StackSpec) -> list[str]:
    return [spec.name for spec in stack.keys]


@given(stacks(), deletions)
def test_apply_then_destroy_leaves_nothing_once_time_has_passed(
    stack: StackSpec, deletion: Deletion
) -> None:
    bench = applied(stack, deletion)
    everything = tuple(Removed(str(spec.address), RemovedMode.DESTROY) for spec in stack.keys)
    gone = replace(stack, removed=everything).without(*_names(stack)).graph()
    for _ in range(12):
        bench.perform(bench.plan_graph(gone))
        bench.plugin.clock.advance(timedelta(days=60))
    assert bench.state.resources == {}
    assert bench.plugin.service().current() == []
    assert bench.plan_graph(gone).steps == ()


@given(stacks(), accidents(but=(AccidentKind.VANISHED,)))
def test_one_apply_heals_whatever_happened_and_never_replaces(
    stack: StackSpec, happened: list[Accident]
) -> None:
    bench = applied(stack)
    for accident in happened:
        accident.happen(bench.plugin.service())
    plan = bench.plan_graph(stack.graph())
    assert never_replaces(plan)
    assert not any(isinstance(step.operation, CreateKey) for step in plan.steps)
    bench.perform(plan)
    assert bench.plan_graph(stack.graph()).steps == ()


@given(stacks(), st.integers(0, 63))
def test_a_vanished_key_is_never_made_again(stack: StackSpec, which: int) -> None:
    bench = applied(stack)
    lost = Accident(AccidentKind.VANISHED, which).happen(bench.plugin.service())
    plan = bench.plan_graph(stack.graph())
    assert lost is not None
    assert plan.errored
    assert not any(isinstance(step.operation, CreateKey) for step in plan.steps)


@given(stacks())
def test_absence_destroys_only_what_is_not_protected(stack: StackSpec) -> None:
    bench = applied(stack)
    plan = bench.plan_graph(stack.without(*_names(stack)).graph())
    protected = {address for address, item in bench.state.resources.items() if item.protected}
    touched = {step.address for step in plan.steps}
    assert not touched & protected
    assert plan.errored is bool(protected)


@given(stacks())
def test_derived_keys_say_that_nothing_is_destroyed(stack: StackSpec) -> None:
    bench = applied(stack)
    derived = [spec for spec in stack.keys if spec.relation is Relation.DERIVES]
    if not derived:
        return
    leaf = derived[-1]
    below = {spec.name for spec in stack.keys if spec.parent == leaf.name}
    if below:
        return
    entry = Removed(str(leaf.address), RemovedMode.DESTROY)
    plan = bench.plan_graph(replace(stack, removed=(entry,)).without(leaf.name).graph())
    (change,) = plan.changes
    soaking = bench.state.resources[leaf.address].attributes.get("deletion", {})
    if isinstance(soaking, dict) and soaking.get("soak", "0d") not in ("0d", "0s"):
        return
    assert any("destroys nothing" in note for note in change.notes)


@given(stacks())
def test_every_plan_reads_back_equal(stack: StackSpec) -> None:
    bench = Bench()
    plan = bench.plan_graph(stack.graph())
    assert read_plan(write_plan(plan)) == plan
    bench.perform(plan)
    destroying = bench.plan_graph(stack.graph(), mode=PlanMode.DESTROY)
    assert read_plan(write_plan(destroying)) == destroying


@given(stacks())
def test_suspending_everything_and_back_converges(stack: StackSpec) -> None:
    bench = applied(stack)
    for key in bench.plugin.service().current():
        bench.plugin.service().edit(key.id, lambda old: replace(old, state=KeyState.SUSPENDED))
    graph = stack.graph()
    awake = {
        address: replace(key, attributes={**key.attributes, "state": "active"})
        for address, key in graph.keys.items()
    }
    active = replace(graph, keys=awake)
    bench.perform(bench.plan_graph(active))
    assert bench.plan_graph(active).steps == ()
