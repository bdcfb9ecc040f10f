"""What a plan and a check say at their end is no better than what could be seen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import ChangeState, CreateAlias, CreateGrant, ScheduleDeletion
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.plans.drift import DriftReport
from keyplan.render.drift import DriftedKey, changed_lines, drift_headline
from keyplan.render.drift_document import drift_document
from keyplan.render.drift_report import drift_text, verdict
from keyplan.render.explain import Explainer
from keyplan.render.layout import wrap
from keyplan.render.text import plan_text
from keyplan.testing.bench import Bench, destroyable, key, policy

A = Address("key.a")


def some(**attributes: Any) -> Any:
    return key("key.a", "root", "wrap", **attributes)


def flat(text: str) -> str:
    return " ".join(text.split())


def report_of(bench: Bench, declared: Any) -> DriftReport:
    return bench.survey(bench.graph_of(declared)).report


# -- a deletion that somebody else scheduled -------------------------------------------------


@pytest.mark.parametrize("state", [None, "active"])
def test_a_rescue_says_whether_the_key_works_again(bench: Bench, state: str | None) -> None:
    declared = some(**({"state": state} if state else {}))
    bench.converge(declared)
    bench.behind(ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED))
    bench.behind(ScheduleDeletion(A, "7d"))
    text = flat(plan_text(bench.plan(declared)))
    stays = "this plan cancels that; it stays suspended: write `state: active` to enable it"
    assert "somebody scheduled the deletion of key.a" in text
    assert (stays in text) is (state is None)
    assert ("this plan cancels that and enables it" in text) is (state is not None)
    assert "deletion_at:" not in text
    bench.perform(bench.plan(declared))
    (last, *_) = verdict(report_of(bench, declared))
    assert ("as keyplan left" in last) is (state is not None)
    if state is None:
        assert last == "No drift, but key.a is suspended, and nobody can use it."


# -- what cannot be read ---------------------------------------------------------------------


def test_being_blind_for_what_was_applied_is_a_warning_and_said_at_the_end(bench: Bench) -> None:
    declared = some(policy=policy("decrypt"), description="a")
    bench.converge(declared)
    bench.plugin.service().forbidden |= {"policy", "description", "grants"}
    plan = bench.plan(declared)
    levels = {item.summary.partition(" ")[0]: item.level.value for item in plan.findings}
    assert levels == {"policy": "warning", "description": "warning", "grants": "note"}
    assert "as far as they could be read: 2 attributes could not." in flat(plan_text(plan))
    assert "No drift in what could be read." in flat(plan_text(plan))
    report = report_of(bench, declared)
    assert (report.unreadable, report.exit_code) == (2, 1)
    assert list(verdict(report)) == [
        "No drift in what was looked at.",
        "2 attributes could not be read, so nobody knows.",
    ]
    document = json.loads(json.dumps(drift_document(report)))
    assert (document["unreadable"], document["outcome"]) == (2, "unknown")


def test_nobody_knows_of_a_key_of_which_nothing_can_be_read(bench: Bench) -> None:
    bench.converge(some())
    report = replace(report_of(bench, some()), hidden=1)
    assert report.exit_code == 1
    assert drift_document(report)["outcome"] == "unknown"
    text = drift_text(report)
    assert "as keyplan left" not in text
    assert "Nothing of 1 key can be read, so nobody knows." in text


# -- the worst first -------------------------------------------------------------------------


def test_attention_names_what_widens_access_before_names(bench: Bench) -> None:
    bench.converge(some(deletion=destroyable()))
    terms = {"principal": ["who:stranger"], "operations": ["decrypt"], "context": {}}
    bench.behind(CreateAlias(A, "aaa"))
    bench.behind(CreateGrant(A, "zzz", terms))
    text = flat(plan_text(bench.plan(some(deletion=destroyable()))))
    assert "key.a: 2 attributes changed, access widened by grants and aliases;" in text


def test_only_what_is_of_the_worst_class_is_named() -> None:
    def item(path: str, kind: DriftKind) -> DriftItem:
        return DriftItem(A, "fake", path, "a", "b", kind, DriftResponse.LEAVE)

    found = DriftedKey(
        A, (item("policy", DriftKind.ACCESS_WIDENED), item("labels:x", DriftKind.METADATA))
    )
    assert drift_headline(found) == "key.a: 2 attributes changed, access widened by policy"


def test_a_grant_of_others_is_told_by_whom_it_serves() -> None:
    terms = {"principal": ["who:rds"], "operations": ["decrypt"], "context": {}}
    found = DriftItem(
        A, "f", f"grants:{'ab' * 32}", None, terms, DriftKind.ACCESS_WIDENED, DriftResponse.LEAVE
    )
    text = flat(" ".join(changed_lines(found, Explainer())))
    assert text.startswith("grants (none) -> who:rds may decrypt; id abab")
    named = replace(found, path="grants:batch")
    assert "batch: (none)" in flat(" ".join(changed_lines(named, Explainer())))


def test_a_document_in_one_line_breaks_at_its_commas() -> None:
    document = json.dumps(
        {"action": [f"kms:operation-{number}" for number in range(12)]}, separators=(",", ":")
    )
    lines = wrap(document, 40)
    assert "".join(lines) == document
    assert all(len(line) <= 40 for line in lines)
    assert all(line.endswith(",") for line in lines[:-1])
