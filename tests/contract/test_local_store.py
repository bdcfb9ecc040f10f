"""The local store keeps the contract of stores, and a file's worth more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keyplan.testing.store_contract import StoreContract
from keyplan_state.local import STORE


class TestLocalStore(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path):
        return lambda: STORE.open(STORE.settings_model(), stack=tmp_path, environment={})

    @pytest.fixture
    def tear(self, tmp_path: Path):
        def tear(log: str, content: bytes) -> None:
            with (tmp_path / ".keyplan" / "journal" / f"{log}.jsonl").open("ab") as file:
                file.write(content)

        return tear


class TestLocalStoreInAFolder(TestLocalStore):
    """The same in a folder that is only made at the first write, with another umask."""

    @pytest.fixture(autouse=True)
    def open_umask(self):
        before = os.umask(0)
        yield
        os.umask(before)

    @pytest.fixture
    def make_store(self, tmp_path: Path):
        settings = STORE.settings_model(path="states/prod.json")
        return lambda: STORE.open(settings, stack=tmp_path, environment={})

    @pytest.fixture
    def tear(self, tmp_path: Path):
        def tear(log: str, content: bytes) -> None:
            path = tmp_path / "states" / ".keyplan" / "journal" / f"{log}.jsonl"
            path.write_bytes(path.read_bytes() + content)

        return tear
