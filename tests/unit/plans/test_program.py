"""The program in a journal does what the plan does, and nothing is in it only to be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from keyplan.errors import JournalError
from keyplan.plans.plan import Plan
from keyplan.plans.program import read_program, write_program
from keyplan.testing.bench import Bench, key, policy
from keyplan.testing.stack_spec import StackSpec
from keyplan.testing.strategies import stacks

TOLD = {"changes", "drift", "access", "findings", "due"}


def _read(plan: Plan) -> Plan:
    document = json.loads(json.dumps(write_program(plan)))
    return read_program(document, run="run-1", checksum=plan.checksum)


@settings(max_examples=30, deadline=None)
@given(stack=stacks())
def test_what_is_performed_comes_back_as_it_was(stack: StackSpec) -> None:
    plan = Bench().plan_graph(stack.graph())
    read = _read(plan)
    for name in set(vars(plan)) - TOLD - {"checksum"}:
        assert getattr(read, name) == getattr(plan, name), name
    assert read.counts == plan.counts
    assert [(item.address, item.steps) for item in read.changes] == [
        (item.address, item.steps) for item in plan.changes
    ]


def test_what_is_only_for_reading_is_left_out() -> None:
    plan = Bench().plan(key("key.a", "root", "wrap", policy=policy("decrypt")))
    assert plan.access
    read = _read(plan)
    assert (read.access, read.drift, read.findings, read.due) == ((), (), (), ())
    assert len(json.dumps(write_program(plan))) < 6_000


@pytest.mark.parametrize(
    "document", [{}, {"steps": 5}, None], ids=["empty", "mistyped", "another plan"]
)
def test_another_program_is_refused(document: dict[str, object] | None) -> None:
    plan = Bench().plan(key("key.a", "root", "wrap"))
    other = Bench().plan(key("key.b", "root", "wrap"))
    found = write_program(other) if document is None else document
    with pytest.raises(JournalError, match="cannot be read") as caught:
        read_program(found, run="run-1", checksum=plan.checksum)
    assert caught.value.target == "run-1"
    assert "keyplan plan" in caught.value.advice
