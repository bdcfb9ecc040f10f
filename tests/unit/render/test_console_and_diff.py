"""Values as the console shows them, and files as a diff shows them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.address import Address
from keyplan.model.values import Reference, Unknown, Value
from keyplan.render.console import console_text
from keyplan.render.diff import unified_diff

ARN = Unknown((Reference(Address("key.a"), "arn"),))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"), (True, "true"), (3, "3"), (1.5, "1.5"), ("x", '"x"'),
        ([], "[]"), ({}, "{}"),
        ("\u001b[2J\u202e", '"\\u001b[2J\\u202e"'),
        (ARN, "(known after apply)"),
        (Address('key.a["b"]'), 'key.a["b"]'),
        (
            {"a": [1, ARN], "b": None},
            '{\n  "a": [\n    1,\n    (known after apply)\n  ],\n  "b": none\n}',
        ),
    ],
)  # fmt: skip
def test_a_value_is_shown(value: Value, text: str) -> None:
    assert console_text(value) == text


_plain = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)


@given(_plain)
def test_known_data_is_json_in_ascii(value: Value) -> None:
    text = console_text(value)
    assert json.loads(text) == value
    assert text.isascii()


def test_a_diff_is_one_that_patch_takes() -> None:
    assert unified_diff("keyplan.yaml", b"a:  1\nb: 2", b"a: 1\nb: 2\n") == (
        "--- a/keyplan.yaml\n+++ b/keyplan.yaml\n@@ -1,2 +1,2 @@\n"
        "-a:  1\n-b: 2\n\\ No newline at end of file\n+a: 1\n+b: 2\n"
    )


def test_line_ends_differ_in_a_diff() -> None:
    assert "-a: 1\r\n+a: 1\n" in unified_diff("x", b"a: 1\r\n", b"a: 1\n")


def test_no_difference_is_no_diff() -> None:
    assert unified_diff("x", b"a: 1\n", b"a: 1\n") == ""
