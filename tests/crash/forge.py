"""`python -m tests.crash.forge`: makes processes of keyplan quickly, by fork.

A fresh interpreter spends half a second on imports before it does anything that could be
killed. This one has imported everything once and forks for each command line; the child is
a process like any other, and SIGKILL ends it like any other.

Requests and answers are JSON lines on stdin and stdout. `start` answers with the pid, `wait`
with how the process ended (negative: the signal) and what it could have died at. A
`start` with `within` kills the child from outside: so many seconds after it has begun to
write, or to plan if it never does.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
import traceback
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import psycopg  # noqa: F401  (imported once for all children)

from keyplan.applying.record import Recorder
from keyplan.cli.commands import BUILT_IN
from keyplan.cli.main import main as keyplan
from keyplan_aws import manifest
from keyplan_hsm import control  # noqa: F401
from tests.crash.dying import Dying, Point
from tests.crash.picture import picture

CARELESS = "KEYPLAN_CRASH_CARELESS"
"""With it, nothing is durable before its effect: a run that the tests must find wanting."""

COMMANDS = ("plan", "apply", "resume", "rollback", "state")
PREPARED = ("kms", "s3", "sts", "resourcegroupstaggingapi")


def prepare() -> None:
    """Load what every child needs: commands, and AWS's service models."""
    manifest.READ_LAG = timedelta(milliseconds=200)  # of AWS; moto shows everything at once
    for name in COMMANDS:
        import_module(BUILT_IN[name][0])
    loader = botocore.session.create_loader()
    botocore.session.create_loader = lambda *_: loader  # it keeps the models that it has read
    session = boto3.Session(
        region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    for name in PREPARED:
        session.client(name)
    gc.collect()
    gc.freeze()


class Forge:
    """The children that were started and not waited for."""

    def __init__(self) -> None:
        self._begun: dict[int, int] = {}

    def start(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Fork; the child becomes the command line that was asked for."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os._exit(_become(asked, writing))
        os.close(writing)
        self._begun[pid] = reading
        if asked.get("within") is not None:
            os.read(reading, 1)  # it has the lease, or has ended
            time.sleep(asked["within"])
            os.kill(pid, signal.SIGKILL)  # not yet waited for, so it is still ours
        return {"pid": pid}

    def begun(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Wait until it has the lease; false if it ended without."""
        return {"begun": os.read(self._begun[asked["pid"]], 1) == b"L"}

    def wait(self, asked: dict[str, Any]) -> dict[str, Any]:
        """How it ended."""
        _, status = os.waitpid(asked["pid"], 0)
        os.close(self._begun.pop(asked["pid"]))
        return {"code": os.waitstatus_to_exitcode(status)}


def _become(asked: dict[str, Any], begun: int) -> int:
    """In the child: set the scene, run, and return the exit code."""
    scratch = Path(asked["scratch"])
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w") for number in (1, 2))
    sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    try:
        return _run(asked, begun, scratch)
    except BaseException:  # noqa: BLE001  (the parent must see it, whatever it is)
        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _run(asked: dict[str, Any], begun: int, scratch: Path) -> int:
    if asked["argv"] == ["picture"]:
        print(json.dumps(picture(Path(asked["folder"]))))
        return 0
    if CARELESS in os.environ:
        Recorder.flush = lambda _: None  # type: ignore[method-assign]
    point = asked.get("point")
    dying = Dying(None if point is None else Point(**point), leased=lambda: _tell(begun))
    dying.install()
    sys.argv = ["keyplan", *asked["argv"]]
    code = keyplan()
    (scratch / "counts").write_text(json.dumps(dying.counts))
    return code


def _tell(begun: int) -> None:
    os.write(begun, b"L")


def main() -> None:
    """Answer requests until stdin ends."""
    prepare()
    forge = Forge()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = getattr(forge, asked["do"])(asked)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
