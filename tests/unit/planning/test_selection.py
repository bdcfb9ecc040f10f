"""`--target` brings dependencies, `--exclude` takes dependents; a wrong name is an error."""

from __future__ import annotations

import pytest

from keyplan.errors import PlanningError
from keyplan.testing.bench import Bench, key

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


@pytest.mark.parametrize("option", ["targets", "excludes"])
def test_a_name_that_matches_nothing_is_an_error(bench: Bench, option: str) -> None:
    with pytest.raises(PlanningError, match="names no key"):
        bench.plan(*KEYS, **{option: ("key.nothing",)})
