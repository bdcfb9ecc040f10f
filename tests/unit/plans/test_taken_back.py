"""Every step that a failed run had done is undone, or named with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keyplan.model.inverses import Grade
from keyplan.model.operations import CreateKey
from keyplan.plans.plan import Counts, Step
from keyplan.plans.reports import ApplyReport, StepResult, StepStatus
from keyplan.plans.taken_back import not_undone
from keyplan.render.taken_back import taken_back_text
from tests.golden import samples

STEPS = samples.small_create().steps


def report(steps: Sequence[Step], status: StepStatus = StepStatus.SUCCEEDED) -> ApplyReport:
    results = tuple(StepResult(step, status, message="access denied") for step in steps)
    return ApplyReport(run="r", results=results, counts=Counts(), serial=1)


def way_back(*steps: Step) -> tuple[Step, ...]:
    """The first inverse of each, as a rollback performs it."""
    return tuple(replace(step, operation=step.inverse.operations[0]) for step in steps)


def test_what_was_done_to_a_key_that_stays_is_named() -> None:
    made = [step for step in STEPS if isinstance(step.operation, CreateKey)]
    left = not_undone(report(STEPS), report(way_back(*made)))
    others = [step for step in STEPS if step not in made]
    assert others
    assert [item.step for item in left] == others
    assert {item.why for item in left} == {
        "the run made this key, which is kept as it was made, suspended"
    }


def test_the_same_change_made_twice_is_undone_twice_or_named() -> None:
    twice = [STEPS[-1], replace(STEPS[-1], number=99)]
    (left,) = not_undone(report(twice), report(way_back(STEPS[-1])))
    assert left.step.number == STEPS[-1].number


def test_a_step_without_a_way_back_and_one_that_failed_are_named_once() -> None:
    first, last = STEPS[0], STEPS[-1]
    none = replace(last, inverse=replace(last.inverse, grade=Grade.NONE, operations=()))
    back = report(way_back(first), StepStatus.FAILED)
    left = not_undone(report([first, none]), back)
    assert [item.why for item in left] == ["access denied", "it has no way back"]
    text = taken_back_text(report([first, none]), back)
    assert "Undone: nothing" in text
    assert "Not undone: 2 steps" in text
    assert f"{none.call} {none.address}: it has no way back" in " ".join(text.split())


def test_nothing_is_left_of_what_was_undone_whole() -> None:
    done = report(STEPS)
    back = report(way_back(*reversed([step for step in STEPS if step.inverse.operations])))
    left = not_undone(done, back)
    assert [item.step for item in left] == [step for step in STEPS if not step.inverse.operations]
