"""`--target` brings dependencies, `--exclude` takes dependents; a wrong name is an error."""

from __future__ import annotations

import pytest

from keyplan.errors import PlanningError
from keyplan.plans.plan import PlanMode
from keyplan.testing.bench import Bench, destroyable, key

KEYS = (
    key("key.root", "root", "wrap"),
    key('key.master["a"]', "master", "wrap", "key.root"),
    key('key.master["b"]', "master", "wrap", "key.root"),
    key("key.leaf", parent='key.master["a"]'),
)


def test_a_target_brings_what_it_depends_on(bench: Bench) -> None:
    plan = bench.plan(*KEYS, targets=("key.leaf",))
    assert [step.address for step in plan.steps] == ["key.root", 'key.master["a"]', "key.leaf"]
    assert not plan.complete


def test_a_name_means_every_instance(bench: Bench) -> None:
    plan = bench.plan(*KEYS, targets=("key.master",))
    assert len(plan.steps) == 3


def test_an_exclusion_takes_what_depends_on_it(bench: Bench) -> None:
    plan = bench.plan(*KEYS, excludes=('key.master["a"]',))
    assert [step.address for step in plan.steps] == ["key.root", 'key.master["b"]']


def test_a_destroyed_target_takes_its_children_along_and_leaves_its_parents(bench: Bench) -> None:
    terms = {"deletion": destroyable()}
    middle = key("key.middle", "master", "wrap", "key.root", **terms)
    leaf = key("key.leaf", parent="key.middle", **terms)
    bench.converge(key("key.root", "root", "wrap", **terms), middle, leaf)
    plan = bench.plan(mode=PlanMode.DESTROY, targets=("key.middle",))
    assert {step.address for step in plan.steps} == {"key.middle", "key.leaf"}
    plan = bench.plan(mode=PlanMode.DESTROY, excludes=("key.middle",))
    assert {step.address for step in plan.steps} == {"key.leaf"}


@pytest.mark.parametrize(
    ("target", "chosen"),
    [
        ("module.t", {"a", "b"}),
        ('module.t["a"]', {"a"}),
        ('module.t["a"].module.in', {"a"}),
    ],
)
def test_a_module_means_every_key_in_it(bench: Bench, target: str, chosen: set[str]) -> None:
    inside = [
        key(f'module.t["{name}"].module.in.key.leaf', parent="key.root") for name in ("a", "b")
    ]
    plan = bench.plan(KEYS[0], *inside, targets=(target,))
    found = {str(step.address) for step in plan.steps} - {"key.root"}
    assert found == {f'module.t["{name}"].module.in.key.leaf' for name in chosen}


@pytest.mark.parametrize("option", ["targets", "excludes"])
def test_a_name_that_matches_nothing_is_an_error(bench: Bench, option: str) -> None:
    with pytest.raises(PlanningError, match="names no key"):
        bench.plan(*KEYS, **{option: ("key.nothing",)})


def test_an_alias_waits_for_the_plan_that_moves_it(bench: Bench) -> None:
    bench.converge(key("key.a", aliases=["pay"]), key("key.b"))
    loser, taker = key("key.a"), key("key.b", aliases=["pay"])
    assert not bench.plan(loser, taker, excludes=("key.b",)).has_changes
    bench.converge(loser, taker)
    assert bench.live("key.b").attributes["aliases"] == ["pay"]


@pytest.mark.parametrize("mode", ["forget", "destroy"])
def test_an_alias_leaves_before_its_key_does(bench: Bench, mode: str) -> None:
    bench.converge(key("key.a", aliases=["pay"]))
    plan = bench.plan(key("key.b", aliases=["pay"]), removed={"key.a": mode})
    moved = next(step for step in plan.steps if step.operation.name == "move_alias")
    first = next(step for step in plan.steps if step.address == "key.a")
    assert moved.number in first.depends_on
