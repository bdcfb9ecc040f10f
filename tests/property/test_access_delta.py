"""What the delta says about two policies agrees with what the evaluator decides."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.access.atoms import ANYONE, Atom, Request, Verdict
from keyplan.access.delta import Change, delta
from keyplan.access.evaluation import evaluate
from keyplan.model.policies import Effect

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CONDITIONS = ["", '{"context":{"t":"a"}}', '{"context":{"t":"b"}}', '{"context":{"s":"x","t":"a"}}']
CONTEXTS = [{}, {"t": "a"}, {"t": "b"}, {"t": "a", "s": "x"}, {"s": "x"}]

atoms = st.builds(
    Atom,
    effect=st.sampled_from(Effect),
    principal=st.sampled_from(["p", "q", ANYONE]),
    operation=st.just("decrypt"),
    when=st.sampled_from(CONDITIONS),
    unless=st.sampled_from(CONDITIONS),
    expires_at=st.sampled_from(["", "2026-01-01", "2027-01-01"]),
)


def permitted(policy: list[Atom], principal: str) -> set[int]:
    """The situations in which a principal may decrypt."""
    return {
        number
        for number, context in enumerate(CONTEXTS)
        if evaluate(policy, Request(principal, "decrypt", NOW, context)).verdict is Verdict.ALLOWED
    }


@settings(max_examples=50)
@given(st.lists(atoms, max_size=6), st.lists(atoms, max_size=6))
def test_the_delta_never_calls_a_widening_anything_else(
    before: list[Atom], after: list[Atom]
) -> None:
    said = {change.principal: change.change for change in delta(before, after)}
    for principal in ("p", "q", "somebody else"):
        name = principal if principal in {atom.principal for atom in before + after} else ANYONE
        old, new = permitted(before, principal), permitted(after, principal)
        change = said.get(name)
        if change is None:
            assert old == new
        elif not change.may_widen:
            assert new <= old
        elif change is Change.WIDER:
            assert old <= new


@settings(max_examples=50)
@given(st.lists(atoms, max_size=6), st.lists(atoms, max_size=6))
def test_the_way_back_is_the_mirror_image(before: list[Atom], after: list[Atom]) -> None:
    mirror = {
        Change.GAINS: Change.LOSES,
        Change.LOSES: Change.GAINS,
        Change.WIDER: Change.NARROWER,
        Change.NARROWER: Change.WIDER,
        Change.CHANGED: Change.CHANGED,
    }
    there = {(item.principal, mirror[item.change]) for item in delta(before, after)}
    assert there == {(item.principal, item.change) for item in delta(after, before)}
