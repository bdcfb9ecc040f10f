from __future__ import annotations

import pytest

from keyplan.applying.order import Order
from keyplan.errors import PlanFileError
from keyplan.model.address import Address
from keyplan.model.inverses import NO_WAY_BACK, Grade, Inverse
from keyplan.model.operations import DestroyKey
from keyplan.plans.changes import Reason
from keyplan.plans.plan import Step
from keyplan.state.entries import Settlement


def _step(number: int, name: str, *after: int, final: bool = False) -> Step:
    address = Address(f"key.{name}")
    return Step(
        number=number,
        address=address,
        provider="fake",
        operation=DestroyKey(address),
        inverse=NO_WAY_BACK if final else Inverse(Grade.EXACT),
        settlement=Settlement(),
        reason=Reason.DECLARED,
        call="",
        depends_on=after,
    )


def _numbers(order: Order) -> list[int]:
    return [step.number for step in order.take()]


def test_a_step_is_ready_when_all_it_needs_has_succeeded() -> None:
    order = Order([_step(1, "a"), _step(2, "b"), _step(3, "c", 1, 2), _step(4, "d", 3)])
    assert _numbers(order) == [1, 2]
    assert _numbers(order) == []
    order.succeeded(2)
    assert _numbers(order) == []
    order.succeeded(1)
    assert _numbers(order) == [3]
    order.succeeded(3)
    assert _numbers(order) == [4]


def test_steps_on_one_key_follow_each_other() -> None:
    order = Order([_step(1, "a"), _step(2, "a"), _step(3, "a", 1)])
    assert _numbers(order) == [1]
    order.succeeded(1)
    assert _numbers(order) == [2]
    order.succeeded(2)
    assert _numbers(order) == [3]


def test_what_has_no_way_back_waits_for_everything_else() -> None:
    order = Order([_step(1, "a", final=True), _step(2, "b"), _step(3, "c", 2), _step(4, "d", 1)])
    assert _numbers(order) == [2]
    order.succeeded(2)
    assert _numbers(order) == [3]
    order.succeeded(3)
    assert _numbers(order) == [1]
    order.succeeded(1)
    assert _numbers(order) == [4]


def test_nothing_but_final_steps_need_not_wait() -> None:
    order = Order([_step(1, "a", final=True), _step(2, "b", 1, final=True)])
    assert _numbers(order) == [1]
    order.succeeded(1)
    assert _numbers(order) == [2]


def test_everything_behind_a_step_is_found() -> None:
    order = Order(
        [_step(1, "a"), _step(2, "b", 1), _step(3, "c", 2), _step(4, "d"), _step(5, "e", 4)]
    )
    assert order.behind([1]) == {2: 1, 3: 1}
    assert order.behind([]) == {}


@pytest.mark.parametrize("after", [2, 3, 99])
def test_a_step_cannot_wait_for_what_comes_later(after: int) -> None:
    with pytest.raises(PlanFileError, match="step 2 depends on"):
        Order([_step(1, "a"), _step(2, "b", after), _step(3, "c")])


def test_a_long_chain_and_a_wide_fan_are_linear() -> None:
    size = 50_000
    order = Order([_step(1, "k0"), *(_step(n, f"k{n}", n - 1) for n in range(2, size))])
    for number in range(1, size):
        assert _numbers(order) == [number]
        order.succeeded(number)
    fan = Order([_step(1, "k0"), *(_step(n, f"k{n}", 1) for n in range(2, size))])
    assert _numbers(fan) == [1]
    fan.succeeded(1)
    assert len(fan.take()) == size - 2
    assert len(order.behind([1])) == size - 2


def test_what_a_run_has_done_before_is_not_on_its_way() -> None:
    steps = [
        _step(1, "a"),
        _step(2, "b", final=True),
        _step(3, "c", 1),
        _step(4, "d", 2),
        _step(5, "e"),
        _step(6, "f", final=True),
    ]
    order = Order(steps, done={1, 2, 5})
    assert _numbers(order) == [3]
    order.succeeded(3)
    assert _numbers(order) == [4, 6]
    assert _numbers(Order(steps, done=range(1, 7))) == []
