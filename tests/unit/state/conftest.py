"""A folder for a stack, and a local store in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.testing.store_contract import lease_info
from tests.unit.state.local_stores import opened


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    folder = tmp_path / "stack"
    folder.mkdir()
    return folder


@pytest.fixture
def used(stack: Path):
    """A store with two commits and an open journal, and its lease."""
    store = opened(stack)
    lease = store.acquire(lease_info())
    first = store.commit(b"one", expected=None, lease=lease)
    store.commit(b"two", expected=first, lease=lease)
    store.append("run-1", [b"one"], lease=lease)
    return store, lease
