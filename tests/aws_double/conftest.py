"""A double for each test, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws_double import KmsDouble, ManualClock

Refused = Callable[[str], AbstractContextManager[Any]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def double(clock: ManualClock) -> Iterator[KmsDouble]:
    with KmsDouble(clock=clock) as double:
        yield double


@pytest.fixture
def kms(double: KmsDouble) -> Any:
    return double.client()


@pytest.fixture
def key(kms: Any) -> str:
    """The ARN of a symmetric key."""
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def refused() -> Refused:
    """`with refused("NotFoundException"):` the call in it is answered with this code."""

    @contextmanager
    def context(code: str) -> Iterator[Any]:
        with pytest.raises(ClientError) as caught:
            yield caught
        assert caught.value.response["Error"]["Code"] == code

    return context
