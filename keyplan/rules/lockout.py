"""The lockout proof: somebody can administer every key, after every step and every undo.

A policy only takes effect whole, so the policies that are ever in force during a plan
and any rollback of a prefix of it are exactly those before and after each step.
Proving each of them is proving every prefix.

Rules: administering counts only if it holds whatever the situation: an allow of
`set_policy` with no condition and no end, and no deny that could fall on it. Where the
provider judges its own policies (`Plugin.review_policy`), its word stands in place of the
atoms, and what it objects to is said once for all keys. Of a live policy that no plan may
write only what lasts is said, and never as an error.

That somebody can is one claim, and no brake lifts it. That whoever applies can is another:
where the service surely refuses the policy because they cannot, the step bypasses that
check, which makes the plan an error that the brake `lockout` alone releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from keyplan.access.atoms import ANYONE, Atom
from keyplan.diagnostics import Position, Severity
from keyplan.model.address import Address
from keyplan.model.operations import CreateKey, Operation, PutPolicy, ReplicateKey
from keyplan.model.policies import Effect
from keyplan.model.values import Value
from keyplan.plans.findings import BrakeName, Finding
from keyplan.sdk.provider import PolicyProblem, PolicyReview

LOCKED_OUT = "KP-LOCK-001"

CONTROL = "set_policy"
"""Whoever may set the policy can give themselves everything else."""

_Objection = tuple[PolicyProblem, BrakeName | None]
"""A problem, and the brake that releases it: no provider's word has one, whatever its code."""


@dataclass(frozen=True, slots=True)
class PolicyStage:
    """One policy that is in force at some moment: after step `step`, on key `address`.

    `review` is the provider's own judgement, if it has one, of what `caller` would put.
    `before` is the judgement of the policy that it takes the place of.
    """

    address: Address
    step: int
    atoms: Sequence[Atom]
    position: Position | None = None
    review: PolicyReview | None = None
    before: PolicyReview | None = None
    caller: str = ""


@dataclass(frozen=True, slots=True)
class LockoutProof:
    """`always` are the principals that can administer in every stage.

    `findings` are of stages in which nobody can, and what providers object to.
    """

    findings: tuple[Finding, ...] = ()
    always: frozenset[str] = frozenset()
    stages: int = 0

    @property
    def gives_up(self) -> bool:
        """Whether whoever applies gives a key up to others."""
        return any(item.released_by is BrakeName.LOCKOUT for item in self.findings)

    @property
    def failed(self) -> bool:
        """Whether somebody must be locked out for it to go on."""
        return any(finding.rule == LOCKED_OUT for finding in self.findings)


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
    objections: dict[_Objection, list[PolicyStage]] = {}
    count = 0
    for stage in stages:
        count += 1
        for objection in _objections(stage):
            objections.setdefault(objection, []).append(stage)
        able = stage.review.administrators if stage.review else administrators(stage.atoms)
        always = able if always is None else always & able
        if not able:
            findings.append(_locked_out(stage))
    findings += [
        replace(_objection(problem, where), released_by=brake)
        for (problem, brake), where in objections.items()
    ]
    return LockoutProof(tuple(findings), always or frozenset(), count)


def policies_put(operation: Operation) -> tuple[Value, ...]:
    """The policy that an operation puts in force, if it does."""
    match operation:
        case PutPolicy(after=policy):
            return (policy,)
        case CreateKey(attributes=attributes) | ReplicateKey(attributes=attributes):
            policy = attributes.get("policy")
            return () if policy is None else (policy,)
        case _:
            return ()


def locks_out_caller(review: PolicyReview | None) -> bool:
    """Whether the policy may be put, and only by who bypasses the service's check of them."""
    return review is not None and review.caller is False and bool(review.administrators)


def _objections(stage: PolicyStage) -> Iterator[_Objection]:
    """What is wrong with the policy, and what of the one before stands in the way."""
    if stage.review is not None:
        yield from ((problem, None) for problem in stage.review.problems)
        if locks_out_caller(stage.review):
            yield _caller_out(stage.caller), BrakeName.LOCKOUT
    if stage.before is not None and not stage.before.administrators:
        yield _NO_RETURN, None
    if stage.before is not None and stage.before.caller is False:
        yield _powerless(stage.caller), None


def _caller_out(caller: str) -> PolicyProblem:
    return PolicyProblem(
        "KP-LOCK-004",
        Severity.ERROR,
        f"{caller}, who applies, could not set it again, and the service would refuse it",
        "Name who applies among the administrators, or let a deny spare them. To give the key up"
        " to its administrators on purpose: keyplan apply --allow lockout. keyplan may not be able"
        " to read the key afterwards; every plan then has an error for it until it is forgotten"
        " (`removed`, `mode: forget`)",
    )


def _powerless(caller: str) -> PolicyProblem:
    return PolicyProblem(
        "KP-LOCK-005",
        Severity.WARNING,
        f"the one in force does not let {caller}, who applies, change it",
        "Apply as one of its administrators.",
    )


_NO_RETURN = PolicyProblem(
    "KP-LOCK-006",
    Severity.WARNING,
    "nobody surely could set the one in force now, so that a rollback would not put it back",
    "Nothing, if the new one is to stay.",
)

_UNHELD = PolicyProblem(
    "KP-LOCK-003",
    Severity.WARNING,
    "nobody surely keeps the right to set it",
    "Let somebody who still can name an administrator without a condition, or declare `policies`.",
)


def lasting_doubts(stages: Iterable[PolicyStage]) -> Iterator[Finding]:
    """What is wrong with live policies that are only looked at, once for all keys."""
    found: dict[PolicyProblem, list[PolicyStage]] = {}
    for stage in stages:
        if stage.review is None:
            continue
        problems = [item for item in stage.review.problems if item.lasting]
        for problem in problems if stage.review.administrators else (*problems, _UNHELD):
            found.setdefault(problem, []).append(stage)
    return (_objection(problem, where) for problem, where in found.items())


def _objection(problem: PolicyProblem, where: Sequence[PolicyStage]) -> Finding:
    """One finding, however many keys share the policy."""
    first, others = where[0], len({stage.address for stage in where}) - 1
    on = f"{first.address} and {others} more" if others else str(first.address)
    return Finding(
        problem.code,
        problem.level,
        f"the policy of {on}: {problem.message}",
        first.address,
        first.position,
        problem.advice,
    )


def _locked_out(stage: PolicyStage) -> Finding:
    return Finding(
        LOCKED_OUT,
        Severity.ERROR,
        f"nobody could administer {stage.address} after step {stage.step}",
        stage.address,
        stage.position,
        "Name at least one principal in `administrators` of a policy in force on the key,"
        " without a condition that can fail and without a deny over it.",
    )
