"""What happens when something goes wrong that is nobody's mistake in a file."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keyplan.cli.interrupt import FIRST, LATER, stopping
from keyplan.cli.logs import log_to
from keyplan.cli.main import run
from keyplan.cli.progress import LogProgress, duration, observing
from keyplan.cli.terminal import Terminal
from keyplan.plans.reports import ApplyEvent, EventKind
from tests.cli.conftest import STACK, Run
from tests.golden.samples import small_create

STEP = small_create().steps[0]


def _terminal(stream: io.StringIO | None = None) -> Terminal:
    return Terminal(stream or io.StringIO(), io.StringIO(), {})


class _Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_an_unexpected_exception_is_called_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(argv: object, terminal: object) -> int:
        raise ZeroDivisionError("secret 1234")

    monkeypatch.setattr("keyplan.cli.main._run", broken)
    terminal = _terminal()
    assert run(["plan"], terminal) == 1
    said = terminal.stderr.getvalue()  # type: ignore[attr-defined]
    assert "this is a bug in keyplan (ZeroDivisionError)" in said
    assert "1234" not in said
    assert "Traceback" not in said
    terminal.debug = True
    with pytest.raises(ZeroDivisionError):
        run(["plan"], terminal)


def test_ctrl_c_while_planning_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(argv: object, terminal: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("keyplan.cli.main._run", stopped)
    assert run(["plan"], _terminal()) == 130


def test_debug_shows_where_an_expected_error_came_from(keyplan: Run) -> None:
    assert "Traceback" not in keyplan("apply", "nothing").err
    assert "Traceback" in keyplan("--debug", "apply", "nothing").err


def test_a_log_is_written_on_request(keyplan: Run) -> None:
    assert keyplan("plan", env={"KEYPLAN_LOG": "loud"}).code == 64


def test_no_log_has_the_requests_of_sdks_with_their_session_tokens() -> None:
    terminal = _terminal()
    root, ours = logging.getLogger(), logging.getLogger("keyplan")
    before = (root.handlers[:], root.level, ours.level)
    try:
        log_to(terminal, "DEBUG")
        logging.getLogger("botocore.endpoint").debug("headers: X-Amz-Security-Token")
        logging.getLogger("keyplan.session").debug("a step of ours")
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])
    said = terminal.stderr.getvalue()  # type: ignore[attr-defined]
    assert "a step of ours" in said
    assert "Token" not in said


def test_the_first_ctrl_c_asks_and_the_second_says_what_is_waited_for() -> None:
    class Flag:
        is_set = False

        def set(self) -> None:
            self.is_set = True

    flag, terminal = Flag(), _terminal()
    before = signal.getsignal(signal.SIGINT)
    with stopping(flag, terminal):
        os.kill(os.getpid(), signal.SIGINT)
        assert flag.is_set
        os.kill(os.getpid(), signal.SIGTERM)
    assert terminal.stderr.getvalue() == FIRST + LATER  # type: ignore[attr-defined]
    assert signal.getsignal(signal.SIGINT) is before


def _begin_slow_apply(stack: Path) -> subprocess.Popen[str]:
    """An apply of sixty keys in another process, some of them made already."""
    slow = STACK.replace("{store: .keyplan/hsm.db}", "{store: a.db, faults: {latency: 0.15}}")
    keys = "".join(
        f"  k{number}: {{provider: hsm, parent: key.root, usage: encrypt, algorithm: aes-256}}\n"
        for number in range(60)
    )
    (stack / "keyplan.yaml").write_text(slow.replace("\noutput:", f"{keys}\noutput:"))
    command = [sys.executable, "-m", "keyplan.cli", "apply", "--auto-approve", "--parallelism=1"]
    process = subprocess.Popen(
        command, cwd=stack, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    journal = stack / ".keyplan" / "journal"
    until = time.monotonic() + 30
    while not any(path.is_file() for path in journal.glob("*")) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_apply_exits_130_with_the_state_saved(
    stack: Path, number: signal.Signals
) -> None:
    process = _begin_slow_apply(stack)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Interrupted: finishing the calls in flight, then saving the state." in err
    assert "Interrupted: what was in flight was finished, the state is saved." in out
    assert (stack / "keyplan.state.json").exists()


def test_a_killed_apply_stops_planning_until_it_is_resumed(keyplan: Run, stack: Path) -> None:
    process = _begin_slow_apply(stack)
    process.kill()
    process.communicate(timeout=60)
    planned = keyplan("plan")
    assert planned.code == 1
    assert "did not end" in planned.err
    for command in ("keyplan resume", "keyplan rollback"):
        assert command in planned.err
    assert "did not end" in keyplan("show").err
    resumed = keyplan("resume")
    assert resumed.code == 0, resumed.err
    assert "Resume complete! Resources: 62 added" in resumed.out
    assert "Asking what became of" in resumed.err
    planned = keyplan("plan", "--detailed-exitcode")
    assert (planned.code, "No changes" in planned.out) == (0, True)
    assert keyplan("resume").out == "There is no run to resume.\n"


def test_nothing_to_resume_says_so(keyplan: Run) -> None:
    result = keyplan("resume")
    assert (result.code, result.out) == (0, "There is no run to resume.\n")


def test_colour_only_on_a_terminal_and_never_against_the_readers_wish() -> None:
    assert not _terminal().colour_on(io.StringIO())
    assert _terminal().colour_on(_Tty())
    for environment in ({"NO_COLOR": "1"}, {"KEYPLAN_IN_AUTOMATION": "1"}, {"TERM": "dumb"}):
        assert not Terminal(_Tty(), _Tty(), environment).colour_on(_Tty())
    plain = _terminal()
    plain.coloured = False
    assert not plain.colour_on(_Tty())


def test_colour_changes_no_character() -> None:
    stream = _Tty()
    text = "Changes\n\n  + key.root    WIDER\n\nPlan: 1 to add, 0 to change, 0 to destroy.\n"
    _terminal(stream).text(text)
    coloured = stream.getvalue()
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text


def test_a_long_apply_reports_to_a_log_every_ten_seconds() -> None:
    clock, terminal = _Clock(), _terminal()
    progress = LogProgress(terminal, clock)  # type: ignore[arg-type]
    for done, seconds in ((100, 5.0), (200, 11.0), (210, 12.0), (400, 22.0)):
        clock.seconds = seconds
        progress(ApplyEvent(EventKind.COMPLETE, STEP, done, 600))
    assert terminal.stderr.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "200 of 600 steps, about 22 s left",
        "400 of 600 steps, about 11 s left",
    ]


def test_a_resume_counts_its_own_steps_when_it_says_how_long() -> None:
    clock, terminal = _Clock(), _terminal()
    progress = LogProgress(terminal, clock)  # type: ignore[arg-type]
    clock.seconds = 40.0
    progress(ApplyEvent(EventKind.STARTED, STEP, 10, 110))
    clock.seconds = 50.0
    progress(ApplyEvent(EventKind.COMPLETE, STEP, 60, 110))
    assert terminal.stderr.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "10 of 110 steps",
        "60 of 110 steps, about 10 s left",
    ]


def test_progress_on_a_terminal_is_cleared_at_the_end() -> None:
    terminal = Terminal(_Tty(), _Tty(), {})
    clock = _Clock()
    with observing(terminal, 3, clock) as observe:  # type: ignore[arg-type]
        observe(ApplyEvent(EventKind.COMPLETE, STEP, 1, 3))
        observe(ApplyEvent(EventKind.ERRORED, STEP, 2, 3))
    assert terminal.stdout.getvalue() == ""  # type: ignore[attr-defined]
    assert "Applying" in terminal.stderr.getvalue()  # type: ignore[attr-defined]


def test_durations_are_short() -> None:
    assert [duration(5), duration(120), duration(7500)] == ["5 s", "2 min", "2 h 5 min"]


def test_a_reader_that_goes_away_is_no_traceback(stack: Path) -> None:
    command = f"{sys.executable} -m keyplan.cli plan | head -n 1"
    done = subprocess.run(
        command, shell=True, cwd=stack, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


@pytest.mark.parametrize(
    ("redirected", "code"),
    [("plan >&-", 0), ("plan 2>&-", 0), ("plan --bad 2>&-", 64), ("apply <&-", 1)],
)
def test_closed_streams_are_no_defect(stack: Path, redirected: str, code: int) -> None:
    done = subprocess.run(
        f"{sys.executable} -m keyplan.cli {redirected}",
        shell=True,
        cwd=stack,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert "bug" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_behind_stdout_is_said(stack: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m keyplan.cli plan >/dev/full",
        shell=True,
        cwd=stack,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no space is left" in done.stderr
    assert "bug" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.usefixtures("stack")
def test_a_lost_terminal_is_no_bug() -> None:
    """A terminal that is gone refuses every write with EIO, ours at the end included."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    stderr = io.StringIO()
    assert run(["plan"], Terminal(Gone(), stderr, {})) == 1
    assert "bug" not in stderr.getvalue()


