"""The forge as tests use it: start a command line, kill it or not, and see how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.crash.dying import Point

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: `code` is negative if a signal ended it."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def killed(self) -> bool:
        """Whether it was SIGKILL."""
        return self.code == -signal.SIGKILL

    def __str__(self) -> str:
        return f"$ keyplan {' '.join(self.argv)}\nexit code {self.code}\n{self.out}{self.err}"


@dataclass(frozen=True, slots=True)
class Started:
    """A process that runs. It is waited for once."""

    forge: Forge
    argv: tuple[str, ...]
    pid: int
    scratch: Path

    def holds(self) -> bool:
        """Wait until it has the lease of its state; false if it ended without."""
        return bool(self.forge.ask(do="begun", pid=self.pid)["begun"])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; it is not waited for yet, so the pid is its own."""
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        """How it ended, when it has."""
        code = self.forge.ask(do="wait", pid=self.pid)["code"]
        counts = self.scratch / "counts"
        return Ended(
            self.argv,
            code,
            (self.scratch / "out").read_text(),
            (self.scratch / "err").read_text(),
            json.loads(counts.read_text()) if counts.exists() else {},
        )


class Forge:
    """One forge for one test process; a context manager. For one thread."""

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="keyplan-forge-")
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.forge"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._scratch.cleanup()

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request and its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the forge is gone"
        found: dict[str, Any] = json.loads(line)
        return found

    def start(
        self,
        argv: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        point: Point | None = None,
        within: float | None = None,
    ) -> Started:
        """Start `keyplan ARGV...`; see `tests.crash.forge` for `within`."""
        self._number += 1
        scratch = Path(self._scratch.name) / str(self._number)
        scratch.mkdir()
        answer = self.ask(
            do="start",
            argv=list(argv),
            folder=str(folder),
            environment=dict(environment),
            scratch=str(scratch),
            point=None if point is None else asdict(point),
            within=within,
        )
        return Started(self, tuple(argv), answer["pid"], scratch)

    def run(
        self,
        argv: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        point: Point | None = None,
        within: float | None = None,
    ) -> Ended:
        """Start it, and wait."""
        return self.start(argv, folder, environment, point=point, within=within).wait()
