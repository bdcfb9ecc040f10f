"""Kill it anywhere: nothing is lost, nothing is doubled, and one command ends it.

Real processes and SIGKILL, on the HSM emulator and on moto's AWS, with each store. The
short form is part of every run of the tests; `make soak` kills ten times as often.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.crash.conftest import MakeLand
from tests.crash.dying import Point
from tests.crash.killing import Case, Kill, Killing, parse
from tests.crash.stacks import KEYS

SHORT = {
    ("hsm", "local"): 90,
    ("hsm", "s3"): 60,
    ("hsm", "postgres"): 60,
    ("aws", "local"): 30,
    ("aws", "s3"): 30,
    ("aws", "postgres"): 30,
}
"""How many processes are killed: 300 together."""

LONG = 10
"""Times that in the soak."""


def kill_many(land: MakeLand, provider: str, store: str, *, kills: int, seed: int) -> None:
    killing = Killing(land(provider, store))
    first = killing.whole("nothing", "first").picture
    changed = killing.whole("first", "changed").picture
    assert (first["count"], changed["count"]) == (KEYS["first"], KEYS["changed"])
    tally = killing.tally
    for case in killing.cases(Random(seed)):
        killing.run(case)
        if tally.kills >= kills:
            break
    print(f"{provider} {store}, seed {seed}: {tally}")
    assert tally.inside * 3 >= tally.kills * 2


@pytest.mark.parametrize(("provider", "store"), SHORT)
def test_killed_processes_lose_and_double_nothing(
    land: MakeLand, provider: str, store: str
) -> None:
    kill_many(land, provider, store, kills=SHORT[provider, store], seed=20261122)


@pytest.mark.soak
@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "soak", reason="an hour: HYPOTHESIS_PROFILE=soak"
)
@pytest.mark.parametrize(("provider", "store"), SHORT)
def test_many_more_killed_processes_change_nothing_about_that(
    land: MakeLand, provider: str, store: str
) -> None:
    kills = LONG * SHORT[provider, store]
    kill_many(land, provider, store, kills=kills, seed=Random().randrange(1 << 32))


def test_effects_before_their_journal_would_be_noticed(land: MakeLand) -> None:
    there = land("hsm", "local")
    Killing(there).whole("nothing", "first")
    there.environment = {**there.environment, "KEYPLAN_CRASH_CARELESS": "1"}
    point = Kill(Point("execute", 3, "after"))
    case = Case("hsm", "local", "nothing", "first", "resume", 1, (point,))
    killing = Killing(there)
    with pytest.raises(AssertionError, match=r"the world differs") as failed:
        killing.run(case)
    assert parse(str(case)) == case
    assert "policy.envelope" in str(failed.value)  # the stack is shown
    assert "$ keyplan apply" in str(failed.value)


@pytest.mark.skipif("KEYPLAN_CRASH_CASE" not in os.environ, reason="needs KEYPLAN_CRASH_CASE")
def test_one_case_again(land: MakeLand) -> None:
    case = parse(os.environ["KEYPLAN_CRASH_CASE"])
    Killing(land(case.provider, case.store)).run(case)
