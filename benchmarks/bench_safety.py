"""What crash safety costs: an apply with its journal, and the same apply with none.

    python benchmarks/bench_safety.py [--keys 1000] [--rounds 5] [--check]

Both run in turns, each in a process and a folder of its own, on the HSM emulator with the
local store; the medians are compared. The one without a journal could not be finished
after a crash: it is a base, and no option of keyplan. For S3 (`keyplan mock aws`) the PUTs
of a wave are counted: a wave is what starts together and shares a flush. `--check` exits 1
if a target is missed.
"""

# ruff: noqa: PLC0415  (what a child imports is a part of its run)

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keyplan.testing.stacks import write_stack

OVERHEAD = 0.25
"""The journal may add so much to an apply."""

PUTS_A_WAVE = 2.0


# -- in the child ------------------------------------------------------------------------


def without_journal() -> None:
    """Entries stay in memory: no encoding, no write, no flush."""
    from keyplan.state.journal import JournalWriter
    from keyplan_state.local import LocalStore

    JournalWriter.append = lambda *_, **__: None  # type: ignore[method-assign]
    JournalWriter.flush = lambda *_: None  # type: ignore[method-assign]
    LocalStore.archive = lambda *_, **__: None  # type: ignore[method-assign]


def counted() -> Counter[str]:
    """PUTs by what they write, and waves."""
    from keyplan_state.s3_objects import Objects
    from keyplan_state.s3_store import S3Store

    counts: Counter[str] = Counter()
    put, append = Objects.put_once, S3Store.append

    def putting(this: Objects, write: Any) -> str:
        counts[write.name.partition("/")[0]] += 1
        return put(this, write)

    def appending(this: S3Store, log: str, lines: Sequence[bytes], **named: Any) -> None:
        counts["flushes"] += 1
        counts["waves"] += any(b'"kind":"step_started"' in line for line in lines)
        append(this, log, lines, **named)

    Objects.put_once = putting  # type: ignore[method-assign]
    S3Store.append = appending  # type: ignore[method-assign]
    return counts


def child(mode: str, folder: Path) -> None:
    """Plan, and measure the apply alone."""
    from keyplan.app.apply import ApplyOptions, Interrupt, perform
    from keyplan.app.plan import plan_stack
    from keyplan.app.workspace import Workspace
    from keyplan.plans.options import PlanOptions

    counts = counted() if mode == "s3" else Counter()
    if mode == "bare":
        without_journal()
    workspace = Workspace(folder, environment=dict(os.environ))
    plan = plan_stack(workspace, PlanOptions()).plan
    wall, cpu = time.perf_counter(), time.process_time()
    report = perform(
        workspace,
        plan,
        allowed=frozenset(),
        options=ApplyOptions(),
        observer=lambda _: None,
        interrupt=Interrupt(),
    )
    found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    assert report.ok
    sys.stdout.write(json.dumps({**found, "steps": len(plan.steps), "counts": counts}))


# -- in the parent -----------------------------------------------------------------------


def measured(mode: str, keys: int, state: str = "", **environment: str) -> dict[str, Any]:
    """One run in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="keyplan-safety-") as name:
        file = write_stack(Path(name), keys)
        if state:
            text = file.read_text()
            file.write_text(text.replace("local: {path: keyplan.state.json}", state))
        done = subprocess.run(
            [sys.executable, __file__, "--child", mode, name],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            env={**os.environ, **environment},
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def overhead(keys: int, rounds: int) -> dict[str, float]:
    """Medians of both, and what the journal adds to each."""
    runs: dict[str, list[dict[str, Any]]] = {"journal": [], "bare": []}
    for number in range(rounds):
        for mode in sorted(runs, reverse=bool(number % 2)):
            runs[mode].append(measured(mode, keys))
    found: dict[str, float] = {"steps": runs["bare"][0]["steps"]}
    for clock in ("wall", "cpu"):
        with_, without = (
            statistics.median(run[clock] for run in runs[mode]) for mode in ("journal", "bare")
        )
        found |= {clock: with_, f"{clock} bare": without, f"{clock} more": with_ / without - 1}
    return found


def puts(keys: int) -> dict[str, float]:
    """Of an apply whose state is in S3, as moto plays it."""
    import boto3

    mock = [sys.executable, "-c", "from keyplan.cli.main import main; main()"]
    with subprocess.Popen(
        [*mock, "mock", "aws", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip().partition("=")[2]
            access = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            client = boto3.client(
                "s3", endpoint_url=url, region_name="us-east-1",
                aws_access_key_id="test", aws_secret_access_key="test",
            )  # fmt: skip
            client.create_bucket(Bucket="safety")
            state = f"s3: {{bucket: safety, key: s, region: us-east-1, endpoint_url: '{url}'}}"
            counts = measured("s3", keys, state, **access)["counts"]
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=60)
    return {**counts, "a wave": counts["journal"] / counts["waves"]}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what crash safety costs.")
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--s3-keys", type=int, default=300)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return 0
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores")
    cost = overhead(options.keys, options.rounds)
    print(f"apply of {options.keys:,} keys, {cost['steps']:.0f} steps, {options.rounds} rounds:")
    for clock in ("wall", "cpu"):
        a_step = (cost[clock] - cost[f"{clock} bare"]) / cost["steps"] * 1e6
        print(
            f"  {clock}: {cost[clock]:.3f} s with a journal, {cost[f'{clock} bare']:.3f} s without,"
            f" {cost[f'{clock} more']:+.1%}, {a_step:.0f} us a step"
        )
    requests = puts(options.s3_keys)
    print(f"S3, {options.s3_keys} keys: {requests}")
    missed = max(cost["cpu more"], cost["wall more"]) > OVERHEAD or requests["a wave"] > PUTS_A_WAVE
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
