"""The store in memory keeps the contract of stores, so that tests on it mean something."""

from __future__ import annotations

import pytest

from keyplan.testing.memory_store import Medium, MemoryStore
from keyplan.testing.store_contract import Expire, StoreContract, StoreFactory, Tear


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def medium(self) -> Medium:
        return Medium()

    @pytest.fixture
    def make_store(self, medium: Medium) -> StoreFactory:
        return lambda: MemoryStore(medium)

    @pytest.fixture
    def tear(self, medium: Medium) -> Tear:
        def tear(log: str, content: bytes) -> None:
            medium.logs[log] += content

        return tear


class TestMemoryStoreWithLeasesThatEnd(TestMemoryStore):
    """The same where a lease ends unless its holder renews it."""

    @pytest.fixture
    def now(self) -> list[float]:
        return [100.0]

    @pytest.fixture
    def make_store(self, medium: Medium, now: list[float]) -> StoreFactory:
        return lambda: MemoryStore(medium, lease_ttl=60.0, monotonic=lambda: now[0])

    @pytest.fixture
    def expire(self, now: list[float]) -> Expire:
        def expire() -> None:
            now[0] += 60.0

        return expire
