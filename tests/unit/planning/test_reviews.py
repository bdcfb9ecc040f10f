"""What a provider says about its own policies decides about the plan, and is said once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keyplan.diagnostics import Severity
from keyplan.graph.resources import ResourceGraph
from keyplan.model.stack import Stack
from keyplan.model.values import Value
from keyplan.rules.capability import check_policies
from keyplan.sdk.provider import PolicyProblem, PolicyReview
from keyplan.testing.bench import Bench, key, policy
from keyplan.testing.fake import FakePlugin, fake_plugin

ROOT = key("key.root", "root", "wrap")
A, B = (key(f"key.{name}", parent="key.root", policy=policy("decrypt")) for name in "ab")
ABLE = frozenset({"somebody"})


def judge(monkeypatch: pytest.MonkeyPatch, review: PolicyReview) -> list[tuple[Value, str]]:
    """Let every policy be judged so; returns what was asked."""
    asked: list[tuple[Value, str]] = []

    def answer(_: FakePlugin, document: Value, caller: str) -> PolicyReview:
        asked.append((document, caller))
        return review

    monkeypatch.setattr(FakePlugin, "review_policy", answer)
    return asked


def problem(level: Severity) -> PolicyProblem:
    return PolicyProblem("KP-LOCK-002", level, "it is odd", "ask")


def test_one_finding_for_all_keys_that_share_a_policy(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = judge(monkeypatch, PolicyReview(ABLE, (problem(Severity.WARNING),)))
    plan = bench.plan(ROOT, A, B)
    (finding,) = plan.findings
    assert finding.summary == "the policy of key.a and 1 more: it is odd"
    assert not plan.errored
    assert plan.lockout.endswith("somebody can always administer.")
    ((document, caller),) = asked
    assert document is not None
    assert caller == plan.identities["fake"].principal


@pytest.mark.parametrize(
    ("review", "rule"),
    [
        (PolicyReview(ABLE, (problem(Severity.ERROR),)), "KP-LOCK-002"),
        (PolicyReview(frozenset()), "KP-LOCK-001"),
    ],
)
def test_a_policy_that_is_refused_refuses_the_plan(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, review: PolicyReview, rule: str
) -> None:
    judge(monkeypatch, review)
    plan = bench.plan(ROOT, A)
    assert plan.errored
    assert rule in {finding.rule for finding in plan.findings}
    assert ("FAILED" in plan.lockout) is (rule == "KP-LOCK-001")


def test_a_policy_that_does_not_change_is_not_judged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.converge(ROOT, A)
    asked = judge(monkeypatch, PolicyReview(frozenset()))
    assert bench.plan(ROOT, A).findings == ()
    assert asked == []


def test_of_a_policy_that_is_only_looked_at_what_lasts_is_said_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [replace(item, policy=None) for item in (A, B)]
    bench.converge(ROOT, A, B)
    lasting = replace(problem(Severity.WARNING), lasting=True)
    judge(monkeypatch, PolicyReview(ABLE, (lasting, problem(Severity.ERROR))))
    plan = bench.plan(ROOT, *kept)
    (finding,) = [item for item in plan.findings if item.rule == "KP-LOCK-002"]
    assert finding.summary == "the policy of key.a and 1 more: it is odd"
    assert not plan.errored


def test_a_policy_that_is_only_looked_at_and_that_nobody_holds_is_a_warning(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.converge(ROOT, A)
    judge(monkeypatch, PolicyReview(frozenset()))
    for looked_at in (replace(A, policy=None), replace(A, keep_policy=True)):
        plan = bench.plan(ROOT, looked_at)
        (finding,) = [item for item in plan.findings if item.rule.startswith("KP-LOCK")]
        assert (finding.rule, finding.level) == ("KP-LOCK-003", Severity.WARNING)
        assert not plan.errored


@pytest.mark.parametrize(("level", "found"), [(Severity.ERROR, 1), (Severity.WARNING, 0)])
def test_what_nobody_could_apply_is_found_offline(
    monkeypatch: pytest.MonkeyPatch, level: Severity, found: int
) -> None:
    asked = judge(monkeypatch, PolicyReview(ABLE, (problem(level),)))
    graph: Any = ResourceGraph(Stack("s"), keys={A.address: A})
    assert len(check_policies(graph, {"fake": fake_plugin()})) == found
    assert [caller for _, caller in asked] == [""]
