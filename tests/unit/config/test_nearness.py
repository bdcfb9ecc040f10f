"""Near misses, among few names and among very many."""

from __future__ import annotations

import time

import pytest

from keyplan.config.nearness import nearest
from keyplan.config.report import suggest, suggest_or_list

MANY = {f"payments_{number}": None for number in range(50_000)}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("payments_1x", "payments_1"),
        ("paments_77", "payments_77"),
        ("paymenst_77", "payments_77"),
        ("Payments_77", "payments_77"),
        ("billing", None),
    ],
)
def test_one_slip_is_found_among_very_many_names(name: str, near: str | None) -> None:
    assert nearest(name, MANY, 0.6) == near


def test_two_slips_are_found_among_few_names() -> None:
    assert nearest("paimants", ["payments", "billing"], 0.6) == "payments"
    assert nearest("BILLING", ["payments", "billing"], 0.6) == "billing"


def test_a_name_of_a_megabyte_is_compared_with_nothing() -> None:
    assert nearest("x" * 1_000_000, ["x" * 999_999], 0.6) is None
    assert suggest("x", ["y" * 1_000_000]) == ""


def test_a_thousand_mistakes_among_very_many_names_take_a_moment() -> None:
    started = time.process_time()
    for number in range(1000):
        suggest_or_list(f"nothing_like_it_{number}", MANY)
    assert time.process_time() - started < 10


def test_a_list_of_very_many_names_is_cut() -> None:
    said = suggest_or_list("nothing", MANY, "Keys")
    assert said.startswith("Keys: payments_0, payments_1")
    assert said.endswith(", ....")
