"""Differences inside policies are explained by name, never by position."""

from __future__ import annotations

from keyplan.render.explain import Difference, Explainer, differences


def test_an_added_principal_is_one_difference_wherever_it_stands() -> None:
    before = {"statements": [{"sid": "A", "principals": ["x", "y"]}]}
    after = {"statements": [{"sid": "New"}, {"sid": "A", "principals": ["z", "y", "x"]}]}
    assert differences(before, after) == (
        Difference("+", "statements.A.principals", "", "z"),
        Difference("+", "statements.New", "", "sid=New"),
    )


def test_order_alone_is_no_difference() -> None:
    assert differences({"a": ["x", "y"]}, {"a": ["y", "x"]}) == ()


def test_a_condition_that_is_dropped_and_one_that_is_added_are_told_apart() -> None:
    found = differences({"when": {"context": "acme"}}, {"when": {"vpc": "vpc-1"}})
    assert [(item.mark, item.path) for item in found] == [("-", "when.context"), ("+", "when.vpc")]


def test_a_changed_scalar_shows_both_values() -> None:
    (found,) = differences({"effect": "deny"}, {"effect": "allow"})
    assert found.text == "deny -> allow"


def test_the_same_pair_is_explained_once_and_the_budget_is_kept() -> None:
    explainer = Explainer(budget=1)
    assert explainer.explain({"a": 1}, {"a": 2}) is not None
    assert explainer.explain({"a": 1}, {"a": 2}) is not None
    assert explainer.explain({"a": 1}, {"a": 3}) is None


def test_lists_of_unnamed_objects_compare_as_sets() -> None:
    found = differences([{"x": 1}, {"y": 2}], [{"y": 2}])
    assert found == (Difference("-", "", '{"x":1}', ""),)
