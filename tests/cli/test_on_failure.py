"""`apply --on-failure rollback`, states that could not be saved, and providers that hang."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keyplan.cli import running
from keyplan.errors import DeniedError, StateConflictError, StoreError
from keyplan.session.session import ProviderSession
from keyplan.state.codec import decode_state
from keyplan_state.local import LocalStore
from tests.cli.conftest import Run

ROLLBACK = ("apply", "--auto-approve", "--on-failure", "rollback", "--parallelism", "1")


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The service refuses what concerns key.payments; returns how to make it stop that."""
    execute = ProviderSession.execute

    def refuse(self: ProviderSession, operation: Any, *rest: Any, **options: Any) -> Any:
        if operation.target == "key.payments":
            raise DeniedError("not permitted", operation=operation.name)
        return execute(self, operation, *rest, **options)

    monkeypatch.setattr(ProviderSession, "execute", refuse)
    return lambda: monkeypatch.setattr(ProviderSession, "execute", execute)


def test_a_failed_apply_is_taken_back(keyplan: Run, denied: Callable[[], None]) -> None:
    result = keyplan(*ROLLBACK)
    assert result.code == 1, result.err
    assert "failed: step" in result.out
    done, undone = result.out.index("Done by"), result.out.index("Undone:")
    assert done < undone < result.out.index("Not started by")
    assert "key.root" in result.out[undone:]
    denied()
    assert keyplan("resume").out == "There is no run to resume.\n"
    assert "key.root is suspended" in " ".join(keyplan("plan").out.split())


def test_the_events_say_what_was_undone(keyplan: Run, denied: Callable[[], None]) -> None:
    result = keyplan(*ROLLBACK, "--json")
    assert result.code == 1
    types = [event["type"] for event in result.events]
    assert types.index("apply_errored") < types.index("rollback_start")
    assert types.index("rollback_start") < types.index("rollback_complete")
    (summary,) = [event for event in result.events if event["type"] == "rollback_summary"]
    assert {item["address"] for item in summary["done"]} == {"key.root"}
    assert summary["undone"]
    assert summary["not_undone"] == []


def test_stop_is_the_default(keyplan: Run, denied: Callable[[], None]) -> None:
    result = keyplan("apply", "--auto-approve", "--parallelism", "1")
    assert result.code == 1
    assert "Rollback" not in result.out
    assert "key.root" in keyplan("show").out


def test_a_rollback_that_did_not_begin_is_named_and_left_to_a_person(
    keyplan: Run, stack: Path, denied: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is closed. Whatever was done since, a bare `resume` does not undo it."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(running, "take_back", killed)
        assert keyplan(*ROLLBACK).code == 130
    before = (stack / "keyplan.state.json").read_bytes()
    run = decode_state(before).closed_runs[-1]
    resumed = keyplan("resume")
    assert resumed.code == 0
    assert f"keyplan rollback --run {run}" in " ".join(resumed.out.split())
    told = keyplan("resume", "--json").events
    assert [event for event in told if run in event["@message"]]
    assert (stack / "keyplan.state.json").read_bytes() == before
    denied()
    assert keyplan("apply", "--auto-approve").code == 0
    assert keyplan("resume").out == "There is no run to resume.\n"


def test_resume_takes_the_run_back_that_it_closes_and_says_what_first(
    keyplan: Run,
    stack: Path,
    denied: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process died after its last step and before its state was saved: the run is open."""

    def refuse(*_: object, **__: object) -> str:
        raise StoreError("it does not take it")

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "commit", refuse)
        assert keyplan(*ROLLBACK).code == 1
    resumed = keyplan("resume")
    assert resumed.code == 1
    said = " ".join(resumed.out.split())
    first, plan, done = (
        said.index("It is taken back now."),
        said.index("Plan: 0 to add, 1 to change, 0 to destroy."),
        said.index("Rollback complete!"),
    )
    assert first < plan < done
    assert "key.root" in said[first:plan]
    denied()
    assert keyplan("resume").out == "There is no run to resume.\n"


@pytest.mark.parametrize("kind", [StoreError, StateConflictError])
def test_a_state_that_is_not_taken_is_kept_in_a_file(
    keyplan: Run, stack: Path, monkeypatch: pytest.MonkeyPatch, kind: type[StoreError]
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise kind("it does not take it")

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "commit", refuse)
        result = keyplan("apply", "--auto-approve")
    assert result.code == 1
    said = " ".join(result.err.split())
    assert "Finish the run with: keyplan resume" in said
    assert "keyplan state push errored.keyplan.state.json" in said
    errored = stack / "errored.keyplan.state.json"
    assert stat.S_IMODE(errored.stat().st_mode) == 0o600
    state = decode_state(errored.read_bytes())
    assert set(state.resources) == {"key.root", "key.payments"}

    assert keyplan("resume").code == 0
    assert decode_state((stack / "keyplan.state.json").read_bytes()) == state


def test_where_the_file_cannot_be_written_the_journal_still_has_everything(
    keyplan: Run, stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise StoreError("it does not take it")

    (stack / "errored.keyplan.state.json").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "commit", refuse)
        result = keyplan("apply", "--auto-approve")
    assert "could not be written either" in result.err
    assert not list(stack.glob(".errored*"))
    assert keyplan("resume").code == 0


HANGS = """
import functools, sys, threading
from keyplan.applying.options import ApplyOptions
from keyplan.cli import running
from keyplan.cli.main import main
from keyplan.session import daemons
from keyplan_hsm.provider import HsmProvider

daemons.GRACE = 0.2
running.ApplyOptions = functools.partial(ApplyOptions, deadline=0.3)
execute = HsmProvider.execute

def hang(self, operation, *rest, **options):
    if operation.target == "key.payments":
        threading.Event().wait()
    return execute(self, operation, *rest, **options)

HsmProvider.execute = hang
sys.exit(main())
"""


def test_a_provider_that_hangs_leaves_the_run_open_and_the_process_ends(
    keyplan: Run, stack: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS, "apply", "--auto-approve"],
        cwd=stack,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "UNDECIDED: step" in done.stdout
    assert "hangs in" in " ".join(done.stdout.split())
    assert "Next: keyplan resume" in done.stdout
    assert keyplan("resume").code == 0
    assert "No changes" in keyplan("plan").out
