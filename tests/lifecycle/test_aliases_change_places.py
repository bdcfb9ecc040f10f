"""Two keys swap their aliases: each is written by the other's step too, and both succeed."""

from __future__ import annotations

import pytest

from keyplan.model.operations import CreateAlias, MoveAlias
from tests.lifecycle.world import Draft, World, create, key


@pytest.mark.parametrize("parallelism", [1, 8])
def test_a_swap_is_no_conflict_with_oneself(parallelism: int) -> None:
    world = World()
    names = [CreateAlias(key("a"), "x"), CreateAlias(key("b"), "y")]
    made = [create("a"), create("b"), Draft(names[0], (1,)), Draft(names[1], (2,))]
    assert world.apply(world.plan(made)).ok
    swap = [MoveAlias(key("a"), "y", key("b")), MoveAlias(key("b"), "x", key("a"))]
    report = world.apply(world.plan(swap), parallelism=parallelism)
    assert report.ok, [result.message for result in report.results]
    aliases = {
        address: item.attributes["aliases"] for address, item in world.state.resources.items()
    }
    assert aliases == {key("a"): ["y"], key("b"): ["x"]}
