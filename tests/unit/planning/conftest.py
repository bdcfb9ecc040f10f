"""Every planning test has a world of its own."""

from __future__ import annotations

import pytest

from keyplan.testing.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()
