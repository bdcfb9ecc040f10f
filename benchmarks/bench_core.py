"""How fast the core is: stacks of 100 to 10,000 keys on the HSM emulator, stage by stage.

    python benchmarks/bench_core.py [--sizes 100,1000] [--quick] [--json FILE] [--check]

For each size: a first plan, its apply, and a plan that finds nothing to do. Each runs in a
process of its own, so that its peak memory is its own; the commands `keyplan plan` are
timed as a user waits for them, start of Python included. `--check` compares with the
targets of the project and exits 1 if one is missed; `--quick` is for CI: small sizes, no
targets.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keyplan.testing.stacks import write_stack

HERE = Path(__file__).parent
SIZES = (100, 1_000, 3_000, 10_000)
QUICK = (50, 200)
KEYPLAN = [sys.executable, "-c", "import sys; from keyplan.cli.main import main; sys.exit(main())"]


@dataclass(frozen=True, slots=True)
class Run:
    """One process: how long it took, on a processor and on the wall, and its peak memory in MB."""

    seconds: float
    cpu: float
    peak_mb: float
    code: int
    output: str


@dataclass(slots=True)
class Measured:
    """Everything about one size. Times are in seconds, memory in MB."""

    keys: int
    yaml: float = 0.0
    first: Mapping[str, Any] = field(default_factory=dict)
    noop: Mapping[str, Any] = field(default_factory=dict)
    first_command: float = 0.0
    first_cpu: float = 0.0
    first_peak_mb: float = 0.0
    noop_command: float = 0.0
    noop_cpu: float = 0.0
    noop_peak_mb: float = 0.0
    applied: float = 0.0
    forced: Mapping[str, int] = field(default_factory=dict)

    @property
    def keys_per_second(self) -> float:
        return self.keys / self.applied if self.applied else 0.0

    @property
    def forced_per_key(self) -> float:
        return sum(self.forced.values()) / self.keys


def run(command: Sequence[str], folder: Path) -> Run:
    """Run a process to its end. Memory is the kernel's `ru_maxrss` of that very child."""
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024
        peak = usage.ru_maxrss * unit / 1e6
        cpu = usage.ru_utime + usage.ru_stime
        return Run(seconds, cpu, peak, child.returncode, output.read())


def stage(mode: str, folder: Path) -> Mapping[str, Any]:
    """One run of `stages.py`."""
    done = run([sys.executable, str(HERE / "stages.py"), mode, str(folder)], folder)
    if done.code != 0:
        raise SystemExit(f"{mode} of {folder.name} failed; run benchmarks/stages.py to see why")
    result: Mapping[str, Any] = json.loads(done.output)
    return result


def plan_command(folder: Path, expected: int, repeat: int) -> tuple[float, float, float]:
    """`keyplan plan` as a user waits for it: best time, best CPU time, worst peak memory."""
    runs = [run([*KEYPLAN, "plan", "--detailed-exitcode"], folder) for _ in range(repeat)]
    for done in runs:
        if done.code != expected:
            raise SystemExit(
                f"keyplan plan exited with {done.code}, not {expected}:\n{done.output}"
            )
    return (
        min(done.seconds for done in runs),
        min(done.cpu for done in runs),
        max(done.peak_mb for done in runs),
    )


