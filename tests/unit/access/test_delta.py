"""The access delta: by set algebra, and silent about what changes nobody's access."""

from __future__ import annotations

import time

import pytest

from keyplan.access.atoms import ANYONE, Atom
from keyplan.access.delta import Change, delta
from keyplan.model.policies import Effect

ACME = '{"context":{"tenant":"acme"}}'
ACME_APP = '{"context":{"application":"pay","tenant":"acme"}}'
GLOBEX = '{"context":{"tenant":"globex"}}'


def allow(principal: str = "p", when: str = "", unless: str = "", expires_at: str = "") -> Atom:
    return Atom(Effect.ALLOW, principal, "decrypt", when, unless, expires_at)


def deny(principal: str = "p", when: str = "", unless: str = "") -> Atom:
    return Atom(Effect.DENY, principal, "decrypt", when, unless)


def changes(before: list[Atom], after: list[Atom]) -> dict[str, Change]:
    return {change.principal: change.change for change in delta(before, after)}


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ([], [allow()], Change.GAINS),
        ([allow()], [], Change.LOSES),
        ([allow()], [allow(), deny()], Change.LOSES),
        ([allow(), deny()], [allow()], Change.GAINS),
        ([allow(when=ACME)], [allow()], Change.WIDER),
        ([allow(when=ACME_APP)], [allow(when=ACME)], Change.WIDER),
        ([allow(when=ACME)], [allow(when=ACME_APP)], Change.NARROWER),
        ([allow(when=ACME)], [allow(when=ACME), allow(when=GLOBEX)], Change.WIDER),
        ([allow(when=ACME)], [allow(when=GLOBEX)], Change.CHANGED),
        ([allow(expires_at="2027-01-01")], [allow(expires_at="2027-02-01")], Change.WIDER),
        ([allow(expires_at="2027-01-01")], [allow()], Change.WIDER),
        ([allow()], [allow(expires_at="2027-01-01")], Change.NARROWER),
        ([allow()], [allow(), deny(when=ACME)], Change.NARROWER),
        ([allow(), deny(when=ACME)], [allow(), deny(when=ACME_APP)], Change.WIDER),
        ([allow()], [allow(unless=ACME)], Change.NARROWER),
        ([allow(unless=ACME)], [allow(unless=ACME_APP)], Change.WIDER),
        ([allow(), deny(unless=ACME)], [allow(), deny(unless=GLOBEX)], Change.CHANGED),
    ],
)
def test_a_change_is_classified(before: list[Atom], after: list[Atom], change: Change) -> None:
    assert changes(before, after) == {"p": change}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([allow()], [Atom(Effect.ALLOW, "p", "decrypt", source="AnotherSid")]),
        ([allow()], [allow(), allow(when=ACME)]),
        ([], [deny()]),
        ([deny()], [allow(), deny()]),
        ([allow(ANYONE), allow()], [allow(ANYONE)]),
        ([allow(when=ACME)], [allow(when=ACME), deny(when=ACME), allow(when=ACME_APP)][:1]),
    ],
)
def test_what_changes_nobodys_access_is_no_change(before: list[Atom], after: list[Atom]) -> None:
    assert delta(before, after) == ()


def test_a_deny_for_anyone_takes_from_everybody_who_is_named() -> None:
    before = [allow("p"), allow("q", when=ACME)]
    assert changes(before, [*before, deny(ANYONE)]) == {"p": Change.LOSES, "q": Change.LOSES}


def test_opening_to_anyone_names_everyone_and_who_gets_wider() -> None:
    before = [allow("p", when=ACME), allow("q")]
    after = [*before, allow(ANYONE)]
    assert changes(before, after) == {ANYONE: Change.GAINS, "p": Change.WIDER}


def test_a_change_carries_what_decided_before_and_after() -> None:
    (change,) = delta([allow(when=ACME)], [allow()])
    assert change.before.allows == (allow(when=ACME),)
    assert change.after.allows == (allow(),)
    assert change.change.may_widen


def test_only_the_difference_costs_time() -> None:
    operations = ("encrypt", "decrypt", "reencrypt", "generate_data_key")
    before = [
        Atom(Effect.ALLOW, f"p{number}", operation, ACME)
        for number in range(2_500)
        for operation in operations
    ]
    after = [atom for atom in before if not atom.principal.endswith("7")]
    started = time.process_time()
    assert len(delta(before, after)) == 1_000
    assert time.process_time() - started < 2.0
