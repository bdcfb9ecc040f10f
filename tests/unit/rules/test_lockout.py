"""Control counts only where it holds whatever the situation."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.access.atoms import Atom
from keyplan.diagnostics import Severity
from keyplan.model.address import Address
from keyplan.model.policies import Effect
from keyplan.plans.findings import BrakeName
from keyplan.rules.lockout import PolicyStage, administrators, prove_no_lockout
from keyplan.sdk.provider import PolicyProblem, PolicyReview

KEY = Address("key.a")


def allow(principal: str = "admin", **more: Any) -> Atom:
    return Atom(Effect.ALLOW, principal, "set_policy", **more)


def deny(principal: str = "admin", **more: Any) -> Atom:
    return Atom(Effect.DENY, principal, "set_policy", **more)


@pytest.mark.parametrize(
    ("atoms", "able"),
    [
        ([allow()], {"admin"}),
        ([], set()),
        ([Atom(Effect.ALLOW, "admin", "describe")], set()),
        ([allow(when='{"mfa":true}')], set()),
        ([allow(unless='{"mfa":true}')], set()),
        ([allow(expires_at="2027-01-01T00:00:00Z")], set()),
        ([allow(), deny()], set()),
        ([allow(), deny("*")], set()),
        ([allow(), deny("somebody", when='{"mfa":true}')], {"admin"}),
        ([allow(), deny(when='{"mfa":true}')], set()),
        ([allow(), allow("other")], {"admin", "other"}),
    ],
)
def test_who_surely_keeps_control(atoms: list[Atom], able: set[str]) -> None:
    assert administrators(atoms) == able


def test_every_stage_must_leave_somebody() -> None:
    proof = prove_no_lockout(
        [
            PolicyStage(KEY, 1, [allow(), allow("other")]),
            PolicyStage(KEY, 2, [allow("other")]),
            PolicyStage(Address("key.b"), 3, []),
        ]
    )
    (finding,) = proof.findings
    assert "key.b after step 3" in finding.summary
    assert finding.blocks


def test_it_names_who_can_in_every_stage() -> None:
    stages = [PolicyStage(KEY, 1, [allow(), allow("x")]), PolicyStage(KEY, 2, [allow()])]
    assert prove_no_lockout(stages).always == {"admin"}


def test_what_a_provider_judges_itself_stands_in_place_of_the_atoms() -> None:
    problem = PolicyProblem("KP-LOCK-002", Severity.WARNING, "nobody knows", "ask")
    sound = PolicyReview(frozenset({"account"}), (problem,))
    proof = prove_no_lockout(
        [
            PolicyStage(KEY, 1, [], review=sound),
            PolicyStage(Address("key.b"), 2, [allow("other")], review=sound),
        ]
    )
    assert proof.always == {"account"}
    assert not proof.failed
    (finding,) = proof.findings
    assert finding.summary == "the policy of key.a and 1 more: nobody knows"
    assert (finding.rule, finding.level) == ("KP-LOCK-002", Severity.WARNING)


def test_a_provider_that_sees_nobody_left_refuses_the_plan() -> None:
    review = PolicyReview(frozenset())
    proof = prove_no_lockout([PolicyStage(KEY, 1, [allow()], review=review)])
    assert proof.failed
    assert [finding.blocks for finding in proof.findings] == [True]


def test_the_statement_that_a_later_step_takes_away_must_not_be_the_last() -> None:
    """Each step's policy stands alone: what an earlier one allowed is gone with it."""
    first, second = allow("first"), allow("second", when='{"mfa":true}')
    stages = [PolicyStage(KEY, 1, [first, second]), PolicyStage(KEY, 2, [second])]
    proof = prove_no_lockout(stages)
    (finding,) = proof.findings
    assert (finding.rule, finding.blocks, finding.released_by) == ("KP-LOCK-001", True, None)
    assert "after step 2" in finding.summary


@pytest.mark.parametrize(
    ("review", "before", "rules"),
    [
        (PolicyReview(frozenset({"a"}), caller=True), None, []),
        (PolicyReview(frozenset({"a"}), caller=None), None, []),
        (PolicyReview(frozenset({"a"}), caller=False), None, ["KP-LOCK-004"]),
        (PolicyReview(frozenset(), caller=False), None, ["KP-LOCK-001"]),
        (PolicyReview(frozenset({"a"})), PolicyReview(frozenset()), ["KP-LOCK-006"]),
        (
            PolicyReview(frozenset({"a"})),
            PolicyReview(frozenset({"a"}), caller=False),
            ["KP-LOCK-005"],
        ),
    ],
)
def test_that_somebody_can_and_that_who_applies_can_are_two_claims(
    review: PolicyReview, before: PolicyReview | None, rules: list[str]
) -> None:
    stage = PolicyStage(KEY, 1, [], review=review, before=before, caller="me")
    proof = prove_no_lockout([stage])
    assert [finding.rule for finding in proof.findings] == rules
    assert proof.gives_up is ("KP-LOCK-004" in rules)
    released = {BrakeName.LOCKOUT} if proof.gives_up else set()
    assert {finding.released_by for finding in proof.findings} - {None} == released


def test_no_brake_releases_what_a_provider_objects_to_whatever_it_calls_it() -> None:
    own = PolicyProblem("KP-LOCK-004", Severity.ERROR, "the service would refuse it")
    stage = PolicyStage(KEY, 1, [], review=PolicyReview(frozenset({"a"}), (own,), caller=True))
    proof = prove_no_lockout([stage])
    (finding,) = proof.findings
    assert (finding.blocks, finding.released_by, proof.gives_up) == (True, None, False)
