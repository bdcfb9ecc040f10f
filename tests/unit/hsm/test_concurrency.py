"""Many writers at once: threads, processes, a locked store, a failing disk, an interrupt."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from keyplan.errors import (
    OutcomeUnknownError,
    TransientError,
)
from keyplan.model.address import Address
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import CreateKey
from keyplan_hsm import schema
from keyplan_hsm.audit import Call, verify
from keyplan_hsm.group_commit import GroupCommit, Job
from tests.unit.hsm.bench import Bench

# -- many at once ------------------------------------------------------------------------


def make(number: int) -> CreateKey:
    return CreateKey(
        Address.of("key", f"k{number}"),
        OwnerMark("stack", f"token-{number}"),
        "encrypt",
        "aes-256",
        None,
        None,
        {},
    )


def intact(bench: Bench) -> bool:
    audit_key = bench.device.unlock().audit_key
    facts = bench.device.facts()
    assert facts is not None
    with bench.device.reading() as rows:
        assert rows is not None
        return verify(rows.connection, facts.serial, audit_key).broken_at is None


def test_threads_write_and_read_at_once(hsm: Bench) -> None:
    def work(number: int) -> str:
        made = hsm.provider.execute(make(number), {}).id
        assert made in hsm.provider.read([made])
        return made

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(200)))
    assert len(set(ids)) == 200
    assert intact(hsm)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from keyplan_hsm.plugin import PLUGIN
from keyplan.model.address import Address
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import CreateKey
from keyplan.sdk.provider import OpenContext

context = OpenContext(Path(sys.argv[1]), datetime.now(UTC))
provider = PLUGIN.open(PLUGIN.settings_model(), context)
for number in range(int(sys.argv[3])):
    owner = OwnerMark("stack", f"{sys.argv[2]}-{number}")
    provider.execute(
        CreateKey(Address("key.k"), owner, "encrypt", "aes-256", None, None, {}), {}
    )
provider.close()
"""


def test_processes_make_one_store_together_and_lose_nothing(hsm: Bench) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(hsm.folder), f"writer{number}", "40"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    hsm.later(minutes=1)
    assert len(hsm.provider.scan().observations) == 120
    assert intact(hsm)


def test_a_killed_writer_loses_nothing_that_was_answered(hsm: Bench) -> None:
    script = WRITER.replace("provider.close()", "print('done', flush=True); input()")
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(hsm.folder), "w", "5"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "done\n"
    writer.kill()
    writer.communicate()
    hsm.later(minutes=1)
    assert len(hsm.provider.scan().observations) == 5
    assert intact(hsm)


def test_a_store_that_is_locked_for_too_long_is_a_transient_error(
    hsm: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hsm.create("data")
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    hsm.later(minutes=1)
    other = sqlite3.connect(hsm.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TransientError):
        hsm.create("more")
    other.execute("ROLLBACK")
    other.close()
    hsm.create("more")


def test_a_failing_disk_decides_every_job(hsm: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hsm.create("data")

    def broken(*_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("keyplan_hsm.audit.Chain.append", broken)
        with pytest.raises(TransientError):
            hsm.create("more", token="more")
    assert hsm.provider.find("more") is None
    assert hsm.create("more", token="more")


# -- the group commit --------------------------------------------------------------------


def job() -> Job:
    return Job(Call("a", "e"), lambda: None)


def test_jobs_that_wait_are_committed_together() -> None:
    entered, go_on = threading.Event(), threading.Event()
    batches: list[int] = []

    def run(jobs: Any) -> None:
        batches.append(len(jobs))
        entered.set()
        go_on.wait(5)
        for item in jobs:
            item.succeed(None)

    commits = GroupCommit(run)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(commits.submit, job())
        entered.wait(5)
        others = [pool.submit(commits.submit, job()) for _ in range(8)]
        while len(commits._waiting) < 8:
            pass
        go_on.set()
        for future in (first, *others):
            future.result(5)
    assert batches == [1, 8]


def test_a_job_whose_time_is_over_is_withdrawn() -> None:
    entered, go_on = threading.Event(), threading.Event()
    done: list[Job] = []

    def run(jobs: Any) -> None:
        entered.set()
        go_on.wait(5)
        done.extend(jobs)
        for item in jobs:
            item.succeed(None)

    commits = GroupCommit(run)
    late = job()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(commits.submit, job())
        entered.wait(5)
        with pytest.raises(TimeoutError):
            commits.submit(late, 0.05)
        go_on.set()
        first.result(5)
    assert late not in done
    commits.submit(job())
    assert len(done) == 2
    assert not late.decided


def test_no_job_is_ever_left_undecided() -> None:
    def run(_: Any) -> None:
        raise KeyboardInterrupt

    commits = GroupCommit(run)
    stopped = job()
    with pytest.raises(KeyboardInterrupt):
        commits.submit(stopped)
    assert isinstance(stopped.error, OutcomeUnknownError)
    assert not commits._busy


def test_an_operation_given_no_time_does_nothing(hsm: Bench) -> None:
    hsm.create("data")
    hsm.device._commits._busy = True
    with pytest.raises(TransientError, match="busy"):
        hsm.provider.execute(make(1), {}, deadline=0.0)
    hsm.device._commits._busy = False
    assert hsm.provider.find("token-1") is None


def test_the_clock_runs_on_from_the_runs_instant(hsm: Bench) -> None:
    first = hsm.device.clock()
    assert timedelta() <= hsm.device.clock() - first < timedelta(seconds=5)


def test_an_interrupt_in_one_thread_decides_the_jobs_of_the_others(hsm: Bench) -> None:
    hsm.create("data")
    bystander = Job(Call("a", "e"), lambda _: None)

    def interrupted(_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hsm.device._commit([Job(Call("a", "e"), interrupted), bystander])
    assert isinstance(bystander.error, TransientError)
    assert hsm.create("more")
    assert intact(hsm)
