"""The S3 store keeps the contract of stores, against moto's S3 over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from keyplan.testing.store_contract import Expire, StoreContract, StoreFactory
from keyplan_state.held_lease import HeldLease
from keyplan_state.lease_record import Clocks, steady
from keyplan_state.s3_store import S3Store
from tests.support.s3_server import S3Place, S3Server

TTL = 60.0


@dataclass
class Later:
    """Real time, and what was slept away."""

    ahead: float = 0.0
    leases: list[HeldLease] = field(default_factory=list)

    def now(self) -> float:
        return steady() + self.ahead

    def opened(self, place: S3Place) -> S3Store:
        clocks = Clocks(steady=self.now, sleep=lambda seconds: time.sleep(min(seconds, 0.02)))
        store = S3Store(place.objects(), ttl=TTL, clocks=clocks, prove_conditions=True)
        acquire = store.acquire

        def remembered(info, *, timeout=0.0):
            self.leases.append(acquire(info, timeout=timeout))
            return self.leases[-1]

        store.acquire = remembered
        return store


@pytest.fixture
def later() -> Iterator[Later]:
    later = Later()
    yield later
    for lease in later.leases:
        lease._stop.set()


class TestS3Store(StoreContract):
    @pytest.fixture
    def make_store(self, s3_place: S3Place, later: Later) -> StoreFactory:
        return lambda: later.opened(s3_place)

    @pytest.fixture
    def expire(self, later: Later) -> Expire:
        def expire() -> None:
            later.ahead += TTL

        return expire


def test_server_is_on_this_machine(s3_server: S3Server) -> None:
    assert s3_server.url.startswith("http://127.0.0.1:")