def measure(keys: int, repeat: int) -> Measured:
    """Everything about one size, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"keyplan-{keys}-") as name:
        folder = Path(name)
        write_stack(folder, keys)
        result = Measured(keys)
        result.yaml = min(stage("yaml", folder)["stages"]["yaml"] for _ in range(repeat))
        first = plan_command(folder, 2, repeat)
        result.first_command, result.first_cpu, result.first_peak_mb = first
        result.first = min((stage("plan", folder) for _ in range(repeat)), key=_planned)
        applied = stage("apply", folder)
        if not applied["ok"] or applied["added"] != keys:
            raise SystemExit(f"the apply of {keys} keys did not succeed")
        result.applied, result.forced = applied["applied"], applied["forced"]
        noop = plan_command(folder, 0, repeat)
        result.noop_command, result.noop_cpu, result.noop_peak_mb = noop
        result.noop = min((stage("plan", folder) for _ in range(repeat)), key=_planned)
        return result


def _planned(result: Mapping[str, Any]) -> float:
    return float(result["planned"])


# -- showing -----------------------------------------------------------------------------


def table(measured: Sequence[Measured]) -> str:
    """What people read: one column for each size."""
    rows: list[tuple[str, list[str]]] = [
        ("keys", [f"{one.keys:,}" for one in measured]),
        ("keyplan plan, first: seconds", [f"{one.first_command:.2f}" for one in measured]),
        ("    of CPU time", [f"{one.first_cpu:.2f}" for one in measured]),
        ("    peak MB", [f"{one.first_peak_mb:.0f}" for one in measured]),
        ("keyplan plan, no changes: seconds", [f"{one.noop_command:.2f}" for one in measured]),
        ("    of CPU time", [f"{one.noop_cpu:.2f}" for one in measured]),
        ("    peak MB", [f"{one.noop_peak_mb:.0f}" for one in measured]),
        ("apply: seconds", [f"{one.applied:.2f}" for one in measured]),
        ("    keys/s", [f"{one.keys_per_second:.0f}" for one in measured]),
        ("    forced writes/key", [f"{one.forced_per_key:.3f}" for one in measured]),
    ]
    for label, count in (
        ("fsync", "fsync"), ("fdatasync", "fdatasync"), ("SQLite commits", "sqlite_commits"),
    ):  # fmt: skip
        rows.append((f"    {label}", [f"{one.forced.get(count, 0):,}" for one in measured]))
    rows.append(("yaml.load(CSafeLoader): seconds", [f"{one.yaml:.3f}" for one in measured]))
    rows.append(
        (
            "    first plan, times that",
            [f"{_planned(one.first) / one.yaml:.1f}" for one in measured],
        )
    )
    for title, runs in (
        ("first plan, by stage (ms)", [one.first for one in measured]),
        ("plan without changes, by stage (ms)", [one.noop for one in measured]),
    ):
        rows.append((title, [""] * len(runs)))
        stages = dict.fromkeys(name for result in runs for name in result["stages"])
        for name in stages:
            cells = [f"{1000 * result['stages'].get(name, 0):.0f}" for result in runs]
            rows.append((f"    {name}", cells))
    width = max(len(label) for label, _ in rows)
    return "\n".join(
        f"{label:<{width}}" + "".join(f"{cell:>10}" for cell in cells) for label, cells in rows
    )


def machine() -> Mapping[str, Any]:
    """What it was measured on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def missed(measured: Sequence[Measured]) -> list[str]:
    """The targets that were not met, as sentences."""
    targets = {
        3_000: (("first_command", 1.5), ("noop_command", 1.5), ("noop_peak_mb", 200.0)),
        10_000: (("first_command", 5.0), ("noop_command", 5.0), ("noop_peak_mb", 450.0)),
    }
    sentences = [
        f"{one.keys} keys: {name} is {getattr(one, name):.2f}, and should be at most {limit}"
        for one in measured
        for name, limit in targets.get(one.keys, ())
        if getattr(one, name) > limit
    ]
    sentences += [
        f"{one.keys} keys: {one.keys_per_second:.0f} keys/s were applied, and should be 500"
        for one in measured
        if one.keys == 3_000 and one.keys_per_second < 500
    ]
    return sentences


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the core on generated stacks.")
    parser.add_argument("--sizes", help="numbers of keys, separated by commas")
    parser.add_argument("--quick", action="store_true", help="small sizes, once each")
    parser.add_argument("--repeat", type=int, default=3, help="best of N (3)")
    parser.add_argument("--json", type=Path, help="also write everything there")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else SIZES
    if options.sizes:
        sizes = tuple(int(size) for size in options.sizes.split(","))
    measured = []
    for size in sizes:
        print(f"measuring {size:,} keys ...", file=sys.stderr)
        measured.append(measure(size, 1 if options.quick else options.repeat))
    facts = machine()
    print(f"Python {facts['python']}, {facts['system']}, {facts['cores']} cores\n")
    print(table(measured))
    if options.json:
        document = {"machine": facts, "sizes": [asdict(one) for one in measured]}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    problems = missed(measured) if options.check else []
    for problem in problems:
        print(f"missed: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
