"""Another run or change comes between the plan that is shown and its first write."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keyplan.app.workspace import Workspace
from keyplan.cli import perform, running
from keyplan.errors import BusyError, MovedError, StalePlanError
from keyplan.sdk.store import LeaseInfo
from keyplan.session.clock import SYSTEM_CLOCK
from keyplan.state.codec import decode_state
from keyplan.state.model import State
from tests.cli.conftest import Run
from tests.cli.test_drift import RELABELLED, behind

SAME = "The plan that was made again is the same, and goes on."
OTHER = "The plan that was made again is another:"
EXTRA = "  extra: {provider: hsm, parent: key.root, usage: encrypt, algorithm: aes-256}\n"

Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Let something happen once, after a plan was approved and before it has the lock."""
    todo: list[Callable[[], object]] = []
    holding = running.holding

    @contextmanager
    def late(*given: Any, **named: Any) -> Iterator[Any]:
        if todo:
            typed = sys.stdin  # the other run has its own
            todo.pop()()
            sys.stdin = typed
        with holding(*given, **named) as lease:
            yield lease

    monkeypatch.setattr(running, "holding", late)
    return todo.append


@pytest.fixture
def edited(keyplan: Run, stack: Path) -> Path:
    """The stack, applied and then edited: another label, and one key more."""
    assert keyplan("apply", "--auto-approve").code == 0
    file = stack / "keyplan.yaml"
    text = file.read_text().replace("default: payments", "default: cards")
    file.write_text(text.replace("\noutput:", f"{EXTRA}\noutput:"))
    return stack


def state_of(stack: Path) -> State:
    return decode_state((stack / "keyplan.state.json").read_bytes())


def team(stack: Path) -> object:
    labels = state_of(stack).resources["key.payments"].attributes["labels"]  # type: ignore[index]
    assert isinstance(labels, dict)
    return labels["team"]


def test_nothing_is_left_to_do(keyplan: Run, stack: Path, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: keyplan("apply", "--auto-approve"))
    result = keyplan("apply", "--auto-approve")
    assert result.code == 0, result.err
    assert OTHER in result.err
    assert "No changes. The keys match the configuration." in result.out
    assert "Apply complete" not in result.out
    assert state_of(stack).serial == 1


@pytest.mark.parametrize("approval", [("--auto-approve",), ()])
def test_the_same_plan_goes_on_unasked(
    keyplan: Run, edited: Path, meanwhile: Meanwhile, approval: tuple[str, ...]
) -> None:
    meanwhile(lambda: keyplan("apply", "--auto-approve", "--target", "key.extra"))
    result = keyplan("apply", "--target", "key.payments", *approval, answer="yes\n")
    assert result.code == 0, result.err
    assert SAME in result.err
    assert result.out.count("\nPlan: ") == 1
    assert (team(edited), state_of(edited).serial) == ("cards", 3)


def test_another_plan_is_shown_and_performed(
    keyplan: Run, edited: Path, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda: keyplan("apply", "--auto-approve", "--target", "key.extra"))
    result = keyplan("apply", "--auto-approve")
    assert result.code == 0, result.err
    assert OTHER in result.err
    shown = [line for line in result.out.splitlines() if line.startswith("Plan: ")]
    assert shown == [
        "Plan: 1 to add, 1 to change, 0 to destroy.",
        "Plan: 0 to add, 1 to change, 0 to destroy.",
    ]
    assert "Resources: 0 added, 1 changed, 0 destroyed." in result.out
    assert team(edited) == "cards"


@pytest.mark.parametrize(("second", "code", "found"), [("yes", 0, "cards"), ("no", 1, "payments")])
def test_another_plan_is_asked_about_again(
    keyplan: Run, edited: Path, meanwhile: Meanwhile, second: str, code: int, found: str
) -> None:
    meanwhile(lambda: keyplan("apply", "--auto-approve", "--target", "key.extra"))
    result = keyplan("apply", answer=f"yes\n{second}\n")
    assert (result.code, team(edited)) == (code, found), result.err
    assert result.out.count("Do you want to perform these changes?") == 2


