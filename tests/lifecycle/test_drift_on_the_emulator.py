"""Drift on the HSM emulator: nothing that did not happen, each thing that did, and back again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from keyplan.app.apply import ApplyOptions, Interrupt, perform
from keyplan.app.drift import DriftResult, check_drift
from keyplan.app.plan import plan_stack
from keyplan.app.workspace import Workspace
from keyplan.model.address import Address
from keyplan.model.keys import KeyState, Usage
from keyplan.model.operations import (
    ChangeState,
    CreateAlias,
    CreateGrant,
    DeleteAlias,
    Operation,
    PutLabels,
    PutPolicy,
    RevokeGrant,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.plans.changes import DriftKind
from keyplan.plans.options import PlanOptions
from keyplan.plans.plan import Plan
from keyplan.plans.reports import ApplyEvent
from keyplan.testing.stack_spec import StackSpec
from keyplan.testing.strategies import stacks
from tests.lifecycle.undoing import EVERYTHING

A = Address("key.a")

STACK = """\
provider:
  hsm: {store: .keyplan/hsm.db}
principal:
  admins: {kind: human, hsm: "spiffe://keyplan.example/admins"}
  reader: {kind: workload, hsm: "spiffe://keyplan.example/reader"}
policy:
  p:
    administrators: [principal.admins]
    statement: {Use: {principals: [principal.reader], operations: [decrypt]}}
key:
  a:
    provider: hsm
    tier: root
    usage: encrypt
    algorithm: aes-256
    state: active
    description: as it should be
    labels: {team: payments}
    aliases: [name]
    rotation: {every: 90d}
    expires_at: 2090-01-01
    exportable: false
    policies: [policy.p]
    grants: {batch: {principal: principal.reader, operations: [decrypt]}}
    deletion: {protection: false, soak: 0d, window: 7d}
"""


def _silent(event: ApplyEvent) -> None:
    """Nobody watches."""


def _perform(workspace: Workspace, plan: Plan) -> None:
    report = perform(
        workspace,
        plan,
        allowed=EVERYTHING,
        options=ApplyOptions(operation="drift"),
        observer=_silent,
        interrupt=Interrupt(),
    )
    assert report.ok, report.results


def _applied(folder: Path, text: str) -> Workspace:
    (folder / "keyplan.yaml").write_text(text, encoding="utf-8")
    workspace = Workspace(folder, environment={})
    plan = plan_stack(workspace, PlanOptions()).plan
    assert not plan.errored, plan.findings
    _perform(workspace, plan)
    return workspace


def _look(folder: Path, *, unmanaged: bool = False) -> DriftResult:
    workspace = Workspace(folder, environment={})
    return check_drift(workspace, PlanOptions(), unmanaged=unmanaged)


def _offered(stack: StackSpec) -> bool:
    """Whether the emulator has such keys: it agrees on nothing."""
    return all(key.usage is not Usage.AGREE for key in stack.keys)


@given(stacks(max_keys=6, provider="hsm").filter(_offered))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_converged_stacks_have_no_drift(stack: StackSpec) -> None:
    with tempfile.TemporaryDirectory() as name:
        _applied(Path(name), stack.yaml())
        report = _look(Path(name), unmanaged=True).report
        assert (report.drifted, report.strays, report.respelt) == ((), (), ())
        assert report.read == report.keys == len(stack.keys)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stack")
    _applied(folder, STACK)
    return folder


def _theirs(workspace: Workspace) -> Mapping[str, tuple[Operation, str, DriftKind, bool]]:
    """What somebody does, the path and class it is told under, and whether it is put back."""
    key = workspace.snapshot().state.resources[A]
    policy: Any = key.attributes["policy"]
    grants: Any = key.attributes["grants"]
    wider = {**policy, "administrators": [*policy["administrators"], "spiffe://x.example/y"]}
    narrower = {**policy, "statements": []}
    k = DriftKind
    return {
        "description": (
            SetAttribute(A, "description", "as it should be", "x"), "description", k.METADATA, True
        ),
        "label": (
            PutLabels(A, {"team": "x"}, [], {"team": "payments"}), "labels:team", k.METADATA, True
        ),
        "alias gone": (DeleteAlias(A, "name"), "aliases:name", k.AVAILABILITY, True),
        "alias of others": (CreateAlias(A, "theirs"), "aliases:theirs", k.ACCESS_WIDENED, False),
        "rotation": (
            SetAttribute(A, "rotation", {"every": "90d"}, None), "rotation", k.AVAILABILITY, True
        ),
        "end": (
            SetAttribute(A, "expires_at", key.attributes["expires_at"], None),
            "expires_at",
            k.ACCESS_WIDENED,
            True,
        ),
        "policy wider": (PutPolicy(A, policy, wider), "policy", k.ACCESS_WIDENED, True),
        "policy narrower": (PutPolicy(A, policy, narrower), "policy", k.ACCESS_NARROWED, True),
        "grant gone": (
            RevokeGrant(A, "batch", grants["batch"]), "grants:batch", k.ACCESS_NARROWED, True
        ),
        "grant of others": (
            CreateGrant(A, "more", grants["batch"]), "grants:more", k.ACCESS_WIDENED, False
        ),
        "suspended": (
            ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED), "state", k.AVAILABILITY, True
        ),
        "compromised": (
            ChangeState(A, KeyState.ACTIVE, KeyState.COMPROMISED), "state", k.DESTRUCTIVE, False
        ),
        "disowned": (SetOwner(A, key.owner, None), "mark", k.METADATA, True),
        "scheduled": (ScheduleDeletion(A, "7d"), "deletion_at", k.DESTRUCTIVE, False),
    }  # fmt: skip


THEIRS = (
    "description", "label", "alias gone", "alias of others", "rotation", "end", "policy wider",
    "policy narrower", "grant gone", "grant of others", "suspended", "compromised", "disowned",
    "scheduled",
)  # fmt: skip


@pytest.mark.parametrize("what", THEIRS)
def test_each_change_is_told_once_and_put_back_where_that_is_safe(
    what: str, template: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stack"
    shutil.copytree(template, folder)
    workspace = Workspace(folder, environment={})
    operation, path, kind, back = _theirs(workspace)[what]
    ids = {address: item.id for address, item in workspace.snapshot().state.resources.items()}
    stop = ChangeState(A, KeyState.ACTIVE, KeyState.SUSPENDED)
    with workspace.sessions({"hsm"}, read_only=False) as sessions:
        for one in (stop, operation) if what == "scheduled" else (operation,):
            sessions["hsm"].execute(one, ids)  # type: ignore[arg-type]
    found = _look(folder)
    (entry,) = found.report.drifted
    assert (entry.item.path, entry.item.kind, bool(entry.by_remedy)) == (path, kind, back)
    assert found.exit_code == 2
    if back:
        _perform(Workspace(folder, environment={}), found.remedy.plan)
        assert _look(folder).report.drifted == ()
    else:
        assert entry.left
        assert found.remedy.plan.steps == ()


def test_every_observed_attribute_of_the_key_is_among_them(template: Path) -> None:
    workspace = Workspace(template, environment={})
    resource = workspace.snapshot().state.resources[A]
    told = {path.partition(":")[0] for _, path, _, _ in _theirs(workspace).values()}
    assert set(_theirs(workspace)) == set(THEIRS)
    managed = {path.partition(":")[0] for path in resource.managed}
    made_with = {"usage", "algorithm", "protection", "exportable"}
    assert managed - resource.recorded - told <= made_with | {"tier", "deletion", "relation"}
