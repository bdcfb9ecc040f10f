"""The end of an apply, and its event stream."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from keyplan.errors import BusyError, DeniedError
from keyplan.plans.plan import Counts
from keyplan.plans.reports import ApplyEvent, ApplyReport, EventKind, StepResult, StepStatus
from keyplan.render.errors import error_record
from keyplan.render.events import Events
from keyplan.render.report import apply_text
from tests.golden import samples
from tests.golden.samples import NOW

STEPS = samples.small_create().steps
DONE = ApplyReport(
    run="r-1",
    results=tuple(StepResult(step, StepStatus.SUCCEEDED) for step in STEPS),
    counts=Counts(add=3),
    serial=1,
    outputs={"arn": "arn:x"},
    seconds=2.04,
)
FAILED = replace(
    DONE,
    results=(
        *DONE.results[:3],
        StepResult(STEPS[3], StepStatus.FAILED, "denied", "access denied", "Ask for kms:X."),
        StepResult(STEPS[4], StepStatus.SKIPPED),
    ),
    counts=Counts(add=2),
)


def _clock() -> datetime:
    return NOW


def test_success_is_one_line_in_terraforms_words() -> None:
    text = apply_text(DONE)
    assert text.startswith("Apply complete! Resources: 3 added, 0 changed, 0 destroyed.\n")
    assert "State serial 1, 2.0 s." in text
    assert "arn =" in text


def test_a_failure_names_the_step_the_reason_and_what_next() -> None:
    text = apply_text(FAILED)
    assert "failed: step 4, EnableKeyRotation on key.payments" in text
    assert "  access denied\n  Ask for kms:X.\n" in text
    assert "1 step not attempted." in text
    assert "Apply incomplete: 2 added, 0 changed, 0 destroyed." in text
    assert "complete!" not in text


def test_an_open_run_names_the_command_that_closes_it() -> None:
    report = replace(
        DONE,
        results=(StepResult(STEPS[0], StepStatus.UNDECIDED, "outcome_unknown", "lost"),),
        open_run="r-1",
    )
    text = apply_text(report)
    assert "UNDECIDED: step 1" in text
    assert text.endswith("Next: keyplan resume\n")
    assert "State serial 1, as before" in text
    interrupted = apply_text(replace(report, interrupted=True))
    assert "Interrupted: nothing more was begun; what one call did is not known yet." in interrupted
    assert "the state is saved" not in interrupted


def test_an_interrupted_apply_says_that_the_state_is_saved() -> None:
    text = apply_text(replace(DONE, interrupted=True))
    assert "Interrupted: what was in flight was finished, the state is saved." in text
    assert text.endswith("Next: keyplan plan\n")


def _lines(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


def test_every_event_has_the_common_fields() -> None:
    events = Events(_clock)
    plan_lines = _lines([events.version("0.1.0"), *events.plan(samples.risky())])
    assert plan_lines[0]["type"] == "version"
    assert plan_lines[0]["ui"] == "1.2"
    for line in plan_lines:
        assert {"@level", "@message", "@module", "@timestamp", "type"} <= line.keys()
        assert line["@timestamp"] == "2026-11-22T13:42:07Z"


def test_a_plan_streams_drift_changes_findings_and_counts() -> None:
    lines = _lines(list(Events(_clock).plan(samples.risky())))
    kinds = [line["type"] for line in lines]
    assert kinds.count("resource_drift") == 1
    assert kinds.count("planned_change") == 4
    assert kinds.count("diagnostic") == 3
    summary = next(line for line in lines if line["type"] == "change_summary")
    assert summary["changes"] == {
        "add": 0, "change": 4, "import": 0, "remove": 0, "forget": 0, "operation": "plan",
    }  # fmt: skip


def test_a_refresh_streams_no_planned_change() -> None:
    lines = _lines(list(Events(_clock).plan(samples.refresh_only())))
    assert "planned_change" not in [line["type"] for line in lines]


def test_apply_events_carry_resource_action_and_progress() -> None:
    error = DeniedError(
        "it is not allowed",
        target="key.root",
        why="The permission x is missing.",
        advice="Allow x.",
        operation="CreateKey",
        request_id="r-1",
    )
    event = ApplyEvent(EventKind.ERRORED, STEPS[0], 1, 5, 0.5, error, "access denied")
    (line,) = _lines([Events(_clock).apply_event(event)])
    assert (line["type"], line["@level"]) == ("apply_errored", "error")
    hook = line["hook"]
    assert isinstance(hook, dict)
    assert hook["action"] == "create"
    assert hook["resource"]["addr"] == "key.root"
    assert hook["error"] == error_record(error)
    assert hook["error"]["request_id"] == "r-1"


def test_an_error_is_a_diagnostic_with_its_class() -> None:
    (line,) = _lines(list(Events(_clock).error(BusyError("the state is locked"))))
    assert line["type"] == "diagnostic"
    assert line["error"]["class"] == "busy"  # type: ignore[index]


def test_the_report_ends_with_counts_and_outputs() -> None:
    lines = _lines(list(Events(_clock).report(DONE)))
    assert [line["type"] for line in lines] == ["change_summary", "outputs"]
    assert lines[0]["@message"] == "Apply complete! Resources: 3 added, 0 changed, 0 destroyed."
    outputs = lines[1]["outputs"]
    assert outputs == {"arn": {"sensitive": False, "type": "string", "value": "arn:x"}}
