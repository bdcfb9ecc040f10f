"""Taking a run back in the small world, and what must then be as it was."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.stack import Stack
from keyplan.planning.inputs import PlanContext
from keyplan.planning.planner import make_plan
from keyplan.planning.rollback import Past, head_of, make_rollback_plan
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.plans.reports import ApplyReport
from keyplan.state.history import state_at
from keyplan.state.model import State
from keyplan.testing.fake_service import FakeKey
from keyplan.testing.memory_store import CrashPoint
from tests.lifecycle.world import World

EVERYTHING = frozenset({"irreversible", "root", "max-delete", "max-update", "takeover", "lockout"})
NATURAL = EVERYTHING - {"irreversible"}
"""A rollback never needs `irreversible`."""


def context(world: World) -> PlanContext:
    """Tokens that no plan of the world had before."""
    tokens = (f"token-{world.state.serial}-{number}" for number in itertools.count())
    return PlanContext(world.clock.now(), "memory", "0", lambda: next(tokens))


def plan_of(world: World, graph: ResourceGraph) -> Plan:
    """The ordinary plan of a graph, as it is read back from its file."""
    plan = make_plan(
        graph, world.snapshot, world.sessions, options=PlanOptions(), context=context(world)
    )
    return read_plan(write_plan(plan))


def rollback_of(world: World, run: str) -> Plan:
    """The plan that takes a run back, as it is read back from its file."""
    entries = world.entries(run)
    head = head_of(run, entries)
    before = state_at(world.store(), head.serial, lineage=head.lineage)
    plan = make_rollback_plan(
        Past(head, entries, before),
        world.snapshot,
        world.sessions,
        stack=Stack("test"),
        principals={},
        context=context(world),
    )
    return read_plan(write_plan(plan))


def undo(world: World, run: str, *, crash: CrashPoint | None = None, **options: Any) -> ApplyReport:
    """Plan and perform it, without leave for anything that has no way back."""
    plan = rollback_of(world, run)
    assert not plan.errored, plan.findings
    return world.apply(plan, allowed=NATURAL, crash=crash, operation="rollback", **options)


def keys(world: World) -> dict[str, FakeKey]:
    """Every key of the service, by id."""
    return {key.id: key for key in world.service.current()}


def without_clock(key: FakeKey) -> FakeKey:
    """The key without the instant at which its window ends."""
    return replace(key, deletion_at=None if key.deletion_at is None else key.versions[0].created_at)


def assert_state_is(now: State, before: State, *, made: Iterable[Address] = ()) -> None:
    """Every key is in the state as it was, but for those that were made meanwhile."""
    assert now.resources.keys() - before.resources.keys() == set(made)
    for address, was in before.resources.items():
        assert comparable(now.resources[address]) == comparable(was), address


def comparable(resource: Any) -> Mapping[str, Any]:
    """A key of the state without what belongs to the moment."""
    return {
        "provider": resource.provider,
        "id": resource.id,
        "attributes": dict(resource.attributes),
        "owner": resource.owner,
        "managed": resource.managed,
        "dependencies": resource.dependencies,
        "phase": resource.phase,
        "recorded": resource.recorded,
        "versions": [(item.number, item.state) for item in resource.versions],
    }