def test_nobody_is_asked_while_the_lock_is_held(
    keyplan: Run, edited: Path, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    holders: list[object] = []
    store = Workspace(edited, environment={}).store
    monkeypatch.setattr(perform, "ask", lambda *_, **__: holders.append(store.holder()))
    meanwhile(lambda: keyplan("apply", "--auto-approve", "--target", "key.extra"))
    assert keyplan("apply").code == 0
    assert holders == [None, None, None]  # the other run was asked once as well


def test_a_key_that_was_changed_by_hand_is_planned_again(
    keyplan: Run, edited: Path, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda: behind(edited, RELABELLED))
    result = keyplan("apply", "--auto-approve")
    assert result.code == 0, result.err
    assert OTHER in result.err
    assert "team: theirs -> cards" in result.out
    assert keyplan("plan", "--detailed-exitcode").code == 0


def test_guards_apply_anew(
    keyplan: Run, edited: Path, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans, plan_stack = [], perform.plan_stack

    def planned(workspace: Workspace, *given: Any, **named: Any) -> Any:
        if plans:
            (edited / "keyplan.yaml").write_text(watching)
            workspace = Workspace(workspace.root, environment=workspace.environment)
        plans.append(plan_stack(workspace, *given, **named))
        return plans[-1]

    text = (edited / "keyplan.yaml").read_text()
    watching = "keyplan: {mode: observe}\n" + text
    monkeypatch.setattr(perform, "plan_stack", planned)
    meanwhile(lambda: behind(edited, RELABELLED))
    result = keyplan("apply", "--auto-approve")
    assert result.code == 1
    assert "only observes" in result.err
    assert len(plans) == 2
    assert team(edited) == "payments"


def test_events_tell_it(keyplan: Run, edited: Path, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: keyplan("apply", "--auto-approve", "--target", "key.extra"))
    result = keyplan("apply", "--auto-approve", "--json")
    assert result.code == 0
    told = [event["@message"] for event in result.events if event["type"] == "diagnostic"]
    assert [message for message in told if OTHER in message]
    assert [event["type"] for event in result.events].count("version") == 1


def test_it_ends(keyplan: Run, edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[object] = []

    def moved(*_: object, **__: object) -> None:
        tries.append(None)
        raise MovedError("Saved plan is stale")

    monkeypatch.setattr(running, "perform", moved)
    result = keyplan("apply", "--auto-approve")
    assert (result.code, len(tries)) == (1, running.ROUNDS)
    assert "was out of date 3 times in a row" in result.err


def test_another_identity_is_no_reason_to_plan_again(
    keyplan: Run, edited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def stale(*_: object, **__: object) -> None:
        tries.append(None)
        raise StalePlanError("Saved plan does not match the given provider")

    monkeypatch.setattr(running, "perform", stale)
    assert keyplan("apply", "--auto-approve").code == 1
    assert len(tries) == 1


def test_an_interrupt_ends_it(keyplan: Run, edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(*_: object, interrupt: Any, **__: object) -> None:
        interrupt.set()
        raise MovedError("Saved plan is stale")

    monkeypatch.setattr(running, "perform", moved)
    result = keyplan("apply", "--auto-approve")
    assert result.code == 130
    assert "Nothing was changed" in result.err


def test_destroy_does_the_same(keyplan: Run, edited: Path, meanwhile: Meanwhile) -> None:
    released = ("--auto-approve", "--target", "key.payments", "--allow", "max-delete")
    meanwhile(lambda: keyplan("destroy", *released))
    result = keyplan("destroy", *released)
    assert result.code == 0, result.err
    assert "Destroy complete" not in result.out
    assert state_of(edited).serial == 2


def test_a_rollback_does_the_same(keyplan: Run, edited: Path, meanwhile: Meanwhile) -> None:
    assert keyplan("apply", "--auto-approve", "--target", "key.payments").code == 0
    run = state_of(edited).closed_runs[-1]
    meanwhile(lambda: keyplan("apply", "--auto-approve", "--target", "key.extra"))
    result = keyplan("rollback", "--run", run, "--auto-approve")
    assert result.code == 0, result.err
    assert SAME in result.err
    assert team(edited) == "payments"
    meanwhile(lambda: keyplan("rollback", "--to", "1", "--auto-approve"))
    assert keyplan("rollback", "--to", "1", "--auto-approve").code == 0


@pytest.mark.parametrize("target", ["key.extra", "key.payments"])
def test_a_remediation_looks_again_under_the_lock(
    keyplan: Run, stack: Path, meanwhile: Meanwhile, target: str
) -> None:
    """Another run came first, and left the drift as it was, or put it back itself."""
    assert keyplan("apply", "--auto-approve").code == 0
    file = stack / "keyplan.yaml"
    file.write_text(file.read_text().replace("\noutput:", f"{EXTRA}\noutput:"))
    behind(stack, RELABELLED)
    meanwhile(lambda: keyplan("apply", "--auto-approve", "--target", target))
    done = keyplan("drift", "--remediate", "--auto-approve")
    assert done.code == 0, done.err
    assert (SAME if target == "key.extra" else OTHER) in done.err
    assert keyplan("drift").code == 0


def test_a_run_that_begins_while_this_one_plans_is_waited_for(
    keyplan: Run, edited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the lock and an open journal just when the wait for others has ended."""
    store = Workspace(edited, environment={}).store
    idle, wait, held = Workspace.idle_snapshot, Workspace.wait_for_other_run, []

    def begins(self: Workspace) -> Any:
        if not held:
            info = LeaseInfo("other", "tests@here", "apply", SYSTEM_CLOCK.now())
            held.append(store.acquire(info))
            raise BusyError("tests@here is running keyplan apply on this state")
        return idle(self)

    def ends(self: Workspace, seconds: float) -> None:
        for lease in held:
            lease.release()
        wait(self, seconds)

    monkeypatch.setattr(Workspace, "idle_snapshot", begins)
    monkeypatch.setattr(Workspace, "wait_for_other_run", ends)
    result = keyplan("apply", "--auto-approve", "--lock-timeout", "30s")
    assert result.code == 0, result.err
    assert team(edited) == "cards"


def test_a_run_that_broke_off_is_not_waited_for(
    keyplan: Run, edited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[object] = []
    idle = Workspace.idle_snapshot

    def counted(self: Workspace, **words: str) -> Any:
        plans.append(self)
        return idle(self, **words)

    snapshot = replace(Workspace(edited, environment={}).snapshot(), open_run="1")
    monkeypatch.setattr(Workspace, "idle_snapshot", counted)
    monkeypatch.setattr(Workspace, "snapshot", lambda _: snapshot)
    result = keyplan("apply", "--auto-approve", "--lock-timeout", "10m")
    assert (result.code, len(plans)) == (1, 1)
    assert "run 1 did not end" in result.err


def test_a_run_that_ends_between_two_looks_did_not_break_off(
    keyplan: Run, edited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal was there when the state was read, and nobody held the lock when asked."""
    real, looks = Workspace.snapshot, []

    def open_at_first(self: Workspace) -> Any:
        looks.append(self)
        return replace(real(self), open_run="1" if len(looks) == 1 else None)

    monkeypatch.setattr(Workspace, "snapshot", open_at_first)
    result = keyplan("plan")
    assert (result.code, len(looks)) == (0, 2), result.err


def test_two_processes_with_the_same_plan_make_it_once(stack: Path) -> None:
    command = [sys.executable, "-m", "keyplan.cli", "apply", "--no-color"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as asked:
        assert asked.stdout is not None
        said = ""
        while not said.endswith("Enter a value: "):
            letter = asked.stdout.read(1)
            assert letter, said
            said += letter
        first = subprocess.run([*command, "--auto-approve"], capture_output=True, check=False)
        assert first.returncode == 0, first.stderr
        out, err = asked.communicate("yes\n", timeout=60)
    assert asked.returncode == 0, err
    assert OTHER in err
    assert "No changes. The keys match the configuration." in out
    assert (state_of(stack).serial, len(state_of(stack).resources)) == (1, 2)


def test_three_processes_that_wait_for_each_other_all_end_well(stack: Path) -> None:
    command = [sys.executable, "-m", "keyplan.cli", "apply", "--auto-approve"]
    started = [
        subprocess.Popen(
            [*command, "--lock-timeout", "60s"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, f"{out}\n{err}"
    assert (state_of(stack).serial, len(state_of(stack).resources)) == (1, 2)
