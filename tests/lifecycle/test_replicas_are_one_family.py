"""A key and its replicas in one run: what they have in common is no conflict with oneself."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.operations import CreateKey, ReplicateKey
from keyplan.model.stack import OutputBlock, ProviderBlock, Stack
from keyplan.model.values import Reference, Unknown, Value
from keyplan.planning.inputs import PlanContext
from keyplan.planning.planner import make_plan
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan
from keyplan.testing.bench import key, replica
from keyplan.testing.faults import FaultKind
from tests.lifecycle.world import World

KEY = Address("key.k")
PLACES = ("fake", "fake.dr")


def family(**attributes: Any) -> tuple[Any, Any]:
    primary = key("key.k", "root", "wrap", multi_region=True, **attributes)
    return primary, replica(primary, "dr", "fake.dr", aliases=["k"])


def planned(world: World, *keys: Any, outputs: Mapping[str, Value] | None = None) -> Plan:
    graph = ResourceGraph(
        stack=Stack("demo"),
        providers={name: ProviderBlock(name) for name in PLACES},
        keys={item.address: item for item in keys},
        edges={item.address: item.depends_on for item in keys},
        outputs={name: OutputBlock(name, value) for name, value in (outputs or {}).items()},
    )
    serial = world.state.serial
    tokens = (f"token-{serial}-{number}" for number in itertools.count())
    context = PlanContext(world.clock.now(), "memory", "0", lambda: next(tokens))
    return make_plan(graph, world.snapshot, world.sessions, options=PlanOptions(), context=context)


@pytest.mark.parametrize("parallelism", [1, 8])
def test_a_shared_change_and_a_replicas_own_are_no_conflict(parallelism: int) -> None:
    world = World(instances=PLACES)
    old, new = {"rotation": {"every": "365d"}}, {"rotation": {"every": "90d"}}
    assert world.apply(planned(world, *family(description="a", **old))).ok
    world.clock.sleep(60)
    report = world.apply(
        planned(world, *family(description="b", **new)), parallelism=parallelism, fresh=0.0
    )
    assert report.ok, [result.message for result in report.results]
    assert planned(world, *family(description="b", **new)).steps == ()


@pytest.mark.parametrize("fault", [FaultKind.LOST_BEFORE, FaultKind.LOST_AFTER])
def test_a_replica_whose_answer_was_lost_is_made_once(fault: FaultKind) -> None:
    world = World(instances=PLACES)
    world.plugin.service("dr").faults.add(fault, "replicate_key")
    plan = planned(world, *family())
    assert {CreateKey, ReplicateKey} <= {type(step.operation) for step in plan.steps}
    assert world.apply(plan).ok
    assert len(world.plugin.service("dr").current()) == 1
    assert planned(world, *family()).steps == ()


@pytest.mark.parametrize("fault", [FaultKind.LOST_BEFORE, FaultKind.LOST_AFTER])
def test_a_change_of_the_primary_whose_answer_was_lost_is_decided(fault: FaultKind) -> None:
    world = World(instances=PLACES)
    assert world.apply(planned(world, *family())).ok
    world.service.faults.add(fault, "change_primary")
    assert world.apply(planned(world, *family(primary="dr"))).ok
    (there,) = world.plugin.service("dr").current()
    assert world.state.resources[KEY].attributes["primary"] == there.arn
    assert planned(world, *family(primary="dr")).steps == ()


def test_what_a_replica_is_called_is_known_once_it_is_made() -> None:
    world = World(instances=PLACES)
    arn = Unknown((Reference(KEY.replica("dr"), "arn"),))
    reader = key("key.reader", "root", "wrap", labels={"copy": arn})
    reader = replace(reader, depends_on=(KEY.replica("dr"),))
    plan = planned(world, *family(), reader, outputs={"copy": arn})
    assert [change.after for change in plan.outputs] == [arn]
    assert world.apply(plan).ok
    (there,) = world.plugin.service("dr").current()
    assert world.state.outputs["copy"] == there.arn
    assert world.state.resources[reader.address].attributes["labels"] == {"copy": there.arn}
    again = planned(world, *family(), reader, outputs={"copy": arn})
    assert (again.steps, again.has_changes) == ((), False)


@pytest.mark.parametrize("fault", [None, FaultKind.LOST_BEFORE, FaultKind.LOST_AFTER])
def test_a_replica_that_somebody_destroyed_is_made_again_once(fault: FaultKind | None) -> None:
    world = World(instances=PLACES)
    assert world.apply(planned(world, *family())).ok
    service = world.plugin.service("dr")
    service.vanish(world.state.resources[KEY.replica("dr")].id)
    if fault is not None:
        service.faults.add(fault, "replicate_key")
    assert world.apply(planned(world, *family())).ok
    (again,) = service.current()
    assert world.state.resources[KEY.replica("dr")].id == again.id
    assert planned(world, *family()).steps == ()
