"""The network to the state in S3 is cut at every write: nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from keyplan_hsm import inspection
from keyplan_state.s3_store import open_store
from tests.cli.conftest import STACK, Run
from tests.support.s3_server import Cut, S3Place, S3Server

PUTS = 10
"""Of an apply of the stack: lease, proof (3), journal (3), state, archive, lease given back."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK and the store wait between tries; here nobody does."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.001)))


@pytest.fixture
def s3_stack(stack: Path, s3_place: S3Place) -> Path:
    """The stack of the other tests, its state in S3."""
    (stack / "keyplan.yaml").write_text(s3_place.block + STACK)
    return stack


def keys(stack: Path) -> list[str]:
    """States of the keys that the HSM holds."""
    store = stack / ".keyplan" / "hsm.db"
    found = json.loads(inspection.keys(store, as_json=True)) if store.exists() else []
    return [key["state"] for key in found]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("arrives", [False, True], ids=["not arrived", "arrived"])
@pytest.mark.parametrize("nth", range(1, PUTS + 1))
def test_cut_at_a_write(
    keyplan: Run,
    s3_stack: Path,
    s3_place: S3Place,
    s3_server: S3Server,
    *,
    nth: int,
    arrives: bool,
) -> None:
    found = s3_place.settings
    s3_server.cut = Cut(nth, last_arrives=arrives)
    keyplan("apply", "--auto-approve")
    assert s3_server.cut.puts == nth
    s3_server.cut = None
    store = open_store(found)
    if (holder := store.holder()) is not None:
        store.unlock(holder.id)
    if store.open_logs():
        assert keyplan("resume").code == 0
    assert keyplan("apply", "--auto-approve").code == 0
    assert "No changes." in keyplan("plan").out
    assert len(keys(s3_stack)) == 2
    assert store.open_logs() == []


def test_there_is_no_other_write(keyplan: Run, s3_stack: Path, s3_server: S3Server) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    assert len(s3_server.puts()) == PUTS
