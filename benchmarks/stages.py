"""One measured run in a process of its own; prints JSON. Started by `bench_core.py`.

    stages.py MODE FOLDER      MODE: yaml | plan | apply

`plan` times each stage of planning the stack in FOLDER, `apply` also performs the plan
with the real store and journal, counting what is forced to disk; `yaml` reads the same
file with PyYAML's C loader, as the base of comparison.
"""

# ruff: noqa: PLC0415  (importing is a stage of its own)

from __future__ import annotations

import gc
import json
import os
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

STAGES_OF_PLANNING = {
    "refresh": "refresh",
    "want": "policies",
    "compare": "diff",
    "_steps": "order",
    "resource_changes": "changes",
    "policy_stages": "lockout",
    "prove_no_lockout": "lockout",
    "access_changes": "access",
}
"""Functions that `keyplan.planning.planner` and its `inputs` call, and the stage of each."""


class Stopwatch:
    """Seconds by stage, in the order in which stages began."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - start
            self.seconds[stage] = self.seconds.get(stage, 0.0) + passed

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **options: Any) -> Any:
            with self.timed(stage):
                return function(*args, **options)

        return timed


class ForcedWrites:
    """Counts what is forced to disk: `os.fsync`, `os.fdatasync`, and commits of SQLite."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def install(self) -> None:
        for name in ("fsync", "fdatasync"):
            setattr(os, name, self._counting(name, getattr(os, name)))
        connect = sqlite3.connect

        def connecting(*args: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*args, **options)
            connection.set_trace_callback(self._statement)
            return connection

        sqlite3.connect = connecting  # type: ignore[assignment]

    def _counting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self.counts[name] += 1
            return function(*args)

        return counted

    def _statement(self, statement: str) -> None:
        if statement.lstrip()[:6].upper() == "COMMIT":
            self.counts["sqlite_commits"] += 1


def read_yaml(folder: Path) -> Mapping[str, Any]:
    """How long PyYAML's C loader takes for the same file."""
    import yaml

    text = (folder / "keyplan.yaml").read_text(encoding="utf-8")
    watch = Stopwatch()
    with watch.timed("yaml"):
        yaml.load(text, Loader=yaml.CSafeLoader)
    return {"stages": watch.seconds}


def plan(folder: Path, *, apply: bool) -> Mapping[str, Any]:
    """Plan stage by stage, as `keyplan plan` does, and perform it if asked to."""
    writes = ForcedWrites()
    writes.install()
    watch = Stopwatch()
    with watch.timed("imports"):
        from keyplan.app.plan import plan_stack
        from keyplan.app.workspace import Workspace
        from keyplan.config import loader
        from keyplan.graph import link
        from keyplan.planning import inputs, planner
        from keyplan.plans.options import PlanOptions
        from keyplan.render.text import plan_text
        from keyplan.state import snapshot

        workspace = Workspace(folder, environment=dict(os.environ))
    for name, stage in STAGES_OF_PLANNING.items():
        place = planner if hasattr(planner, name) else inputs
        setattr(place, name, watch.around(stage, getattr(place, name)))
    link.read = watch.around("config", loader.read)  # type: ignore[attr-defined]
    link.link_into = watch.around("link", link.link_into)
    snapshot.decode_state = watch.around("state", snapshot.decode_state)  # type: ignore[attr-defined]
    snapshot.verify = watch.around("state", snapshot.verify)  # type: ignore[attr-defined]
    start = time.perf_counter()
    result = plan_stack(workspace, PlanOptions())
    planned = time.perf_counter() - start
    with watch.timed("render"):
        text = plan_text(result.plan)
    watch.seconds["rest"] = planned - sum(
        seconds for stage, seconds in watch.seconds.items() if stage not in ("imports", "render")
    )
    report: dict[str, Any] = {
        "stages": watch.seconds,
        "planned": planned,
        "steps": len(result.plan.steps),
        "errors": len([finding for finding in result.plan.findings if finding.blocks]),
        "bytes": len(text),
    }
    if apply:
        report |= perform(workspace, result.plan, writes)
    return report


def perform(workspace: Any, plan: Any, writes: ForcedWrites) -> Mapping[str, Any]:
    """Apply with the real store and journal, and say what was forced to disk."""
    from keyplan.app.apply import ApplyOptions, Interrupt
    from keyplan.app.apply import perform as apply_plan

    writes.counts.clear()
    gc.collect()
    start = time.perf_counter()
    report = apply_plan(
        workspace,
        plan,
        allowed=frozenset(),
        options=ApplyOptions(),
        observer=lambda _: None,
        interrupt=Interrupt(),
    )
    return {
        "applied": time.perf_counter() - start,
        "ok": report.ok,
        "added": report.counts.add,
        "forced": dict(writes.counts),
    }


def main(mode: str, folder: str) -> None:
    match mode:
        case "yaml":
            result = read_yaml(Path(folder))
        case "plan" | "apply":
            result = plan(Path(folder), apply=mode == "apply")
        case _:
            raise SystemExit(f"unknown mode {mode}")
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
