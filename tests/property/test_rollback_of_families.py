"""Keys in several places: taking a run back leaves each place as it was."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.model.keys import KeyState
from keyplan.testing.fake import fake_plugin
from keyplan.testing.fake_service import FakeKey
from tests.lifecycle.undoing import EVERYTHING, comparable, plan_of, rollback_of, undo
from tests.lifecycle.world import World
from tests.property.test_rollback import Change, changes

PLACES = ("dr", "us")
INSTANCES = ("fake", *(f"fake.{place}" for place in PLACES))


def _everywhere(world: World) -> dict[tuple[str, str], FakeKey]:
    places = ("memory", *PLACES)
    return {
        (place, key.id): key for place in places for key in world.plugin.service(place).current()
    }


@settings(max_examples=40, deadline=None)
@given(change=changes(places=PLACES), answers=st.booleans())
def test_every_place_is_as_before(change: Change, answers: bool) -> None:
    first, second = change
    world = World(fake_plugin(answers=answers, grants_by_terms=True), instances=INSTANCES)
    for stack in (first, second):
        before, were = world.state, _everywhere(world)
        plan = plan_of(world, stack.graph())
        if plan.errored or not plan.steps:
            return
        report = world.apply(plan, allowed=EVERYTHING)
        assert report.ok, report.results
    assert undo(world, report.run).ok
    now = _everywhere(world)
    assert {place: now[place] for place in were} == were
    assert all(now[place].state is not KeyState.ACTIVE for place in now.keys() - were.keys())
    for address, was in before.resources.items():
        found = comparable(world.state.resources[address])
        # What a family shares is in the state of each member as it was last read there.
        shared = {"attributes": None} if address.replica_of else {}
        assert {**found, **shared} == {**comparable(was), **shared}
    assert not rollback_of(world, report.run).steps
