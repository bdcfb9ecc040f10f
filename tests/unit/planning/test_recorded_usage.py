"""A service that takes wrapping for encrypting: the usage is recorded, and may be renamed."""

from __future__ import annotations

import pytest

from keyplan.model.operations import RecordAttributes
from keyplan.testing.bench import Bench, key
from keyplan.testing.fake import fake_plugin


@pytest.fixture
def bench() -> Bench:
    return Bench(plugin=fake_plugin(recorded={"usage"}))


@pytest.mark.parametrize(("before", "after"), [("encrypt", "wrap"), ("wrap", "encrypt")])
def test_renaming_the_usage_is_no_call(bench: Bench, before: str, after: str) -> None:
    bench.converge(key("key.root", "root", before))
    plan = bench.plan(key("key.root", "root", after))
    assert not plan.findings
    (step,) = plan.steps
    assert isinstance(step.operation, RecordAttributes)
    assert step.operation.after == {"usage": after}
    bench.perform(plan)
    assert not bench.plan(key("key.root", "root", after)).has_changes


def test_another_purpose_is_still_fixed(bench: Bench) -> None:
    bench.converge(key("key.root", "root", "encrypt", algorithm="rsa-3072"))
    plan = bench.plan(key("key.root", "root", "sign", algorithm="rsa-3072"))
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-001"]


def test_where_a_service_can_tell_them_apart_they_are_fixed() -> None:
    bench = Bench()
    bench.converge(key("key.root", "root", "encrypt"))
    plan = bench.plan(key("key.root", "root", "wrap"))
    assert [finding.rule for finding in plan.findings] == ["KP-PLAN-001"]
