"""Whatever is in several places: what was applied is converged, and what leaves goes in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.model.address import Address
from keyplan.model.operations import ReplicateKey, ScheduleDeletion
from keyplan.model.resources import Removed, RemovedMode
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.sdk.capabilities import Deletion
from keyplan.testing.bench import Bench
from keyplan.testing.fake import fake_plugin
from keyplan.testing.stack_spec import KeySpec, StackSpec
from keyplan.testing.strategies import stacks

PLACES = ("dr", "us")
families = stacks(max_keys=5, places=PLACES)


def bench_of(deletion: Deletion = Deletion.SCHEDULED) -> Bench:
    plugin = fake_plugin(deletion=deletion, grants_by_terms=True)
    return Bench(plugin=plugin, places=tuple(f"fake.{place}" for place in PLACES))


def destroyed(stack: StackSpec) -> StackSpec:
    """The stack with every key removed on purpose, and its replicas with it."""
    gone = tuple(Removed(str(spec.address), RemovedMode.DESTROY) for spec in stack.keys)
    return replace(stack, keys=(), removed=gone)


@given(families)
@settings(max_examples=60, deadline=None)
def test_applied_is_converged(stack: StackSpec) -> None:
    bench = bench_of()
    plan = bench.plan_graph(stack.graph())
    assert read_plan(write_plan(plan)) == plan
    bench.perform(plan)
    again = bench.plan_graph(stack.graph())
    assert (again.steps, again.changes, again.drift, again.errored) == ((), (), (), False)
    for spec in stack.keys:
        assert all(spec.address.replica(place) in bench.state.resources for place in spec.replicas)


@given(families, st.sampled_from([Deletion.SCHEDULED, Deletion.IMMEDIATE]))
@settings(max_examples=40, deadline=None)
def test_everything_goes_and_primaries_go_last(stack: StackSpec, deletion: Deletion) -> None:
    """The fake refuses to schedule or destroy a primary that has replicas."""
    bench = bench_of(deletion)
    bench.perform(bench.plan_graph(stack.graph()))
    gone = destroyed(stack).graph()
    for _ in range(20):
        plan = bench.plan_graph(gone)
        primaries = _primaries(bench)
        for step in plan.steps:
            if isinstance(step.operation, ScheduleDeletion) and step.address in primaries:
                assert not primaries[step.address] & bench.state.resources.keys()
        bench.perform(plan)
        bench.plugin.clock.advance(timedelta(days=45))
    assert bench.state.resources == {}
    for place in ("memory", *PLACES):
        assert bench.plugin.service(place).current() == []


def _primaries(bench: Bench) -> dict[Address, set[Address]]:
    """The members of each family beside its primary, by the primary, of those that are there."""
    there = {
        address: bench.live(address)
        for address, item in bench.state.resources.items()
        if bench.sessions[item.provider].read([item.id])
    }
    names = {seen.attributes["arn"]: a for a, seen in there.items() if "arn" in seen.attributes}
    found: dict[Address, set[Address]] = {}
    for address, seen in there.items():
        primary = names.get(seen.attributes.get("primary"))
        if primary is not None and primary != address:
            found.setdefault(primary, set()).add(address)
    return found


@given(families, families)
@settings(max_examples=40, deadline=None)
def test_replicas_come_and_go_without_their_key(first: StackSpec, second: StackSpec) -> None:
    """From no replicas to some others, with every key in several places from the beginning."""
    bench = bench_of()
    awake = [replace(key, attributes=_awake(key)) for key in first.keys]
    alone = replace(first, keys=tuple(replace(key, replicas={}) for key in awake))
    bench.perform(bench.plan_graph(alone.graph()))
    places = [key.replicas for key in second.keys]
    some = tuple(
        replace(key, replicas=places[index % len(places)]) for index, key in enumerate(awake)
    )
    wanted = _renamed(replace(first, keys=some)).graph()
    plan = bench.plan_graph(wanted)
    assert {step.operation.name for step in plan.steps} <= {
        "replicate_key", "change_state", "create_alias", "record_attributes", "set_attribute",
    }  # fmt: skip
    bench.perform(plan)
    assert bench.plan_graph(wanted).steps == ()
    made = [step for step in plan.steps if isinstance(step.operation, ReplicateKey)]
    removed = tuple(Removed(str(step.address), RemovedMode.DESTROY) for step in made)
    leaving = replace(alone, removed=removed).graph()
    for _ in range(6):
        bench.perform(bench.plan_graph(leaving))
        bench.plugin.clock.advance(timedelta(days=45))
    assert set(bench.state.resources) == {spec.address for spec in first.keys}


def _awake(key: KeySpec) -> dict[str, object]:
    """Attributes of a key that works, in several places, with no say about the primary."""
    dropped = ("state", "primary", "rotation", "expires_at")
    kept = {name: value for name, value in key.attributes.items() if name not in dropped}
    return {**kept, "multi_region": True}


def _renamed(stack: StackSpec) -> StackSpec:
    """Aliases of replicas by the name of their key, so that no two are the same."""
    return replace(
        stack,
        keys=tuple(
            replace(
                key,
                replicas={
                    place: {**entry, "aliases": [f"{key.name}/there"]}
                    for place, entry in key.replicas.items()
                },
            )
            for key in stack.keys
        ),
    )
