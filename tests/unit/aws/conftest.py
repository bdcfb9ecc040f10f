"""A connection to a strict double, with a clock that never waits, and keys to work on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keyplan.model.address import Address
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.operations import CreateKey, RemoteOperation
from keyplan.model.values import Value
from keyplan.sdk.provider import OpenContext
from keyplan.testing.clock import DAWN, ManualClock
from keyplan_aws.opening import open_provider
from keyplan_aws.provider import AwsProvider
from keyplan_aws.settings import AwsSettings
from tests.aws_double import KmsDouble

KEY = Address("key.payments")
OTHER = Address("key.other")


class Bench:
    """One connection to a double, and the ids of the keys made with it."""

    def __init__(self, double: KmsDouble, provider: AwsProvider, clock: ManualClock) -> None:
        self.double = double
        self.provider = provider
        self.clock = clock
        self.ids: dict[Address, str] = {}

    @staticmethod
    def creation(
        target: Address = KEY,
        *,
        usage: str = "encrypt",
        algorithm: str = "aes-256",
        **attributes: Value,
    ) -> CreateKey:
        """A create with a token of its own."""
        owner = OwnerMark("stack-1", uuid.uuid4().hex)
        return CreateKey(target, owner, usage, algorithm, None, None, attributes)

    def create(self, target: Address = KEY, **more: object) -> str:
        """A new key; its id."""
        return self.do(self.creation(target, **more))  # type: ignore[arg-type]

    def do(self, operation: RemoteOperation) -> str:
        """Perform an operation."""
        outcome = self.provider.execute(operation, self.ids, deadline=60.0)
        self.ids[operation.target] = outcome.id
        return outcome.id

    def look(self, target: Address = KEY) -> Observation:
        """The key as it is read."""
        return self.provider.read([self.ids[target]])[self.ids[target]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[KmsDouble]:
    with KmsDouble(regions=("eu-west-1", "eu-central-1")) as double:
        for name, value in double.environment().items():
            monkeypatch.setenv(name, value)
        yield double


@pytest.fixture
def connect(
    double: KmsDouble, clock: ManualClock, tmp_path: Path
) -> Iterator[Callable[..., AwsProvider]]:
    opened: list[AwsProvider] = []

    def connect(**settings: object) -> AwsProvider:
        wanted = AwsSettings.model_validate(
            {"region": "eu-west-1", "endpoint_url": double.endpoint_url} | settings
        )
        opened.append(open_provider(wanted, OpenContext(tmp_path, DAWN), clock=clock))
        return opened[-1]

    yield connect
    for provider in opened:
        provider.close()


@pytest.fixture
def bench(double: KmsDouble, connect: Callable[..., AwsProvider], clock: ManualClock) -> Bench:
    return Bench(double, connect(), clock)
