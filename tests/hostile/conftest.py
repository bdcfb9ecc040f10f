"""Hostile stacks, validated in a process of their own that may not run or grow for long.

The bounds are several times what an idle machine of two cores needs: they tell bounded
from unbounded, not fast from slow.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keyplan.config.expressions import (
    ExpressionError,
    Scope,
    parse_expression,
    parse_template,
)
from keyplan.config.source import SourceFile
from keyplan.config.tree import ScalarNode
from keyplan.diagnostics import Diagnostic

SECONDS = 40
MEGABYTES = 400
_WALL = 120
_PAGE = 40_000

_PROGRAM = """
import json, os, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
code = run(sys.argv[2:], Terminal(sys.stdout, sys.stderr, os.environ))
used = resource.getrusage(resource.RUSAGE_SELF)
# ru_maxrss begins with what the parent had when it forked (getrusage(2)); this is our own.
with open("/proc/self/status") as stream:
    peak = next(int(line.split()[1]) for line in stream if line.startswith("VmHWM"))
with open(sys.argv[1], "w") as stream:
    json.dump({"seconds": used.ru_utime + used.ru_stime, "megabytes": peak >> 10}, stream)
sys.exit(code)
"""


@dataclass(frozen=True)
class Answer:
    """How keyplan answered."""

    code: int
    text: str
    seconds: float
    megabytes: int


Validate = Callable[..., Answer]


@pytest.fixture
def answer(tmp_path: Path) -> Validate:
    """`keyplan validate` (or another command) in a folder, within bounds, without a traceback."""

    def run(
        folder: Path, *argv: str, seconds: float = SECONDS, megabytes: int = MEGABYTES
    ) -> Answer:
        usage = tmp_path / "usage.json"
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(usage), *(argv or ("validate",))],
            cwd=folder,
            capture_output=True,
            timeout=_WALL,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        text = (done.stdout + done.stderr).decode()
        assert done.returncode >= 0, f"ended by signal {-done.returncode}"
        assert "Traceback" not in text, text[-3000:]
        assert "this is a bug" not in text, text[-3000:]
        used = json.loads(usage.read_text())
        found = Answer(done.returncode, text, used["seconds"], used["megabytes"])
        print(f"{found.code}: {found.seconds:.1f} s, {found.megabytes} MB")
        print(text[:1500])
        assert found.seconds < seconds
        assert found.megabytes < megabytes
        return found

    return run


@pytest.fixture
def refused(tmp_path: Path, answer: Validate) -> Callable[..., str]:
    """What keyplan says to a hostile `keyplan.yaml`: exit code 1, the code named, a short page."""

    def run(content: str | bytes, code: str, **bounds: float) -> str:
        folder = tmp_path / "stack"
        folder.mkdir(exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        (folder / "keyplan.yaml").write_bytes(raw)
        found = answer(folder, **bounds)
        assert found.code == 1
        assert code in found.text
        assert len(found.text) < _PAGE
        assert found.text.isascii()
        return found.text

    return run


@pytest.fixture
def failure() -> Callable[..., Diagnostic]:
    """What is wrong with an expression (`template=True`: with a template), in this process."""

    def run(text: str, *, template: bool = False, **names: object) -> Diagnostic:
        node = ScalarNode(text, 1, 1, SourceFile.of("f.yaml", Path("f.yaml"), text))
        with pytest.raises(ExpressionError) as caught:
            (parse_template if template else parse_expression)(node).evaluate(Scope(names))
        return caught.value.diagnostic

    return run


@pytest.fixture
def prompt() -> Iterator[None]:
    """The test ends soon, and leaves little behind."""
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - started < SECONDS / 2
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10 < MEGABYTES
