"""Each call of a 20-key apply goes wrong in each way, and afterwards there are 20 keys.

On AWS as the strict double plays it, over HTTP, with boto3's own timeouts; and on the
fake. A call that fails is any call at all: those that write, and those that read, search
or ask who one is. Nobody waits: the clock leaps over every pause.
"""

from __future__ import annotations

import copy
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from keyplan.app.apply import ApplyOptions, Interrupt, perform
from keyplan.app.plan import plan_stack
from keyplan.app.resume import resume
from keyplan.app.workspace import Workspace
from keyplan.applying.options import unwatched
from keyplan.errors import KeyplanError
from keyplan.plans.options import PlanOptions
from keyplan.testing.faults import FaultKind
from keyplan_aws import clients
from tests.aws_double import KmsDouble
from tests.crash.stacks import stack
from tests.lifecycle.world import World, create

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
TOTAL = 20
BRAKES = frozenset({"max-delete", "max-update"})
MORE = """\
  more:
    for_each: [{names}]
    parent: key.master
    policies: [policy.envelope]
    aliases: ["acme/more-${{each.key}}"]
    rotation: {{every: 365d}}
"""
Break = Callable[[KmsDouble, str, int], None]
BREAKS: dict[str, Break] = {
    "answer lost": lambda double, call, nth: double.faults.lose_answer(call, on=nth),
    "request lost": lambda double, call, nth: double.faults.drop_request(call, on=nth),
    "throttled": lambda double, call, nth: double.faults.throttle(call, on=nth, times=2),
    "5xx": lambda double, call, nth: double.faults.internal(call, on=nth),
    "5xx, but done": lambda double, call, nth: double.faults.internal(call, on=nth, done=True),
    "timeout": lambda double, call, nth: double.faults.hang(call, on=nth, seconds=20),
    "timeout, but done": lambda double, call, nth: double.faults.hang(
        call, on=nth, seconds=20, done=True
    ),
    "denied": lambda double, call, nth: double.faults.deny(call, on=nth, times=1),
    "denied from now on": lambda double, call, nth: double.faults.deny(call, on=nth),
}


class LeapingClock:
    """The machine's clock, except that a sleep takes no time and the clock leaps over it."""

    def __init__(self) -> None:
        self._leapt = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._leapt)

    def monotonic(self) -> float:
        return time.monotonic() + self._leapt

    def steady(self) -> float:
        return self.monotonic()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._leapt += seconds


