"""Lands for the crash tests: a provider, a store, their servers, and a forge of processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.places import Land
from tests.crash.processes import Forge
from tests.support.aws_mock import aws_mock
from tests.support.s3_fixtures import CREDENTIALS

MakeLand = Callable[[str, str], Land]


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """One for the whole test process: it takes a second to start."""
    with Forge() as forge:
        yield forge


@pytest.fixture
def land(request: pytest.FixtureRequest, tmp_path: Path, forge: Forge) -> Iterator[MakeLand]:
    """`land("aws", "s3")`: servers are started as they are needed, and stopped at the end."""
    with ExitStack() as running:

        def make(provider: str, kind: str) -> Land:
            environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **CREDENTIALS}
            if provider == "aws":
                environment |= running.enter_context(aws_mock())
            place = None
            if kind == "s3":
                place = request.getfixturevalue("s3_place")
            if kind == "postgres":
                environment["KEYPLAN_STATE_URL"] = request.getfixturevalue("postgres_url")
            return Land(provider, kind, forge, tmp_path, environment, place)

        yield make
