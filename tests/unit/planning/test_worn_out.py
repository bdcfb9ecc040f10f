"""Rotations on demand that a key has left: few are warned of, too few are refused."""

from __future__ import annotations

import pytest

from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.inverses import NO_WAY_BACK
from keyplan.model.observations import ROTATIONS_LEFT, Observation
from keyplan.model.operations import Operation, RotateKey, SetAttribute
from keyplan.planning.performable import FEW_ROTATIONS, worn_out
from keyplan.plans.changes import Reason
from keyplan.plans.plan import Step
from keyplan.state.entries import Settlement

A = Address("key.a")


def _levels(left: int | None, *operations: Operation, chosen: Address = A) -> list[Severity]:
    attributes = {} if left is None else {ROTATIONS_LEFT: left}
    live = {A: Observation("a", {"state": "active", **attributes})}
    steps = [
        Step(number, A, "fake", item, NO_WAY_BACK, Settlement(), Reason.DECLARED, item.name)
        for number, item in enumerate(operations, 1)
    ]
    found = [*worn_out([chosen], live, steps)]
    assert all(item.rule == "KP-PLAN-023" and item.address == A for item in found)
    return [item.level for item in found]


def test_few_rotations_are_warned_of_also_when_none_is_planned() -> None:
    assert _levels(FEW_ROTATIONS) == [Severity.WARNING]
    assert _levels(0) == [Severity.WARNING]
    assert _levels(1, RotateKey(A, 2)) == [Severity.WARNING]


@pytest.mark.parametrize("left", [None, FEW_ROTATIONS + 1])
def test_many_and_unlimited_ones_are_not(left: int | None) -> None:
    assert _levels(left, RotateKey(A, 2)) == []


def test_more_than_are_left_are_refused() -> None:
    assert _levels(0, RotateKey(A, 2)) == [Severity.ERROR]
    assert _levels(1, RotateKey(A, 2), RotateKey(A, 3)) == [Severity.ERROR]
    assert _levels(0, SetAttribute(A, "description", "x", "y")) == [Severity.WARNING]


def test_keys_that_the_plan_does_not_look_at_are_left_out() -> None:
    assert _levels(0, chosen=Address("key.b")) == []
