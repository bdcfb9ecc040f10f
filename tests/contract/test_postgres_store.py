"""The postgres store keeps the contract of stores, on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.testing.store_contract import StoreContract
from keyplan_state.postgres import STORE, PostgresStore


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path, postgres_url: str):
        settings = STORE.settings_model.model_validate(
            {"url": {"env": "STATE_URL"}, "stack": "payments"}
        )

        def make() -> PostgresStore:
            return STORE.open(settings, stack=tmp_path, environment={"STATE_URL": postgres_url})

        return make
