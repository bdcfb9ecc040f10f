"""The benchmark runs, measures every stage, and says when a target is missed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
BENCHMARK = FOLDER / "bench_core.py"


def test_a_quick_run_measures_every_stage(tmp_path: Path) -> None:
    written = tmp_path / "result.json"
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--quick", "--sizes", "20", "--check",
         "--json", str(written)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "keys/s" in done.stdout
    measured = json.loads(written.read_text())["sizes"][0]
    assert measured["keys"] == 20
    for run, stages in (
        ("first", {"config", "link", "policies", "diff", "order", "access", "render"}),
        ("noop", {"config", "link", "state", "refresh", "diff", "render"}),
    ):
        assert stages <= measured[run]["stages"].keys()
        assert measured[run]["errors"] == 0
    assert measured["first"]["steps"] >= 20
    assert measured["noop"]["steps"] == 0
    assert measured["first_peak_mb"] > 10
    assert measured["first_cpu"] > 0
    assert measured["forced"]["fsync"] > 0
    assert measured["forced"]["sqlite_commits"] > 0


def test_the_language_is_measured_with_all_that_makes_many_keys_of_few_lines() -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "bench_language.py"), "--keys", "400", "--repeat", "1"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("keys                          403\n")
    assert "load, expand and link: s" in done.stdout


def test_aws_is_measured_beside_a_bare_loop_and_a_plan_needs_nothing() -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "bench_aws.py"), "--keys", "30", "--repeat", "1"],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    measured = {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}
    assert 4 < measured["calls_per_key"] < 4.2
    assert measured["ratio"] > 0
    assert measured["plan_seconds"] > 0
