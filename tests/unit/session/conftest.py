"""A sealed store over a medium that a test can change behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.session.high_water import HighWater
from keyplan.session.sealed import SealedStore
from keyplan.state.unlocking import Opener
from keyplan.testing.memory_store import Medium, MemoryStore
from tests.unit.session.sealing import key_file


@pytest.fixture
def medium() -> Medium:
    return Medium()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "xdg")}


@pytest.fixture
def opened(tmp_path: Path, medium: Medium, environment: dict[str, str]):
    """A new process on this machine."""

    def make(opener: Opener | None = None, **more: str) -> SealedStore:
        marks = HighWater.of_machine("place", environment | more)
        return SealedStore(MemoryStore(medium), opener or key_file(tmp_path), marks)

    return make
