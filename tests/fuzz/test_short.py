"""The fuzzers in short form, and what the long runs found."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import mutations, seeds, soak, targets

SHORT = {"trees": 400, "expressions": 800, "stacks": 120}
LONG = {"trees": 40_000, "expressions": 80_000, "stacks": 4_000}


def run(target: str, count: int, seed: int) -> None:
    before = signal.signal(signal.SIGALRM, soak._hangs)
    try:
        found = soak.soak(target, seed=seed, start=0, count=count, seconds=0, limit=20)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert found.seen == {}


@pytest.mark.parametrize("target", soak.TARGETS)
def test_whatever_is_changed_the_answer_is_a_result_or_located_messages(target: str) -> None:
    run(target, SHORT[target], seed=20261122)


@pytest.mark.soak
@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "soak", reason="minutes: HYPOTHESIS_PROFILE=soak"
)
@pytest.mark.parametrize("target", soak.TARGETS)
def test_many_inputs_change_nothing_about_that(target: str) -> None:
    run(target, LONG[target], seed=Random().randrange(1 << 32))  # printed with any finding


@given(st.data())
def test_words_in_an_order_that_shrinks_are_answered(data: st.DataObject) -> None:
    words = st.lists(st.sampled_from(mutations.EXPRESSION_WORDS), max_size=20).map("".join)
    targets.check_expression(data.draw(words))
    words = st.lists(st.sampled_from(mutations.YAML_WORDS), max_size=20).map("".join)
    targets.check_tree(data.draw(words))


@given(
    st.sampled_from([0, 1, 2, 3]),
    st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(mutations.VALUES)), max_size=3),
)
def test_values_in_any_place_of_a_stack_are_answered(
    number: int, changes: list[tuple[int, str]]
) -> None:
    stack = dict(seeds.stacks()[number])
    text = stack["keyplan.yaml"]
    for at, value in changes:
        places = list(mutations._VALUE.finditer(text))
        if places:
            place = places[at % len(places)]
            text = text[: place.start()] + value + text[place.end() :]
    targets.check_stack({**stack, "keyplan.yaml": text})


FOUND: dict[str, tuple[Callable[..., None], object]] = {
    "a provider named as a field of principals": (
        targets.check_stack,
        {"keyplan.yaml": "provider: {kind: {}}\nprincipal: {a: {kind: human, hsm: x}}\n"},
    ),
    "a number of JSON beyond all numbers": (targets.check_expression, "${jsondecode('1e999')}"),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_stays_answered(name: str) -> None:
    check, value = FOUND[name]
    check(value)


def test_an_input_can_be_made_again() -> None:
    for target in soak.TARGETS:
        assert soak.made(target, 7, 3) == soak.made(target, 7, 3)
        assert soak.made(target, 7, 3) != soak.made(target, 7, 4)


def test_a_finding_says_how_to_have_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    def check(value: object) -> None:
        raise ZeroDivisionError(value)

    findings = soak.Findings()
    before = signal.signal(signal.SIGALRM, soak._hangs)
    findings.run(check, "x", "--target trees --seed 1 --start 2 --count 1")
    findings.run(check, "y", "--target trees --seed 1 --start 3 --count 1")
    signal.signal(signal.SIGALRM, before)
    assert len(findings.seen) == 1
    assert "--seed 1 --start 2" in capsys.readouterr().out
