"""Metrics of a check for drift: what a scraper reads, and what a failure leaves of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from keyplan.plans.changes import DriftKind
from keyplan.plans.drift import Stray
from keyplan.render.metrics import drift_metrics, failed_metrics
from tests.support.exposition import read_exposition
from tests.unit.render.test_drift_report import entry, report

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
NAMES = ["demo", 'a"b\\c\nd', "\\n", "{x}", 'a",b="c']


def of(stack: str) -> tuple[tuple[str, str], ...]:
    return (("stack", stack),)


@pytest.mark.parametrize("stack", NAMES)
def test_there_is_a_sample_for_each_class_of_each_provider(stack: str) -> None:
    one = report(entry(), stack=stack, strays=(Stray("fake", "id-9"),), providers=("fake", "more"))
    found = read_exposition(drift_metrics(one, seconds=1.5))
    items = {labels: value for (name, labels), value in found.items() if name.endswith("_items")}
    assert len(items) == 2 * len(DriftKind)
    drifted = {dict(labels)["kind"]: value for labels, value in items.items() if value}
    assert drifted == {"metadata": 1, "unmanaged": 1}
    rest = {name: value for (name, labels), value in found.items() if labels == of(stack)}
    assert rest == {
        "keyplan_drift_keys": 1,
        "keyplan_drift_unreadable": 0,
        "keyplan_drift_hidden_keys": 0,
        "keyplan_keys": 5,
        "keyplan_drift_last_run_success": 1,
        "keyplan_drift_last_run_timestamp_seconds": NOON.timestamp(),
        "keyplan_drift_last_run_duration_seconds": 1.5,
        "keyplan_drift_last_success_timestamp_seconds": NOON.timestamp(),
    }


@pytest.mark.parametrize("stack", NAMES)
@pytest.mark.parametrize("known", [True, False])
def test_a_failure_keeps_the_last_success_and_no_figure(stack: str, known: bool) -> None:
    text = drift_metrics(report(entry(), stack=stack), seconds=1)
    for _ in range(2):
        text = failed_metrics(stack if known else None, text, LATER)
        assert read_exposition(text) == {
            ("keyplan_drift_last_run_success", of(stack)): 0,
            ("keyplan_drift_last_run_timestamp_seconds", of(stack)): LATER.timestamp(),
            ("keyplan_drift_last_success_timestamp_seconds", of(stack)): NOON.timestamp(),
        }


def test_a_check_that_could_not_see_everything_is_no_success() -> None:
    before = drift_metrics(report(), seconds=1)
    blind = replace(report(entry()), hidden=1, now=LATER)
    found = {
        name: value
        for (name, _), value in read_exposition(
            drift_metrics(blind, seconds=1, before=before)
        ).items()
    }
    assert found["keyplan_drift_keys"] == 1
    assert found["keyplan_drift_last_run_success"] == 0
    assert found["keyplan_drift_last_run_timestamp_seconds"] == LATER.timestamp()
    assert found["keyplan_drift_last_success_timestamp_seconds"] == NOON.timestamp()


@pytest.mark.parametrize("before", ["", "no metrics\n", "\udcff{"])
def test_a_first_failure_has_no_success_to_keep(before: str) -> None:
    found = read_exposition(failed_metrics(None, before, LATER))
    assert ("keyplan_drift_last_run_success", of("")) in found
    assert not any("last_success" in name for name, _ in found)
