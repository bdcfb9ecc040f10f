"""The postgres store keeps the contract of stores, on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.testing.store_contract import Expire, StoreContract, StoreFactory
from keyplan_state.lease_record import Clocks, steady
from keyplan_state.postgres import PostgresStore
from keyplan_state.postgres_target import PostgresSettings, resolve
from tests.support.postgres import PostgresServer

TTL = 60.0


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def ahead(self) -> list[float]:
        """How far the clock of this machine is ahead."""
        return [0.0]

    @pytest.fixture
    def make_store(self, postgres_url: str, ahead: list[float]) -> StoreFactory:
        settings = PostgresSettings.model_validate({"url": {"env": "URL"}, "stack": "payments"})
        clocks = Clocks(steady=lambda: steady() + ahead[0])
        target = resolve(settings, Path(), {"URL": postgres_url})
        return lambda: PostgresStore(target, ttl=TTL, clocks=clocks)

    @pytest.fixture
    def expire(
        self, postgres: PostgresServer, postgres_database: str, ahead: list[float]
    ) -> Expire:
        def expire() -> None:
            ahead[0] += TTL
            postgres.sql(
                "UPDATE keyplan.leases SET renewed = renewed - make_interval(secs => ttl)",
                postgres_database,
            )

        return expire
