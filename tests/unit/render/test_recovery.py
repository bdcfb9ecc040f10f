"""What `resume` says: how each step was decided, and what it did then."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from keyplan.model.address import Address
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.operations import CreateAlias
from keyplan.plans.plan import Counts
from keyplan.plans.recovery import Fate, RecoveredStep, RecoveryReport
from keyplan.plans.reports import ApplyReport
from keyplan.render.events import Events
from keyplan.render.recovery import recovery_text
from keyplan.state.entries import Settlement


def _step(fate: Fate) -> RecoveredStep:
    operation = CreateAlias(Address("key.a"), "acme/a")
    return RecoveredStep(7, "fake", operation, Inverse(Grade.EXACT), Settlement(), fate, "why so")


def _report(**more: object) -> RecoveryReport:
    return RecoveryReport(**{"run": "run-1", "closed": True, "serial": 3, **more})  # type: ignore[arg-type]


def _applied() -> ApplyReport:
    return ApplyReport(run="run-1", results=(), counts=Counts(add=2), serial=3)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (_report(finished=_applied()), "Resume complete! Resources: 2 added"),
        (_report(stopped="key.a: it moved"), "The rest of the run was not done. key.a: it moved."),
        (_report(begun=False), "Nothing of it was begun."),
        (_report(steps=(_step(Fate.DONE),)), "step 7, create alias key.a: was done"),
        (
            _report(closed=False, steps=(_step(Fate.UNDECIDABLE),)),
            "or keyplan rollback to take the run back",
        ),
    ],
)
def test_the_end_of_a_run_is_said(report: RecoveryReport, words: str) -> None:
    text = " ".join(recovery_text(report).split())
    assert words in text
    assert ("Next: keyplan plan" in text) is (report.closed and report.finished is None)


def test_events_say_the_same() -> None:
    events = Events(lambda: datetime(2027, 1, 1, tzinfo=UTC))
    report = _report(finished=_applied(), steps=(_step(Fate.NOT_DONE),))
    found = [json.loads(line) for line in events.recovery(report)]
    assert [item["type"] for item in found] == [
        "resume_step",
        "change_summary",
        "outputs",
        "resume_complete",
    ]
    assert found[1]["changes"]["operation"] == "resume"
    assert found[-1]["finished"] is True
    (end,) = [json.loads(line) for line in events.recovery(_report(stopped="it moved"))]
    assert (end["finished"], end["stopped"], end["closed"]) == (False, "it moved", True)
