"""The benchmark of what safety costs runs, and what does not depend on the machine is held."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.crash.processes import ROOT


def test_entries_of_a_wave_share_a_flush() -> None:
    script = ROOT / "benchmarks" / "bench_safety.py"
    done = subprocess.run(
        [sys.executable, script, "--keys", "30", "--rounds", "1", "--s3-keys", "60"],
        stdout=subprocess.PIPE, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert re.search(r"^apply of 30 keys, 30 steps, 1 rounds:$", done.stdout, re.MULTILINE)
    found = re.search(r"'a wave': ([\d.]+)", done.stdout)
    assert found is not None
    assert 1 <= float(found[1]) <= 2
    waves = re.search(r"'waves': (\d+)", done.stdout)
    assert waves is not None
    assert int(waves[1]) < 30  # 60 steps
