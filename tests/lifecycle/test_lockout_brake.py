"""A key is given up to its administrators, on a strict AWS KMS, with the brake alone."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from keyplan.errors import BlockedPlanError, PlanFileError
from keyplan.model.inverses import Grade
from keyplan.model.operations import PutPolicy, bypasses
from keyplan.model.values import Unknown
from keyplan.plans.findings import BrakeName
from keyplan.plans.plan import Plan
from keyplan.plans.reports import StepStatus
from keyplan.plans.ways_back import way_back
from keyplan.state.entries import RunStarted, StepStarted, Verified
from keyplan.testing.memory_store import CrashPoint, Moment, SimulatedCrash
from keyplan_aws.manifest import capabilities
from keyplan_aws.policy.preflight import administrators
from tests.aws_double import Identity
from tests.lifecycle.aws_world import ROLE, AwsWorld, Document, document, key
from tests.lifecycle.undoing import EVERYTHING, rollback_of

CAPABILITIES = capabilities()
ALL_BUT_LOCKOUT = EVERYTHING - {"lockout"}


def stack(*, sealed: str = "a", **more: Any) -> Document:
    """Two keys; those named in `sealed` belong to the board, whom the operator may only watch."""
    keys = {
        name: key(policies=["policy.sealed" if name in sealed else "policy.envelope"], **more)
        for name in "ab"
    }
    found = document(keys)
    found["principal"]["board"] = {"kind": "human", "aws": f"{ROLE}board"}
    found["policy"]["sealed"] = {
        "administrators": ["principal.board"],
        "statement": {"Watch": {"principals": ["principal.admins"], "operations": ["audit"]}},
        "aws": {"account": "none"},
    }
    return found


NOBODY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"{ROLE}board"},
            "Action": ["kms:Decrypt", "kms:DescribeKey"],
            "Resource": "*",
        }
    ],
}
"""A policy that only AWS Support could repair."""

FORBIDDEN = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "kms:PutKeyPolicy",
    "Resource": "*",
    "Condition": {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}},
}

DENIES_LATER: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": person}, "Action": "kms:*", "Resource": "*"}
        for person in ("111122223333", Identity().arn)
    ]
    + [{"Effect": "Deny", "Principal": Unknown(("*",)), "Action": "kms:*", "Resource": "*"}],
}
"""A policy that reads as if nobody was denied anything, until its last part is resolved."""

DELEGATED = document({"a": key(policies=["policy.plain"])})
DELEGATED["policy"]["plain"] = {
    "administrators": ["principal.board"],
    "aws": {"account": "delegate"},
}
DELEGATED["principal"]["board"] = {"kind": "human", "aws": f"{ROLE}board"}


def bypassed(world: AwsWorld) -> list[tuple[str, bool]]:
    """Each call that set a policy, and whether AWS was told not to check it."""
    return [
        (call.operation, call.bypass)
        for call in world.double.calls.all()
        if call.operation in ("CreateKey", "ReplicateKey", "PutKeyPolicy")
    ]


def held(world: AwsWorld) -> bool:
    """Whether somebody surely can repair every policy that AWS holds."""
    return all(administrators(key.policy, key.account) for key in world.double.world.every_key())


def rules(plan: Plan) -> list[str]:
    return [finding.rule for finding in plan.findings if finding.blocks]


@pytest.mark.parametrize("made", [False, True], ids=["created", "changed"])
def test_a_policy_that_locks_out_who_applies_needs_the_brake(world: AwsWorld, made: bool) -> None:
    if made:
        world.settled(stack(sealed=""))
    plan = world.planned(stack())
    assert rules(plan) == ["KP-LOCK-004"]
    assert not plan.applyable
    assert [brake.name for brake in plan.brakes if brake.name is BrakeName.LOCKOUT]
    before = world.picture()
    with pytest.raises(BlockedPlanError, match="KP-LOCK-004") as caught:
        world.apply(plan, allowed=ALL_BUT_LOCKOUT)
    assert "--allow lockout" in caught.value.advice
    assert world.picture() == before
    world.double.calls.clear()
    assert world.apply(plan, allowed=EVERYTHING).ok
    assert sorted(bypassed(world)) == (
        [("PutKeyPolicy", True)] if made else [("CreateKey", False), ("CreateKey", True)]
    )
    assert world.planned(stack()).steps == ()


def test_the_use_is_in_the_journal(world: AwsWorld) -> None:
    world.settled(stack(sealed=""))
    report = world.apply(world.planned(stack()), allowed=EVERYTHING)
    entries = world.entries(report.run)
    (head,) = [entry for entry in entries if isinstance(entry, RunStarted)]
    (step,) = [entry for entry in entries if isinstance(entry, StepStarted)]
    assert "lockout" in head.allowed
    assert bypasses(step.operation)


def test_the_brake_releases_no_other_error(world: AwsWorld) -> None:
    wrong = stack(sealed="ab")
    wrong["policy"]["nobody"] = {"native": {"aws": NOBODY}}
    wrong["key"]["b"]["policies"] = ["policy.nobody"]
    plan = world.planned(wrong)
    assert set(rules(plan)) == {"KP-LOCK-001", "KP-LOCK-004"}
    assert not plan.releasable
    with pytest.raises(BlockedPlanError, match="KP-LOCK-001"):
        world.apply(plan, allowed=EVERYTHING)


def test_what_cannot_be_seen_is_left_to_aws(world: AwsWorld) -> None:
    plan = world.planned(DELEGATED)
    assert [item.rule for item in plan.findings if item.rule.startswith("KP-LOCK")] == [
        "KP-LOCK-002"
    ]
    assert plan.applyable
    world.double.identities.default = Identity(denied=["kms:PutKeyPolicy"])
    report = world.apply(plan, allowed=EVERYTHING)
    assert bypassed(world) == [("CreateKey", False)]
    assert "MalformedPolicyDocument" in str(report.results[0])


def test_a_policy_that_forbids_the_bypass_is_obeyed(world: AwsWorld) -> None:
    document = {"Version": "2012-10-17", "Statement": [FORBIDDEN]}
    before, after = stack(sealed=""), stack()
    for guarded in (before, after):
        guarded["policy"]["envelope"]["native"] = {"aws": document}
    world.settled(before)
    seen = world.picture()
    (result,) = world.apply(world.planned(after), allowed=EVERYTHING).results
    assert result.error_class == "denied"
    assert world.picture() == seen


def test_a_key_that_is_given_up_hides_no_other_from_its_run(world: AwsWorld) -> None:
    given = stack(description="both are changed")
    del given["policy"]["sealed"]["statement"]
    world.settled(stack(sealed=""))
    report = world.apply(world.planned(given), allowed=EVERYTHING)
    assert report.warnings == ("key.a was not read back: DescribeKey is not allowed",)
    read = [item.address for item in world.entries(report.run) if isinstance(item, Verified)]
    assert read == ["key.b"]


def test_a_key_that_is_given_up_as_it_is_made_is_never_made_twice(world: AwsWorld) -> None:
    """Its tags are hidden from who made it: not to find it says nothing."""
    given = stack()
    del given["policy"]["sealed"]["statement"]
    world.double.faults.deny("GetResources")
    world.double.faults.lose_answer("CreateKey", times=2)
    report = world.apply(world.planned(given), allowed=EVERYTHING)
    assert report.open_run
    (lost,) = report.with_status(StepStatus.UNDECIDED)
    assert "kms:ListResourceTags is missing" in lost.message
    assert "may be the key" in lost.message
    assert world.double.calls.count("CreateKey") == len([*world.double.world.every_key()]) == 2
    assert not world.resume().closed
    assert world.double.calls.count("CreateKey") == 2


# -- the way back ------------------------------------------------------------------------


def test_the_way_back_is_not_promised(world: AwsWorld) -> None:
    world.settled(stack(sealed=""))
    plan = world.planned(stack())
    (step,) = [step for step in plan.steps if bypasses(step.operation)]
    assert step.inverse.grade is Grade.UNPROVEN
    report = world.apply(plan, allowed=EVERYTHING)
    before = world.picture()
    back = rollback_of(world, report.run)
    assert [item.rule for item in back.findings if item.rule == "KP-LOCK-005"]
    assert not world.apply(back, allowed=EVERYTHING).ok
    assert world.picture() == before


def test_who_was_given_the_key_can_take_it_back(world: AwsWorld) -> None:
    world.settled(stack(sealed=""))
    before = world.picture()
    report = world.apply(world.planned(stack()), allowed=EVERYTHING)
    world.double.identities.default = Identity(f"{ROLE}board")
    world.disconnect()
    back = rollback_of(world, report.run)
    assert held(world)
    assert world.apply(back, allowed=EVERYTHING).ok
    assert held(world)
    assert world.picture() == before


def test_a_rollback_may_lock_out_who_performs_it_only_with_the_brake(world: AwsWorld) -> None:
    """The board lets the operator in; the operator takes that back."""
    world.double.identities.default = Identity(f"{ROLE}board")
    world.settled(stack(sealed="ab"))
    report = world.made(stack(sealed="b"))
    world.double.identities.default = Identity()
    world.disconnect()
    back = rollback_of(world, report.run)
    assert rules(back) == ["KP-LOCK-004"]
    with pytest.raises(BlockedPlanError, match="KP-LOCK-004"):
        world.apply(back, allowed=ALL_BUT_LOCKOUT)
    world.double.calls.clear()
    assert world.apply(back, allowed=EVERYTHING).ok
    assert held(world)
    assert bypassed(world) == [("PutKeyPolicy", True)]


def test_no_brake_brings_a_policy_back_that_nobody_holds(world: AwsWorld) -> None:
    """Somebody of a certain id holds it, which no policy tells of anybody."""
    world.settled(stack(sealed=""))
    condition = {"StringLike": {"aws:userid": "AIDA*"}}
    held = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [{**held, "Condition": condition}]}
    world.kms().put_key_policy(KeyId=world.arn("key.a"), Policy=json.dumps(policy))
    plan = world.planned(stack(sealed=""))
    assert [item.rule for item in plan.findings if item.rule == "KP-LOCK-006"]
    report = world.apply(plan, allowed=EVERYTHING)
    assert report.ok, report
    back = rollback_of(world, report.run)
    assert "KP-LOCK-001" in rules(back)
    with pytest.raises(BlockedPlanError, match="KP-LOCK-001"):
        world.apply(back, allowed=EVERYTHING)


@pytest.mark.parametrize("nth", range(2, 6))
@pytest.mark.parametrize("moment", list(Moment))
def test_a_run_that_died_goes_on_with_the_brake_it_had(
    world: AwsWorld, nth: int, moment: Moment
) -> None:
    world.settled(stack(sealed=""))
    plan = world.planned(stack())
    try:
        world.apply(plan, allowed=EVERYTHING, crash=CrashPoint(nth, moment), parallelism=1)
    except SimulatedCrash:
        assert held(world)
        world.resume()
    assert held(world)
    left = world.planned(stack())
    if left.steps:  # it died before anything was durable
        assert rules(left) == ["KP-LOCK-004"]
        assert world.apply(left, allowed=EVERYTHING).ok
    assert world.planned(stack()).steps == ()


# -- forged plans ------------------------------------------------------------------------


def _edited(plan: Plan, **changes: Any) -> Plan:
    """The plan without its findings and brakes, with a change to each policy that it puts."""
    steps = tuple(
        replace(step, operation=replace(step.operation, **changes), inverse=step.inverse)
        if isinstance(step.operation, PutPolicy)
        else step
        for step in plan.steps
    )
    steps = tuple(
        replace(step, inverse=way_back(step.operation, CAPABILITIES), detail="") for step in steps
    )
    return replace(plan, findings=(), brakes=(), steps=steps)


def test_the_brake_is_needed_whatever_the_file_says(world: AwsWorld) -> None:
    world.settled(stack(sealed=""))
    forged = _edited(world.planned(stack()))
    with pytest.raises(BlockedPlanError, match="lockout"):
        world.apply(forged, allowed=ALL_BUT_LOCKOUT)


FORGERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "the bypass is taken out": ("a", {"bypass": False}),
    "the bypass is put in": ("", {"bypass": True}),
    "nobody is left": ("a", {"after": NOBODY}),
    "nobody is left, and that is bypassed": ("a", {"after": NOBODY, "bypass": True}),
    "whom it denies is known only when it is put": ("", {"after": DENIES_LATER}),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_bypassed_is_worked_out_again(world: AwsWorld, name: str) -> None:
    sealed, changes = FORGERIES[name]
    other = stack(sealed=sealed)
    other["policy"]["envelope"]["statement"]["Use"]["operations"] = ["decrypt"]
    world.settled(stack(sealed=""))
    before = world.picture()
    with pytest.raises(PlanFileError, match="not what the plan says"):
        world.apply(_edited(world.planned(other), **changes), allowed=EVERYTHING)
    assert world.picture() == before


# -- on the command line -----------------------------------------------------------------


def test_plan_fails_says_what_performs_it_and_apply_does(
    world: AwsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = stack(protection="hsm")
    del declared["provider"]["aws.dr"]
    world.graph(declared)
    monkeypatch.chdir(world.folder)
    for name, value in world.double.environment().items():
        monkeypatch.setenv(name, value)

    def keyplan(*given: str) -> tuple[int, str]:
        out = io.StringIO()
        return run([*given], Terminal(out, out, {})), out.getvalue()

    code, text = keyplan("plan", "--no-input", "--out", "lock.plan")
    assert code == 1
    assert "KP-LOCK-004" in text
    assert "--allow lockout" in text
    code, text = keyplan("show", "--json", "lock.plan")
    shown = json.loads(text)
    assert (code, shown["applyable"], shown["errored"]) == (0, False, True)
    code, text = keyplan("apply", "--no-input", "lock.plan")
    assert (code, [*world.double.world.every_key()]) == (1, [])
    code, text = keyplan("apply", "--no-input", "--allow", "lockout", "lock.plan")
    assert code == 0, text