def test_a_broken_state_is_named(keyplan: Run, stack: Path) -> None:
    (stack / "keyplan.state.json").write_text("{bad")
    result = keyplan("plan")
    assert result.code == 1
    assert "keyplan.state.json: the state is" in result.err


def test_a_file_that_cannot_even_be_staged_is_an_error(
    keyplan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", read_only)
    result = keyplan("plan", "--out", "no/such/folder/plan")
    assert result.code == 1
    assert "cannot be written" in result.err


def test_an_apply_waits_for_another_run_as_long_as_it_was_told(keyplan: Run, stack: Path) -> None:
    text = STACK.replace("hsm.db}", "hsm.db, faults: {latency: 0.4}}")
    (stack / "keyplan.yaml").write_text(text)
    first = subprocess.Popen(
        [sys.executable, "-m", "keyplan.cli", "apply", "--auto-approve"],
        cwd=stack,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    journals = stack / ".keyplan" / "journal"
    try:
        deadline = time.monotonic() + 20
        while not list(journals.glob("*.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert first.poll() is None
        assert "is running keyplan apply" in keyplan("apply", "--auto-approve").err
        waited = keyplan("apply", "--auto-approve", "--lock-timeout", "30s")
    finally:
        assert first.wait(30) == 0
    assert waited.code == 0, waited.err
    assert "No changes" in waited.out
