"""The time that a service's limits make of a plan is in the plan, and said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keyplan.plans.plan import Pace
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.render.options import TextOptions
from keyplan.render.plan_json import plan_document
from keyplan.render.steps import pace_text, time_text
from keyplan.render.text import plan_text
from keyplan.testing.bench import Bench, key
from keyplan.testing.fake import fake_plugin

RATES = {"create_key": 5.0, "put_labels": 10.0, "set_owner": 10.0, "read": 100.0}
CALLS = {"create_key": "CreateKey", "put_labels": "TagResource", "set_owner": "TagResource"}


def limited() -> Bench:
    return Bench(plugin=fake_plugin(rates=RATES, calls=CALLS, paces_itself=True))


def keys(number: int, **attributes: object) -> list[object]:
    return [key(f"key.k{index}", "root", "wrap", **attributes) for index in range(number)]


def test_a_thousand_keys_take_as_long_as_the_service_says() -> None:
    plan = limited().plan(*keys(1000))
    assert plan.pace == Pace(pytest.approx(200), "CreateKey", 5.0)
    text = " ".join(plan_text(plan, TextOptions()).split())
    assert "1,000 calls, about 3 min 20 s (the service takes 5 CreateKey a second)" in text
    assert plan_document(plan)["keyplan"]["pace"]["apply"]["seconds"] == pytest.approx(200)
    assert read_plan(write_plan(plan)) == plan


def test_operations_that_are_one_call_share_its_limit() -> None:
    bench = limited()
    bench.converge(*keys(20, labels={"a": "b"}))
    for item in bench.plugin.service().current():
        bench.plugin.service().edit(item.id, lambda old: replace(old, owner=None))
    plan = bench.plan(*keys(20, labels={"a": "c"}))
    assert plan.pace.call == "TagResource"
    assert plan.pace.seconds == pytest.approx(4.0)


def test_reading_is_bound_by_its_limit_too() -> None:
    bench = limited()
    bench.converge(*keys(600))
    plan = bench.plan(*keys(600))
    assert plan.reading_pace == Pace(6.0, "read", 100.0)
    assert "lets 100 keys be read a second" in " ".join(plan_text(plan, TextOptions()).split())
    assert bench.plan(*keys(600), refresh=False).reading_pace == Pace()


def test_without_limits_nothing_is_said() -> None:
    plan = Bench().plan(*keys(30))
    assert (plan.pace, plan.reading_pace) == (Pace(), Pace())
    assert "about" not in plan_text(plan, TextOptions())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.2, "2 s"), (59.4, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_times_are_spelt_for_people(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
    assert pace_text(Pace(0.9, "x", 1.0)) == []
