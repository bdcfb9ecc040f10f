"""The evaluator: default deny, deny wins, unknown is not no."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from keyplan.access.atoms import ANYONE, Atom, Request, Verdict
from keyplan.access.evaluation import evaluate, explain
from keyplan.model.policies import Effect

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)  # a Monday
TENANT = '{"context":{"tenant":"acme"}}'


def allow(principal: str = "p", when: str = "", unless: str = "", expires_at: str = "") -> Atom:
    return Atom(Effect.ALLOW, principal, "decrypt", when, unless, expires_at, "Allow")


def deny(principal: str = "p", when: str = "", unless: str = "") -> Atom:
    return Atom(Effect.DENY, principal, "decrypt", when, unless, "", "Deny")


def ask(**situation: object) -> Request:
    return Request("p", "decrypt", NOW, **situation)  # type: ignore[arg-type]


def test_what_nobody_allows_is_denied() -> None:
    other = [allow("q"), Atom(Effect.ALLOW, "p", "encrypt")]
    assert evaluate(other, ask()).verdict is Verdict.DENIED
    assert evaluate(other, ask()).because is None


def test_an_allow_for_anyone_reaches_everybody() -> None:
    assert evaluate([allow(ANYONE)], ask()).verdict is Verdict.ALLOWED


def test_a_deny_wins_over_every_allow() -> None:
    decision = evaluate([allow(), allow(ANYONE), deny(ANYONE)], ask())
    assert decision.verdict is Verdict.DENIED
    assert decision.because == deny(ANYONE)


@pytest.mark.parametrize(
    ("context", "verdict"),
    [
        ({"tenant": "acme"}, Verdict.ALLOWED),
        ({"tenant": "acme", "more": "x"}, Verdict.ALLOWED),
        ({"tenant": "globex"}, Verdict.DENIED),
        ({}, Verdict.DENIED),
        (None, Verdict.CONDITIONAL),
    ],
)
def test_a_given_context_is_complete_and_a_missing_one_unknown(
    context: dict[str, str] | None, verdict: Verdict
) -> None:
    decision = evaluate([allow(when=TENANT)], ask(context=context))
    assert decision.verdict is verdict
    assert decision.missing == (("context",) if context is None else ())


def test_a_possible_deny_makes_a_sure_allow_conditional() -> None:
    decision = evaluate([allow(), deny(when='{"mfa":false}')], ask())
    assert decision.verdict is Verdict.CONDITIONAL
    assert decision.missing == ("mfa",)
    assert decision.because == allow()


def test_a_sure_deny_needs_no_further_facts() -> None:
    assert evaluate([allow(), deny(), deny(when='{"mfa":true}')], ask()).missing == ()


def test_unless_is_met_only_by_all_of_its_conditions_together() -> None:
    both = deny(unless='{"context":{"tenant":"acme"},"mfa":true}')
    met = ask(context={"tenant": "acme"}, facts={"mfa": True})
    half = ask(context={"tenant": "globex"}, facts={"mfa": True})
    assert evaluate([allow(), both], met).verdict is Verdict.ALLOWED
    assert evaluate([allow(), both], half).verdict is Verdict.DENIED


def test_an_expired_statement_is_gone_and_its_last_day_counts() -> None:
    assert evaluate([allow(expires_at="2026-11-22")], ask()).verdict is Verdict.DENIED
    assert evaluate([allow(expires_at="2026-11-23")], ask()).verdict is Verdict.ALLOWED
    assert evaluate([allow(expires_at="2026-11-23T10:29:59Z")], ask()).verdict is Verdict.DENIED


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ('{"hours":{"days":["mon"],"from":"09:00","to":"17:30"}}', True),
        ('{"hours":{"days":["tue"],"from":"09:00","to":"17:30"}}', False),
        ('{"hours":{"from":"09:00","to":"10:30"}}', False),
        ('{"hours":{"from":"11:00","timezone":"Europe/Berlin"}}', True),
        ('{"hours":{"from":"22:00","to":"11:00"}}', True),
        ('{"hours":{"days":["Sunday"],"from":"22:00","to":"11:00"}}', True),
        ('{"hours":{"days":["mon"],"from":"22:00","to":"10:31"}}', False),
        ('{"not_before":"2026-11-23"}', True),
        ('{"not_before":"2026-11-24"}', False),
        ('{"not_after":"2026-11-23"}', True),
        ('{"not_after":"2026-11-22T23:00:00Z"}', False),
    ],
)
def test_time_is_always_known(when: str, holds: bool) -> None:
    expected = Verdict.ALLOWED if holds else Verdict.DENIED
    assert evaluate([allow(when=when)], ask()).verdict is expected


@pytest.mark.parametrize(
    ("when", "facts", "verdict"),
    [
        ('{"source_ip":["10.0.0.0/8"]}', {"source_ip": "10.1.2.3"}, Verdict.ALLOWED),
        ('{"source_ip":"10.0.0.0/8"}', {"source_ip": "11.1.2.3"}, Verdict.DENIED),
        ('{"services":["rds","ebs"]}', {"services": "ebs"}, Verdict.ALLOWED),
        ('{"account":"111122223333"}', {"account": "999900001111"}, Verdict.DENIED),
        ('{"tags":{"team":"a"}}', {"tags": {"team": "a", "x": "y"}}, Verdict.ALLOWED),
        ('{"tags":{"team":"a"}}', {"tags": {}}, Verdict.DENIED),
        ('{"org":"o-1"}', {}, Verdict.CONDITIONAL),
    ],
)
def test_facts_decide_where_they_are_given(
    when: str, facts: dict[str, object], verdict: Verdict
) -> None:
    assert evaluate([allow(when=when)], ask(facts=facts)).verdict is verdict


def test_an_explanation_lists_what_was_weighed_denies_first() -> None:
    explanation = explain([allow(), deny(when=TENANT), allow("q")], ask(context={}))
    assert [item.atom.effect for item in explanation.considered] == [Effect.DENY, Effect.ALLOW]
    assert [item.applies for item in explanation.considered] == [False, True]
    assert explanation.decision.verdict is Verdict.ALLOWED
