"""What tests of a stack on AWS share: one strict double for a file, an empty one for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws_double import Identity
from tests.lifecycle.aws_world import AwsWorld, aws_world


@pytest.fixture(scope="module")
def shared() -> Iterator[AwsWorld]:
    with aws_world() as world:
        yield world


@pytest.fixture
def world(shared: AwsWorld) -> Iterator[AwsWorld]:
    shared.anew()
    yield shared
    shared.double.identities.default = Identity()
    shared.disconnect()
