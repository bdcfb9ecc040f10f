"""Whatever is declared next, and whatever happens: a key that was only observed stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from keyplan.errors import StalePlanError
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import MoveAlias, is_remote
from keyplan.model.resources import DesiredKey, Lifecycle, Manage
from keyplan.model.stack import Stack
from keyplan.planning.planner import make_plan
from keyplan.planning.rollback_serial import make_serial_plan
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan, PlanMode
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.sdk.capabilities import Deletion
from keyplan.state.history import state_at
from keyplan.testing.bench import Bench, key
from keyplan.testing.fake import fake_plugin
from keyplan.testing.strategies import AccidentKind, accidents
from tests.lifecycle.undoing import EVERYTHING, context, plan_of, rollback_of
from tests.lifecycle.world import LINEAGE, World

NAME = "key.theirs"
OWNERS = st.sampled_from([None, OwnerMark("another", "t"), OwnerMark(LINEAGE, "t")])
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "deletion": st.fixed_dictionaries(
            {"protection": st.booleans()},
            optional={"soak": st.just("7d"), "window": st.just("7d")},
        ),
        "state": st.sampled_from(["active", "suspended"]),
        "labels": st.just({"team": "a"}),
        "aliases": st.just(["mine"]),
        "rotation": st.just({"every": "1d"}),
        "expires_at": st.just("2020-01-01"),
    },
)


@dataclass(frozen=True)
class Next:
    """What is asked for once the key was observed."""

    declared: str  # observe, or absent
    removed: str | None
    neighbour: Mapping[str, Any] | None
    options: PlanOptions
    back: str  # a plan, or a rollback: run, serial


NEXT = st.builds(
    Next,
    st.sampled_from(["observe", "absent"]),
    st.sampled_from([None, "forget", "suspend", "destroy"]),
    st.none() | st.just({"aliases": ["theirs"]}) | st.just({"parent": NAME}),
    st.sampled_from(
        [
            PlanOptions(),
            PlanOptions(mode=PlanMode.DESTROY),
            PlanOptions(mode=PlanMode.REFRESH_ONLY),
            PlanOptions(remediating=True),
            PlanOptions(refresh=False),
        ]
    ),
    st.sampled_from(["plan", "plan", "run", "serial"]),
)


def graph(*keys: DesiredKey, **entries: Any) -> ResourceGraph:
    return Bench().graph_of(*keys, **entries)


def theirs(lifecycle: Lifecycle, attributes: Mapping[str, Any]) -> DesiredKey:
    return key(NAME, "root", "wrap", lifecycle=lifecycle, **attributes)


def perform(world: World, plan: Plan) -> None:
    if plan.steps and not plan.errored:
        assert world.apply(plan, allowed=EVERYTHING).ok


def following(world: World, then: Next, attributes: Mapping[str, Any]) -> Plan:
    """The plan of what is asked for next, as it is read back from its file."""
    if then.back == "run":
        return rollback_of(world, "run-1")
    if then.back == "serial":
        snapshot = world.snapshot
        earlier = state_at(world.store(), 1, lineage=snapshot.state.lineage)
        asked = {"stack": Stack("test"), "principals": {}, "context": context(world)}
        return make_serial_plan(earlier, snapshot, world.sessions, **asked)
    keys = [theirs(Lifecycle(manage=Manage.OBSERVE), attributes)]
    keys = keys if then.declared == "observe" else []
    if then.neighbour is not None and (keys or "parent" not in then.neighbour):
        keys.append(key("key.neighbour", **{"tier": "service", **then.neighbour}))
    removed = {NAME: then.removed} if then.removed and then.declared == "absent" else None
    plan = make_plan(
        graph(*keys, removed=removed),
        world.snapshot,
        world.sessions,
        options=then.options,
        context=context(world),
    )
    return read_plan(write_plan(plan))


@settings(max_examples=150, deadline=None)
@given(
    owner=OWNERS,
    attributes=ATTRIBUTES,
    handed_over=st.booleans(),
    accident=accidents(max_size=2, but=(AccidentKind.VANISHED,)),
    then=NEXT,
    deletion=st.sampled_from([Deletion.SCHEDULED, Deletion.IMMEDIATE]),
)
def test_no_plan_writes_to_a_key_that_was_observed(
    owner: OwnerMark | None,
    attributes: Mapping[str, Any],
    handed_over: bool,
    accident: list[Any],
    then: Next,
    deletion: Deletion,
) -> None:
    world = World(fake_plugin(deletion=deletion))
    found = world.service.plant(usage="wrap", aliases=["theirs"])
    world.service.edit(found, lambda old: replace(old, owner=owner))
    watching = theirs(Lifecycle(manage=Manage.OBSERVE), attributes)
    first = theirs(Lifecycle(), attributes) if handed_over else watching
    perform(world, plan_of(world, graph(first, imported={NAME: found})))
    perform(world, plan_of(world, graph(watching)))
    if Address(NAME) not in world.state.resources:
        return  # it could not be managed: its period had ended
    assert world.state.resources[Address(NAME)].observed
    for item in accident:
        item.happen(world.service)
    before = world.service.get(found)
    plan = following(world, then, attributes)
    event(f"{then.back} errored={plan.errored} steps={len(plan.steps)}")
    for step in plan.steps:
        assert step.address != NAME or not is_remote(step.operation), step
        assert not isinstance(step.operation, MoveAlias), step
    if plan.steps and not plan.errored:
        with suppress(StalePlanError):  # without a refresh it may not know what happened
            world.apply(plan, allowed=EVERYTHING)
    assert world.service.get(found) == before
