"""Whatever scalar the decoder takes, the published schema takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.config.decode import Deferred
from keyplan.config.decode_collections import compile_field
from keyplan.config.fields import (
    Choice,
    Clock,
    Duration,
    Flag,
    Instant,
    Kind,
    Network,
    Number,
    Shape,
    Text,
    Zone,
)
from keyplan.config.fields import Field as LanguageField
from keyplan.config.report import INVALID, Report
from keyplan.config.schema.scalars import scalar_schema
from keyplan.config.schema.shapes import Site, field_schema
from keyplan.config.source import SourceFile
from keyplan.config.tree import ScalarNode
from keyplan.diagnostics import Diagnostics
from tests.unit.config.schemas import SCHEMA, complaints, plain, resolved

SCALARS = (
    Text(), Text(r"[a-z]{1,8}", "letters"), Flag(), Number(), Number(integer=True, minimum=0),
    Number(minimum=0, maximum=1), Choice(("root", "service")), Duration(), Instant(),
    Instant(end=True), Network(), Clock(), Zone(),
)  # fmt: skip
TEXTS = (
    "true", "false", "yes", "True", "1", "0", "-1", "1.5", "01", "1e3", "1.", ".5", "90d", "1y",
    "90", "0s", "d", "2027-06-30", "2027-06-30T12:00:00Z", "2027-06-30t12:00:00+01:00",
    "2027-02-30", "2027-6-1", "10.0.0.0/8", "10.0.0.1", "::1/128", "fe80::/10", "10.0.0.0/33",
    "09:00", "9:00", "24:00", "UTC", "Europe/Berlin", "Etc/GMT+1", "Nowhere", "root", "service",
    "other", "none", "abc", "${var.x}", "a ${var.x}", "%{ if true }x%{ endif }", "$x", "",
)  # fmt: skip


def accepts(shape: Shape, kind: Kind, node: ScalarNode, *, nullable: bool) -> bool:
    """Whether the decoder takes it, templates counting as taken."""
    diagnostics = Diagnostics()
    field = LanguageField("field", shape, "Doc.", kind, nullable=nullable)
    value = compile_field(field).decode(node, Report(diagnostics))
    return isinstance(value, Deferred) or value is not INVALID


@given(
    st.sampled_from(SCALARS),
    st.sampled_from((Kind.TEMPLATE, Kind.LITERAL)),
    st.one_of(st.sampled_from(TEXTS), st.text("0123456789-:.dTZ/", max_size=12)),
    st.booleans(),
    st.booleans(),
)
def test_a_scalar_that_is_decoded_is_accepted(
    shape: Shape, kind: Kind, text: str, quoted: bool, nullable: bool
) -> None:
    node = ScalarNode(text, 1, 1, SourceFile.of("x", Path("x"), text), quoted)
    field = LanguageField("field", shape, "Doc.", kind, nullable=nullable)
    schema = {**field_schema(field, Site((), Kind.LITERAL)), "$defs": SCHEMA["$defs"]}
    if accepts(shape, kind, node, nullable=nullable):
        assert complaints(plain(node), schema) == []


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (Flag(), "yes"), (Duration(), "90"), (Duration(), "1w"), (Instant(), "tomorrow"),
        (Choice(("root", "service")), "Root"), (Number(minimum=0, maximum=1), "2"),
        (Number(integer=True), "1.5"), (Clock(), "9:00"), (Network(), "localhost"),
        (Text(r"[a-z]{1,8}", "letters"), "A"), (Text(), ""),
    ],
)  # fmt: skip
def test_a_scalar_of_another_form_is_refused(shape: Any, text: str) -> None:
    schema = {**scalar_schema(shape, Kind.TEMPLATE), "$defs": SCHEMA["$defs"]}
    assert complaints(resolved(text), schema)


def test_a_literal_takes_no_template() -> None:
    assert complaints({"keyplan": {"required_version": "${var.x}"}})
    assert complaints({"variable": {"x": {"type": "string", "default": {"a": ["${var.y}"]}}}})
    assert not complaints({"variable": {"x": {"type": "string", "default": {"a": ["y", 1, None]}}}})
