"""An `Api` over stubbed clients: what a test expects has been asked in the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keyplan.testing.clock import ManualClock
from keyplan_aws.api import Api
from keyplan_aws.pacing import Pace
from tests.wire.stubs import Wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.settled()


@pytest.fixture
def api(wire: Wire) -> Api:
    clock = ManualClock()
    return Api(wire, Pace({}, clock), clock)  # type: ignore[arg-type]
