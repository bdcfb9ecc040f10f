"""A policy that leaves who applies behind is put past its service's check, late, and said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from keyplan.applying.preflight import check_allowed
from keyplan.diagnostics import Severity
from keyplan.errors import BlockedPlanError
from keyplan.model.canonical import canonical_json
from keyplan.model.inverses import Grade
from keyplan.model.operations import CreateKey, PutPolicy, bypasses
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Value
from keyplan.plans.findings import BrakeName
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.sdk.provider import PolicyReview
from keyplan.testing.bench import Bench, key, policy
from keyplan.testing.fake import FakePlugin

ROOT = key("key.root", "root", "wrap")
ABLE = frozenset({"somebody"})
OPEN, SEALED = policy("decrypt"), policy("encrypt")
Judge = Callable[[PolicyReview, PolicyReview], None]


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judge the policies that let somebody encrypt, and the others."""

    def judged(sealed: PolicyReview, others: PolicyReview) -> None:
        def answer(_: FakePlugin, document: Value, caller: str) -> PolicyReview:
            assert caller
            return sealed if "encrypt" in canonical_json(document) else others

        monkeypatch.setattr(FakePlugin, "review_policy", answer)

    return judged


def service(**more: Any) -> DesiredKey:
    return key("key.a", parent="key.root", **more)


OUT, IN = PolicyReview(ABLE, caller=False), PolicyReview(ABLE, caller=True)
NOBODY = PolicyReview(frozenset())


def test_only_such_a_policy_is_put_past_the_check_and_late(bench: Bench, judge: Judge) -> None:
    judge(OUT, IN)
    bench.converge(ROOT, service(policy=OPEN))
    plan = bench.plan(ROOT, service(policy=SEALED, aliases=["x"], description="new"))
    assert [bypasses(step.operation) for step in plan.steps] == [False, False, True]
    (last,) = plan.steps[-1:]
    assert isinstance(last.operation, PutPolicy)
    assert last.inverse.grade is Grade.UNPROVEN
    assert not any(bypasses(operation) for operation in last.inverse.operations)
    assert "without the service's check" in last.detail
    (finding,) = plan.findings
    assert (finding.rule, finding.level) == ("KP-LOCK-004", Severity.ERROR)
    assert "--allow lockout" in finding.advice
    (brake,) = plan.brakes
    assert (brake.name, brake.steps) == (BrakeName.LOCKOUT, (last.number,))
    assert "not for who applies" in plan.lockout
    assert read_plan(write_plan(plan)) == plan


def test_a_new_key_too(bench: Bench, judge: Judge) -> None:
    judge(OUT, IN)
    plan = bench.plan(ROOT, service(policy=SEALED))
    (made,) = [step for step in plan.steps if bypasses(step.operation)]
    assert isinstance(made.operation, CreateKey)
    assert made.inverse.residue.startswith("a suspended key")


@pytest.mark.parametrize("goes_on", [True, None])
def test_who_can_go_on_or_may_bypasses_nothing(
    bench: Bench, judge: Judge, goes_on: bool | None
) -> None:
    judge(PolicyReview(ABLE, caller=goes_on), IN)
    plan = bench.plan(ROOT, service(policy=SEALED))
    assert not any(bypasses(step.operation) for step in plan.steps)
    assert (plan.findings, plan.brakes) == ((), ())


def test_no_brake_lifts_that_nobody_could_repair_it(bench: Bench, judge: Judge) -> None:
    judge(PolicyReview(frozenset(), caller=False), IN)
    plan = bench.plan(ROOT, service(policy=SEALED))
    assert not any(bypasses(step.operation) for step in plan.steps)
    assert [finding.rule for finding in plan.findings] == ["KP-LOCK-001"]
    with pytest.raises(BlockedPlanError, match="KP-LOCK-001"):
        check_allowed(plan, [*BrakeName])


def test_that_the_policy_in_force_would_not_come_back_is_a_warning(
    bench: Bench, judge: Judge
) -> None:
    bench.converge(ROOT, service(policy=SEALED))
    judge(NOBODY, IN)
    plan = bench.plan(ROOT, service(policy=OPEN))
    assert [(item.rule, item.level) for item in plan.findings] == [
        ("KP-LOCK-006", Severity.WARNING)
    ]
    assert plan.applyable


def test_that_the_policy_in_force_is_out_of_reach_is_a_warning(bench: Bench, judge: Judge) -> None:
    bench.converge(ROOT, service(policy=SEALED))
    judge(OUT, IN)
    plan = bench.plan(ROOT, service(policy=OPEN))
    assert [(item.rule, item.level) for item in plan.findings] == [
        ("KP-LOCK-005", Severity.WARNING)
    ]
