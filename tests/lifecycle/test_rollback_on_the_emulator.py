"""The whole way on the HSM emulator: files, plan, apply, rollback, and the keys themselves."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from keyplan.app.apply import ApplyOptions, Interrupt, perform
from keyplan.app.plan import plan_stack
from keyplan.app.rollback import (
    close_for_rollback,
    plan_run_rollback,
    plan_serial_rollback,
    rollback_run,
)
from keyplan.app.workspace import Workspace
from keyplan.errors import UnknownNameError
from keyplan.model.keys import KeyState, Usage
from keyplan.model.observations import Observation
from keyplan.model.operations import RotateKey
from keyplan.plans.options import PlanOptions
from keyplan.plans.reports import ApplyEvent, ApplyReport
from tests.lifecycle.undoing import EVERYTHING, NATURAL, comparable
from tests.property.test_rollback import Change, changes


def _silent(event: ApplyEvent) -> None:
    """Nobody watches."""


def _workspace(folder: Path, text: str) -> Workspace:
    (folder / "keyplan.yaml").write_text(text, encoding="utf-8")
    return Workspace(folder, environment={})


def _apply(folder: Path, text: str) -> ApplyReport | None:
    """Plan and apply the text, if that is allowed and does anything."""
    workspace = _workspace(folder, text)
    plan = plan_stack(workspace, PlanOptions()).plan
    if plan.errored or not plan.steps:
        return None
    report = perform(
        workspace,
        plan,
        allowed=EVERYTHING,
        options=ApplyOptions(),
        observer=_silent,
        interrupt=Interrupt(),
    )
    assert report.ok, report.results
    return report


def _back(workspace: Workspace, run: str) -> ApplyReport:
    result = rollback_run(
        workspace,
        run,
        allowed=NATURAL,
        options=ApplyOptions(),
        observer=_silent,
        interrupt=Interrupt(),
    )
    assert result.report.ok, result.report.results
    return result.report


def _live(workspace: Workspace) -> Mapping[str, Observation]:
    ids = [item.id for item in workspace.snapshot().state.resources.values()]
    with workspace.sessions({"hsm"}, read_only=True) as sessions:
        return dict(sessions["hsm"].read(ids))


def _as_it_was(key: Observation) -> dict[str, Any]:
    """The key without the versions and their number, which a rotation leaves behind."""
    return {
        "attributes": dict(key.attributes),
        "owner": key.owner,
        "pending": key.deletion_at is not None,
    }


def _offered(change: Change) -> bool:
    """Whether the emulator has such keys: it agrees on nothing."""
    return all(key.usage is not Usage.AGREE for stack in change for key in stack.keys)


@settings(max_examples=12, deadline=None)
@given(change=changes("hsm").filter(_offered))
def test_a_random_change_is_taken_back(change: Change) -> None:
    first, second = change
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _apply(folder, first.yaml())
        workspace = _workspace(folder, second.yaml())
        before = workspace.snapshot().state
        were = _live(workspace) if before.resources else {}
        report = _apply(folder, second.yaml())
        if report is None:
            return
        workspace = _workspace(folder, second.yaml())
        _back(workspace, report.run)
        now = _live(workspace)
        for key_id, key in were.items():
            assert _as_it_was(now[key_id]) == _as_it_was(key)
        for key_id in now.keys() - were.keys():
            assert now[key_id].state is not KeyState.ACTIVE
        state = workspace.snapshot().state
        for address, was in before.resources.items():
            assert comparable(state.resources[address]) == comparable(was)
        assert not plan_run_rollback(workspace, report.run).plan.steps
        if before.serial:
            assert not plan_serial_rollback(workspace, before.serial).plan.errored


STACK = """\
provider:
  hsm: {store: .keyplan/hsm.db}
key:
  root: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
  data: {provider: hsm, parent: key.root, usage: encrypt, algorithm: aes-256%s}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert _apply(tmp_path, STACK % "")
    return tmp_path


def test_the_brakes_of_nature_need_no_name(tmp_path: Path) -> None:
    report = _apply(tmp_path, STACK % "")
    assert report is not None
    result = rollback_run(
        _workspace(tmp_path, STACK % ""),
        report.run,
        allowed=frozenset(),
        options=ApplyOptions(),
        observer=_silent,
        interrupt=Interrupt(),
    )
    assert result.report.ok
    assert {item.rule for item in result.residue} == {"KP-BACK-002"}
    assert [step.operation.name for step in result.plan.steps] == ["change_state"] * 2
    assert [str(step.address) for step in result.plan.steps] == ["key.data", "key.root"]


def test_a_rollback_needs_an_open_run_or_a_name(folder: Path) -> None:
    workspace = _workspace(folder, STACK % "")
    with pytest.raises(UnknownNameError, match="no open run"):
        close_for_rollback(workspace, lock_timeout=0.0)
    with pytest.raises(UnknownNameError, match="there is no run"):
        plan_run_rollback(workspace, "nothing")


def test_a_rotated_key_uses_its_old_version_again(folder: Path) -> None:
    every = STACK % ", rotation: {every: 1s}"
    assert _apply(folder, every)
    workspace = _workspace(folder, every)
    workspace.clock.sleep(1.1)
    report = _apply(folder, every)
    assert report is not None
    (rotation,) = (item.step.operation for item in report.results)
    assert isinstance(rotation, RotateKey)
    _back(workspace, report.run)
    data = max(_live(workspace).values(), key=lambda key: len(key.versions))
    active = [item.number for item in data.versions if item.state is KeyState.ACTIVE]
    assert active == [rotation.version - 1]
    plan = plan_serial_rollback(workspace, 1).plan
    assert "KP-BACK-003" in {item.rule for item in plan.findings}
