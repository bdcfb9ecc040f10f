"""Whatever a report of drift proposes to write is of the language, and means what is live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.values import Value
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.render.drift import declaration, keep_words
from keyplan.render.drift_report import keep_text
from keyplan.render.layout import clean

Link = Callable[..., ResourceGraph]

KEY = """
provider: {hsm: {}}
key:
  it:
    provider: hsm
    tier: root
    usage: encrypt
    algorithm: aes-256
"""
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)
STATES = ("active", "suspended", "deactivated", "compromised")
AWKWARD = [
    "none",
    "null",
    "~",
    "",
    "a: b",
    "# no",
    "- x",
    "a #b",
    "${x}",
    "%{ if }",
    "'",
    '"',
    "12",
]


def written(link: Link, line: str) -> ResourceGraph:
    return link(f"{KEY}    {line}\n")


def check(link: Link, path: str, live: Value) -> bool:
    """Whether something is proposed; it must mean the live value."""
    text = clean(declaration(path, live))  # as it is printed
    name, _, element = path.partition(":")
    if text:
        found = written(link, text).keys[Address("key.it")].attributes[name]
        assert (found.get(element) if isinstance(found, dict) else found) == live, text
    return bool(text)


@pytest.mark.parametrize(
    ("path", "live"),
    [
        *((f"description{element}", text) for element in ("",) for text in AWKWARD),
        *(("labels:team", text) for text in AWKWARD),
        *((f"labels:{name}", "x") for name in (*AWKWARD, "true", "yes", "On") if name),
        *(("state", state.value) for state in KeyState if state in STATES),
        ("description", None),
        ("expires_at", None),
        ("expires_at", "2027-06-30T23:59:59Z"),
        ("exportable", True),
        ("exportable", False),
    ],
)
def test_a_proposed_line_means_what_is_live(link: Link, path: str, live: Value) -> None:
    assert check(link, path, live)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=TEXTS, name=TEXTS.filter(bool))
def test_so_does_one_of_any_text(link: Link, text: str, name: str) -> None:
    check(link, "description", text)
    check(link, f"labels:{name}", text)


@pytest.mark.parametrize("path", ["deletion_at", "mark", "primary", "policy", "version:1", "state"])
def test_what_the_language_has_no_line_for_is_not_proposed(path: str) -> None:
    assert declaration(path, "destroyed") == ""


def item(path: str, live: Value) -> DriftItem:
    return DriftItem(
        Address("key.it"), "fake", path, None, live, DriftKind.METADATA, DriftResponse.REVERT
    )


def test_a_deletion_is_kept_with_an_entry_that_the_language_has(link: Link) -> None:
    asked = item("deletion_at", "2027-06-30T23:59:59Z")
    text = keep_text(asked)
    assert text == keep_words(asked)
    entry = text.split("`")[1]
    head = KEY[: KEY.index("key:")]
    (removed,) = link(f"{head}{entry}\n").removed
    assert (removed.pattern, removed.mode.value) == ("key.it", "destroy")
    assert keep_text(replace(asked, live=None)) == keep_text(item("mark", "x")) == ""
