"""A holder that lives, one that died, and a run that ended just before its journal was archived.

A dead holder is a lease that is never renewed: taken here, its heartbeat stopped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keyplan.app.workspace import Workspace
from keyplan.sdk.store import LeaseInfo
from keyplan_state.local import LocalStore
from tests.cli.conftest import Run

RUN = "20260101T000000Z-00000000"


@pytest.fixture
def holder(stack: Path, keyplan: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[LeaseInfo]]:
    """Whoever is put there holds the state, and its run is open."""
    assert keyplan("apply", "--auto-approve").code == 0
    held: list[LeaseInfo] = []
    real = Workspace.snapshot

    def snapshot(self: Workspace) -> Any:
        return replace(real(self), open_run=RUN)

    monkeypatch.setattr(Workspace, "snapshot", snapshot)
    monkeypatch.setattr(LocalStore, "holder", lambda _: held[0] if held else None)
    yield held
    assert (stack / "keyplan.state.json").exists()


def lease(*, ends: timedelta | None) -> LeaseInfo:
    now = datetime.now(UTC)
    return LeaseInfo("f00", "ci@runner", "apply", now, None if ends is None else now + ends)


def said(keyplan: Run, *argv: str) -> str:
    result = keyplan(*argv)
    assert result.code == 1, result.out
    return " ".join(result.err.replace("│", " ").split())


@pytest.mark.parametrize("command", ["plan", "drift", "apply"])
def test_a_dead_holder_is_told_from_a_live_one(
    keyplan: Run, holder: list[LeaseInfo], command: str
) -> None:
    holder[:] = [lease(ends=timedelta(seconds=40))]
    living = said(keyplan, command)
    assert "ci@runner is running keyplan apply on this state" in living
    assert "Its lease f00 ends at" in living
    holder[:] = [lease(ends=-timedelta(minutes=2))]
    silent = said(keyplan, command)
    assert "ci@runner was running keyplan apply on this state and fell silent" in silent
    assert "that run is dead or paused" in silent
    for text in (living, silent):
        assert "--lock-timeout 10m" in text
        assert "keyplan resume --lock-timeout 5m" in text
        assert "keyplan rollback --lock-timeout 5m" in text
        assert "keyplan state unlock f00" in text


def test_a_lease_that_ends_with_its_process_says_so(keyplan: Run, holder: list[LeaseInfo]) -> None:
    holder[:] = [lease(ends=None)]
    assert "Its process is there: the lease f00 would have ended with it." in said(keyplan, "plan")


@pytest.mark.parametrize("command", ["plan", "drift", "apply"])
def test_an_open_run_without_a_holder_is_no_busy_state(
    keyplan: Run, holder: list[LeaseInfo], command: str
) -> None:
    assert not holder
    text = said(keyplan, command)
    assert f"run {RUN} did not end" in text
    assert "keyplan resume" in text
    assert "keyplan rollback" in text


def test_a_refused_lock_names_its_lease_and_how_to_free_it(keyplan: Run, stack: Path) -> None:
    store = Workspace(stack, environment={}).store
    held = store.acquire(lease(ends=None))
    try:
        text = said(keyplan, "resume")
    finally:
        held.release()
    assert "locked by another run" in text
    assert "keyplan state unlock f00" in text


@pytest.mark.parametrize("command", ["resume", "rollback"])
def test_the_lock_comes_before_the_providers(
    keyplan: Run, stack: Path, holder: list[LeaseInfo], command: str
) -> None:
    """Who holds it may be in the middle of a transaction there: its store is locked then."""
    assert not holder
    store = Workspace(stack, environment={}).store
    held = store.acquire(lease(ends=None))
    busy = sqlite3.connect(stack / ".keyplan" / "hsm.db", isolation_level=None)
    try:
        busy.execute("BEGIN EXCLUSIVE")
        assert "locked by another run" in said(keyplan, command)
    finally:
        busy.close()
        held.release()


# -- ended, and not archived ---------------------------------------------------------------


@pytest.fixture
def unarchived(keyplan: Run, stack: Path) -> Path:
    """The archived journal of a run that died after its commit: it is not there yet."""
    assert keyplan("apply", "--auto-approve").code == 0
    (kept,) = (stack / ".keyplan" / "journal" / "archive").iterdir()
    kept.rename(kept.parent.parent / kept.name)
    return kept


def test_a_run_that_waits_to_be_archived_is_sound(keyplan: Run, unarchived: Path) -> None:
    verified = keyplan("state", "verify")
    assert verified.code == 0
    assert f"run {unarchived.stem}" in verified.out
    assert "waits to be archived" in " ".join(verified.out.split())
    assert "did not end" not in verified.out
    assert not unarchived.exists()


@pytest.mark.parametrize(
    ("command", "code"), [(("apply", "--auto-approve"), 0), (("resume",), 0), (("rollback",), 1)]
)
def test_whoever_comes_next_archives_it(
    keyplan: Run, unarchived: Path, command: tuple[str, ...], code: int
) -> None:
    result = keyplan(*command)
    assert result.code == code, result.err
    assert unarchived.exists()
    if command[0] != "apply":
        archived = f"Run {unarchived.stem} had ended; its journal is archived now."
        assert archived in " ".join((result.out + result.err).split())
    verified = keyplan("state", "verify")
    assert (verified.code, unarchived.stem in verified.out) == (0, False)
