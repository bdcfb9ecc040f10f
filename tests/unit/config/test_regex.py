"""Patterns find what Python's do, and none of them runs for long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.config.engine.regex import find
from keyplan.config.engine.regex_syntax import read_pattern
from keyplan.config.faults import Fault


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a+", "xaab", "aa"),
        ("^(\\w+)-(\\d+)$", "ab-12", ["ab", "12"]),
        ("(?P<x>a)|b", "b", {"x": None}),
        ("(?<x>a)", "a", {"x": "a"}),
        ("(?:a|b)c", "bc", "bc"),
        ("^a$", "a\n", None),
        ("(?i)ABC", "xabc", "abc"),
        ("(?s)a.b", "a\nb", "a\nb"),
        ("a.b", "a\nb", None),
        ("[]a]+", "]a", "]a"),
        ("[^:]+:(.*)", "a:b:c", ["b:c"]),
        ("[a-z-]+", "a-b", "a-b"),
        ("[\\d-]+", "1-2", "1-2"),
        ("[&&a]", "&", "&"),
        ("[[]", "[", "["),
        ("x{2,3}", "xxxx", "xxx"),
        ("x{2}?", "xxxx", "xx"),
        ("a{,3}", "a{,3}", "a{,3}"),
        ("\\bkey\\b", "a key b", "key"),
        ("\\.", "a.b", "."),
        ("é+", "éé", "éé"),
        ("^[a-z]+(?:-[a-z0-9]+)*$", "acme-payments-1", "acme-payments-1"),
        ("^arn:aws:kms:[^:]+:\\d{12}:key/(.+)$", "arn:aws:kms:eu:111122223333:key/x", ["x"]),
        ("", "a", ""),
    ],
)
def test_patterns_find(pattern: str, text: str, found: object) -> None:
    assert find(pattern, text) == found


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a*)*b", "(a|a)*b", "(a?b?)*c", "(?:a|b|ab)*c", "(\\w+\\s?)+$", "(.*)*x",
        "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:(?:a{1,9}){1,9}){1,9}b",
    ],
)  # fmt: skip
def test_patterns_that_could_explode_are_refused_whatever_the_text(pattern: str) -> None:
    with pytest.raises(Fault, match="exponential"):
        find(pattern, "")


@pytest.mark.parametrize(
    "pattern", ["a?" * 25 + "a" * 25, ".*.*.*.*.*=", "(a|b|ab)(c|d|cd)" * 8 + "x"]
)
def test_patterns_that_take_too_long_for_their_text_are_refused(pattern: str) -> None:
    with pytest.raises(Fault, match="too long for a text of"):
        find(pattern, "a" * 200)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)", "(?!a)", "(?<=a)", "(?P=x)", "(?>a)", "(?#c)", "\\1", "(a)\\1", "[[:alpha:]]",
        "(", ")", "[a", "[z-a]", "[\\d-z]", "*a", "a**", "a*+", "(?:)+", "^*", "\\", "a{5,2}",
        "a{1001}", "\\p{L}", "(?m)a", "(" * 30 + "a" + ")" * 30, "a" * 300, "(?P<x>a)(b)",
        "(?P<x>a)(?P<x>b)",
    ],
)  # fmt: skip
def test_what_is_not_part_of_the_syntax_is_a_fault(pattern: str) -> None:
    with pytest.raises(Fault):
        find(pattern, "ab")


@pytest.mark.parametrize(
    ("pattern", "deterministic"),
    [
        ("a*b", True), ("[a-z]+(-[a-z]+)*", True), ("(ab)*c", True), ("a?b?c?", True),
        ("a*a", False), (".*-", False), ("(a|ab)c", False), ("(a?)*", True),
        ("a*b*a", False), ("a*b*c", True),
        ("(?i)aA*b", True), ("(?i)a*A", False), ("\\d*\\w", False), ("[^-]*-", True),
    ],
)  # fmt: skip
def test_determinism_is_seen(pattern: str, *, deterministic: bool) -> None:
    assert read_pattern(pattern).deterministic is deterministic


PATTERNS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\w"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,3}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(PATTERNS, st.text("ab", max_size=12))
def test_accepted_patterns_agree_with_python(pattern: str, text: str) -> None:
    expected = re.search(pattern, text, re.ASCII)
    try:
        found = find(pattern, text)
    except Fault:
        return
    assert found == (expected[0] if expected else None)


@settings(max_examples=150, deadline=None)
@given(PATTERNS, st.sampled_from(["a" * 60 + "!", "ab" * 30 + "!", "b" * 200 + "!"]))
def test_accepted_patterns_are_fast(pattern: str, text: str) -> None:
    started = time.process_time()
    try:
        find(f"{pattern}c", text)
    except Fault:
        return
    assert time.process_time() - started < 1.0
