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


@pytest.mark.parametrize("option", ["targets", "excludes"])
def test_a_name_that_matches_nothing_is_an_error(bench: Bench, option: str) -> None:
    with pytest.raises(PlanningError, match="names no key"):
        bench.plan(*KEYS, **{option: ("key.nothing",)})
