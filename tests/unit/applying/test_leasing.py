"""When a lease is looked at again: time in which the machine slept counts."""

from __future__ import annotations

import pytest

from keyplan.applying.leasing import LeaseWatch
from keyplan.errors import BusyError, StoreError
from keyplan.session.clock import SYSTEM_CLOCK, SystemClock


class Sleeping(SystemClock):
    """A machine that slept for so many seconds: its monotonic clock stood still meanwhile."""

    slept = 0.0

    def monotonic(self) -> float:
        return 1000.0

    def steady(self) -> float:
        return 1000.0 + self.slept


def test_a_lease_is_looked_at_after_the_machine_slept() -> None:
    clock, looks = Sleeping(), []

    def lost() -> None:
        looks.append(clock.slept)
        raise BusyError("the lease was lost")

    watch = LeaseWatch(lost, clock)
    watch.require(within=5.0)
    clock.slept = 60.0
    with pytest.raises(BusyError):
        watch.require(within=5.0)
    assert looks == [60.0]


def test_a_service_that_does_not_answer_proves_nothing() -> None:
    clock = Sleeping()

    def silent() -> None:
        raise StoreError("no answer")

    watch = LeaseWatch(silent, clock)
    clock.slept = 60.0
    watch.require(within=5.0)


def test_the_machines_steady_clock_goes_on() -> None:
    first = SYSTEM_CLOCK.steady()
    assert SYSTEM_CLOCK.steady() >= first > 0.0
