"""The lockout proof: somebody can administer every key, after every step and every undo.

A policy only takes effect whole, so the policies that are ever in force during a plan
and any rollback of a prefix of it are exactly those before and after each step.
Proving each of them is proving every prefix.

Rule: administering counts only if it holds whatever the situation: an allow of
`set_policy` with no condition and no end, and no deny that could fall on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keyplan.access.atoms import ANYONE, Atom
from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address
from keyplan.model.policies import Effect
from keyplan.plans.findings import Finding

CONTROL = "set_policy"
"""Whoever may set the policy can give themselves everything else."""


@dataclass(frozen=True, slots=True)
class PolicyStage:
    """One policy that is in force at some moment: after step `step`, on key `address`."""

    address: Address
    step: int
    atoms: Sequence[Atom]
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class LockoutProof:
    """`always` are the principals that can administer in every stage; findings where nobody can."""

    findings: tuple[Finding, ...] = ()
    always: frozenset[str] = frozenset()
    stages: int = 0


def administrators(atoms: Iterable[Atom]) -> frozenset[str]:
    """Principals that surely keep control: allowed without condition, denied by nothing."""
    control = [atom for atom in atoms if atom.operation == CONTROL]
    denied = {atom.principal for atom in control if atom.effect is Effect.DENY}
    if ANYONE in denied:
        return frozenset()
    return frozenset(
        atom.principal
        for atom in control
        if atom.effect is Effect.ALLOW
        and not (atom.when or atom.unless or atom.expires_at)
        and atom.principal not in denied
    )


def prove_no_lockout(stages: Iterable[PolicyStage]) -> LockoutProof:
    """Check every stage."""
    findings: list[Finding] = []
    always: frozenset[str] | None = None
    count = 0
    for stage in stages:
        count += 1
        able = administrators(stage.atoms)
        always = able if always is None else always & able
        if not able:
            findings.append(_locked_out(stage))
    return LockoutProof(tuple(findings), always or frozenset(), count)


def _locked_out(stage: PolicyStage) -> Finding:
    return Finding(
        "KP-LOCK-001",
        Severity.ERROR,
        f"nobody could administer {stage.address} after step {stage.step}",
        stage.address,
        stage.position,
        "Name at least one principal in `administrators` of a policy in force on the key,"
        " without a condition that can fail and without a deny over it.",
    )
