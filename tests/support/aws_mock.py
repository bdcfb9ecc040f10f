"""`keyplan mock aws`, started as people start it: for tests that run against moto."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_MAIN = "import sys; from keyplan.cli.main import main; sys.exit(main())"
COMMAND = [sys.executable, "-c", _MAIN, "mock", "aws"]


@contextmanager
def aws_mock() -> Iterator[dict[str, str]]:
    """The mock on a free port; the environment that its own lines set."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield read_environment(process.stdout)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def read_environment(lines: IO[str]) -> dict[str, str]:
    """What the `export` lines set, up to the last of them."""
    found: dict[str, str] = {}
    for line in lines:
        word, _, assignment = line.strip().partition(" ")
        assert word == "export", line
        name, _, value = shlex.split(assignment)[0].partition("=")
        found[name] = value
        if name == "AWS_DEFAULT_REGION":
            break
    return {**found, "AWS_EC2_METADATA_DISABLED": "true", "PATH": os.environ["PATH"]}