class Site:
    """Twenty keys to be on the double: made, or changed from what was made before."""

    def __init__(self, double: KmsDouble, folder: Path) -> None:
        self.double = double
        self.folder = folder
        self._number = 0
        self._kept: dict[str, Any] = {}

    def begin(self, scenario: str) -> Path:
        """A fresh folder and world, before the apply in question."""
        self._number += 1
        folder = self.folder / str(self._number)
        state, keys, aliases = self._kept.get(scenario, (None, {}, {}))
        if state is not None:
            shutil.copytree(state, folder)
        else:
            folder.mkdir()
        world = self.double.world
        world._keys, world._aliases = copy.deepcopy((keys, aliases))
        which, more = ("first", 13) if scenario == "made" else ("changed", 11)
        names = ", ".join(f"k{number}" for number in range(more))
        text = stack(which, "aws", "", account=self.double.caller.account)
        (folder / "keyplan.yaml").write_text(text + MORE.format(names=names))
        return folder

    def keep(self, scenario: str, folder: Path) -> None:
        """What there is now is what `scenario` begins with."""
        world = self.double.world
        self._kept[scenario] = (folder, *copy.deepcopy((world._keys, world._aliases)))

    def count(self) -> int:
        """Keys in the account."""
        return len(self.double.world.keys(self.double.caller.account, "us-east-1"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch, KmsDouble() as double:
        for name, value in double.environment().items():
            patch.setenv(name, value)
        patch.setattr(clients, "PATIENCE", (1.5,))
        yield Site(double, tmp_path_factory.mktemp("site"))


def apply(folder: Path, clock: LeapingClock) -> bool:
    """Plan and apply; whether all went well. An error before the first write is raised."""
    workspace = Workspace(folder, environment={}, clock=clock)
    plan = plan_stack(workspace, PlanOptions()).plan
    assert not plan.errored, plan.findings
    if not plan.has_changes:
        return True
    report = perform(
        workspace,
        plan,
        allowed=BRAKES,
        options=ApplyOptions(),
        observer=unwatched,
        interrupt=Interrupt(),
    )
    return report.ok


def finish(folder: Path, clock: LeapingClock) -> None:
    """What a person does afterwards: resume if a run is open, and apply again."""
    workspace = Workspace(folder, environment={}, clock=clock)
    if workspace.snapshot().open_run is not None:
        report = resume(
            workspace,
            accept=False,
            options=ApplyOptions(),
            observer=unwatched,
            interrupt=Interrupt(),
        )
        assert report.closed
    assert apply(folder, clock)


def calls(site: Site, scenario: str) -> dict[str, int]:
    """How often an undisturbed apply makes each call; its plan is not counted."""
    if scenario == "changed" and scenario not in site._kept:
        calls(site, "made")
    folder = site.begin(scenario)
    site.double.calls.clear()
    assert apply(folder, LeapingClock())
    names = site.double.calls.names()
    if scenario == "made":
        assert site.count() == TOTAL
        site.keep("changed", folder)
    return {name: names.count(name) for name in sorted(set(names))}


def fails(site: Site, scenario: str, call: str, kind: str, nth: int) -> None:
    """One apply in which one call goes wrong; then all is well, and there are 20 keys."""
    folder, clock, faults = site.begin(scenario), LeapingClock(), site.double.faults
    BREAKS[kind](site.double, call, nth)
    with suppress(KeyplanError):  # what stops it before its first write is raised
        apply(folder, clock)
    faults.clear()
    finish(folder, clock)
    wanted = TOTAL if scenario == "made" else TOTAL + 2  # the two that the change creates
    assert site.count() == wanted
    plan = plan_stack(Workspace(folder, environment={}, clock=clock), PlanOptions()).plan
    assert not plan.steps


def fail_all(site: Site, scenario: str, *, at_most: int | None = None) -> None:
    """Every call in every way, or as many of these as are asked for, in any order."""
    random, seen = Random(scenario), calls(site, scenario)
    assert {"CreateKey", "CreateAlias"} <= seen.keys()
    pairs = [(call, kind) for call in seen for kind in BREAKS]
    random.shuffle(pairs)
    pairs.sort(key=lambda pair: pair[0].startswith(("Get", "List", "Describe")))
    writes = sum(not call.startswith(("Get", "List", "Describe")) for call, _ in pairs)
    if at_most is not None:
        pairs = [*pairs[: at_most // 2], *pairs[writes : writes + at_most // 2]]
    for call, kind in pairs:
        nth = random.randint(1, seen[call])
        try:
            fails(site, scenario, call, kind, nth)
        except BaseException as error:
            again = f"fails(site, {scenario!r}, {call!r}, {kind!r}, {nth})"
            raise AssertionError(f"{again}: {error}") from error


@pytest.mark.parametrize("scenario", ["made", "changed"])
def test_on_aws_as_the_double_plays_it(site: Site, scenario: str) -> None:
    fail_all(site, scenario, at_most=10)


@pytest.mark.soak
@pytest.mark.skipif(not SOAK, reason="minutes: HYPOTHESIS_PROFILE=soak")
@pytest.mark.parametrize("scenario", ["made", "changed"])
def test_on_aws_whichever_call_it_is(site: Site, scenario: str) -> None:
    fail_all(site, scenario)


KINDS = (
    FaultKind.LOST_BEFORE,
    FaultKind.LOST_AFTER,
    FaultKind.THROTTLED,
    FaultKind.TRANSIENT,
    FaultKind.DENIED,
    FaultKind.UNAUTHENTICATED,
    FaultKind.QUOTA,
    FaultKind.DEFECT,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nth", range(1, TOTAL + 1))
def test_on_the_fake(kind: FaultKind, nth: int) -> None:
    world, names = World(), [f"k{number}" for number in range(TOTAL)]
    plan = world.plan(create(name) for name in names)
    world.service.faults.add(kind, "create_key", nth=nth, times=3)
    world.apply(plan, parallelism=4)
    world.service.faults.clear()
    if world.snapshot.open_run is not None:
        assert world.resume().closed
    left = [name for name in names if f"key.{name}" not in map(str, world.state.resources)]
    if left:
        assert world.apply(world.plan(create(name) for name in left)).ok
    assert len(world.service.current()) == TOTAL
    assert world.agree()
