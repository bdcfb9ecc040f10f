"""Runners that really die, and runners that are really paused, with their lease in S3."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from keyplan.errors import BusyError
from keyplan.testing.store_contract import lease_info
from keyplan_state.s3_store import S3Store
from tests.support.s3_server import S3Place

TTL = 3.0
RUNNER = """
import sys
from keyplan.errors import KeyplanError
from keyplan.testing.store_contract import lease_info
from keyplan_state.s3 import S3Settings
from keyplan_state.s3_client import connect
from keyplan_state.s3_objects import Objects
from keyplan_state.s3_store import S3Store

url, bucket, ttl = sys.argv[1:]
settings = S3Settings(bucket=bucket, key="keyplan/payments", region="us-east-1", endpoint_url=url)
reader, writer = connect(settings)
store = S3Store(Objects(reader, writer, bucket=bucket, prefix=settings.key), ttl=float(ttl))
lease = store.acquire(lease_info(7))
version = store.commit(b"one", expected=None, lease=lease)
store.append("run-1", [b"one"], lease=lease)
print("held", flush=True)
sys.stdin.readline()
for attempt in (
    lambda: store.append("run-1", [b"late"], lease=lease),
    lambda: store.append("run-2", [b"late"], lease=lease),
    lambda: store.commit(b"late", expected=version, lease=lease),
    lambda: store.archive("run-1", lease=lease),
):
    try:
        attempt()
        print("written", flush=True)
    except KeyplanError as error:
        print(error.error_class, flush=True)
"""


@pytest.fixture
def runner(s3_place: S3Place) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease, has written, and will write again when it is told."""
    found = s3_place.settings
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, found.endpoint_url, found.bucket, str(TTL)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture
def other(s3_place: S3Place) -> S3Store:
    return S3Store(s3_place.objects(), ttl=60.0)


def test_killed_runner_frees_itself(runner, other: S3Store) -> None:
    os.kill(runner.pid, signal.SIGKILL)
    with pytest.raises(BusyError, match="user7@host"):
        other.acquire(lease_info())
    lease = other.acquire(lease_info(), timeout=120)
    assert lease.fence == 2
    other.append("run-1", [b"two"], lease=lease)
    lease.release()
    assert other.read_log("run-1") == b"one\ntwo\n"


def test_stopped_runner_that_wakes_up_writes_nothing(runner, other: S3Store) -> None:
    os.kill(runner.pid, signal.SIGSTOP)
    lease = other.acquire(lease_info(), timeout=120)
    version = other.load().version
    os.kill(runner.pid, signal.SIGCONT)
    said, _ = runner.communicate("go\n", timeout=120)
    assert said.splitlines() == ["busy"] * 4
    assert other.open_logs() == ["run-1"]
    assert other.read_log("run-1") == b"one\n"
    other.commit(b"two", expected=version, lease=lease)
    lease.release()
