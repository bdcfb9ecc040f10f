from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.errors import (
    DeniedError,
    OutcomeUnknownError,
    ThrottledError,
    TransientError,
)
from keyplan.session.retry import RetryPolicy, with_retries
from keyplan.testing.clock import ManualClock


def _failing(*errors: Exception) -> Callable[[], str]:
    waiting = list(errors)

    def call() -> str:
        if waiting:
            raise waiting.pop(0)
        return "done"

    return call


def _run(call: Callable[[], str], clock: ManualClock, **options: object) -> str:
    settings: dict[str, object] = {
        "policy": RetryPolicy(),
        "until": 60.0,
        "random": lambda: 1.0,
        **options,
    }
    return with_retries(call, clock=clock, **settings)  # type: ignore[arg-type]


def test_waits_grow_exponentially_up_to_the_cap() -> None:
    clock = ManualClock()
    policy = RetryPolicy(attempts=8, base=1.0, cap=6.0)
    assert _run(_failing(*[TransientError("busy")] * 5), clock, policy=policy) == "done"
    assert clock.slept == (1.0, 2.0, 4.0, 6.0, 6.0)


def test_jitter_is_full() -> None:
    clock = ManualClock()
    chances = iter([0.0, 0.5, 0.25])
    _run(
        _failing(*[TransientError("busy")] * 3),
        clock,
        policy=RetryPolicy(base=1.0),
        random=lambda: next(chances),
    )
    assert clock.slept == (0.0, 1.0, 1.0)


def test_what_the_service_asks_for_is_waited_at_least() -> None:
    clock = ManualClock()
    told: list[None] = []
    _run(
        _failing(ThrottledError("slow down", retry_after=7.5), TransientError("busy")),
        clock,
        random=lambda: 0.0,
        throttled=lambda: told.append(None),
    )
    assert clock.slept == (7.5, 0.0)
    assert len(told) == 1


def test_no_wait_begins_that_would_end_after_the_deadline() -> None:
    clock = ManualClock()
    asked = ThrottledError("slow down", retry_after=61)
    with pytest.raises(ThrottledError) as caught:
        _run(_failing(asked), clock)
    assert caught.value is asked
    assert clock.slept == ()


def test_tries_are_used_up() -> None:
    clock = ManualClock()
    with pytest.raises(TransientError):
        _run(_failing(*[TransientError("busy")] * 3), clock, policy=RetryPolicy(attempts=3))
    assert len(clock.slept) == 2


@pytest.mark.parametrize("error", [OutcomeUnknownError("lost"), DeniedError("no"), ValueError()])
def test_nothing_else_is_tried_again(error: Exception) -> None:
    clock = ManualClock()
    with pytest.raises(type(error)):
        _run(_failing(error), clock)
    assert clock.slept == ()


@given(attempt=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_any_wait_is_bounded(attempt: int, chance: float) -> None:
    assert 0 <= RetryPolicy(cap=20).wait(attempt, None, lambda: chance) <= 20
