"""A sealed store keeps the contract of stores, whichever store is below."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.model.secrets import SecretReference
from keyplan.session.high_water import HighWater
from keyplan.session.sealed import SealedStore
from keyplan.state.unlocking import Opener
from keyplan.testing.memory_store import Medium, MemoryStore
from keyplan.testing.store_contract import StoreContract, StoreFactory, Tear
from keyplan_state.local import STORE


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    """A key file: the passphrase's 0.2 s would be spent by every store that is opened."""
    key = tmp_path / "state.key"
    key.touch(mode=0o600)
    key.write_bytes(bytes(range(32)))
    return Opener(key_file=key)


@pytest.fixture
def marks(tmp_path: Path) -> HighWater:
    return HighWater.of_machine("here", {"XDG_STATE_HOME": str(tmp_path / "xdg")})


class TestSealedMemory(StoreContract):
    @pytest.fixture
    def medium(self) -> Medium:
        return Medium()

    @pytest.fixture
    def make_store(self, medium: Medium, opener: Opener, marks: HighWater) -> StoreFactory:
        return lambda: SealedStore(MemoryStore(medium), opener, marks)

    @pytest.fixture
    def tear(self, medium: Medium) -> Tear:
        def tear(log: str, content: bytes) -> None:
            medium.logs[log] += content

        return tear


class TestSealedLocal(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path, opener: Opener, marks: HighWater) -> StoreFactory:
        def make() -> SealedStore:
            store = STORE.open(STORE.settings_model(), stack=tmp_path, environment={})
            return SealedStore(store, opener, marks)

        return make


class TestSealedWithAPassphrase(TestSealedMemory):
    """The same with a passphrase; one derivation serves all stores of a test."""

    @pytest.fixture
    def opener(self) -> Opener:
        secret = {"PASSPHRASE": "correct horse battery staple"}
        return Opener(SecretReference(env="PASSPHRASE"), environment=secret)
