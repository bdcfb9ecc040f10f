"""What scalar text means for a field: strict, and one spelling per value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.config.fields import (
    Choice,
    Clock,
    Duration,
    Flag,
    Instant,
    Network,
    Number,
    Shape,
    Text,
    Zone,
)
from keyplan.config.scalars import of_value, parser
from keyplan.model.values import Value


def parse(shape: Shape, text: str) -> Value:
    parse_text = parser(shape)
    assert parse_text is not None
    return parse_text(text)


@pytest.mark.parametrize(
    ("shape", "text", "value"),
    [
        (Text(), "012345678901", "012345678901"),
        (Text("[a-z]+", "letters"), "abc", "abc"),
        (Flag(), "true", True),
        (Flag(), "false", False),
        (Number(), "1.5", 1.5),
        (Number(integer=True, minimum=1), "1", 1),
        (Choice(("a", "b")), "b", "b"),
        (Duration(), "1y", "365d"),
        (Duration(), "90m", "90m"),
        (Duration(), "0s", "0d"),
        (Instant(), "2027-06-30", "2027-06-30T00:00:00Z"),
        (Instant(end=True), "2027-06-30", "2027-06-30T23:59:59Z"),
        (Instant(), "2027-06-30t12:00:00.5+02:00", "2027-06-30T10:00:00Z"),
        (Network(), "10.0.0.0/8", "10.0.0.0/8"),
        (Network(), "2001:0DB8::1", "2001:db8::1/128"),
        (Clock(), "09:00", "09:00"),
        (Zone(), "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_text_has_one_canonical_value(shape: Shape, text: str, value: Value) -> None:
    assert parse(shape, text) == value
    if isinstance(value, str):
        assert parse(shape, value) == value


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (Text("[a-z]+", "letters"), "ABC"),
        (Flag(), "yes"),
        (Flag(), "True"),
        (Number(), "1e3"),
        (Number(), "012"),
        (Number(), "1_000"),
        (Number(), ".5"),
        (Number(), "nan"),
        (Number(integer=True), "1.0"),
        (Number(minimum=0), "-1"),
        (Choice(("a",)), "A"),
        (Duration(), "90"),
        (Duration(), "1w"),
        (Duration(), "9999999999y"),
        (Instant(), "2027-02-30"),
        (Instant(), "30.06.2027"),
        (Instant(), "2027-06-30T12:00:00"),
        (Instant(), "9999-12-31T23:59:59-23:59"),
        (Network(), "10.0.0.1/8"),
        (Network(), "example.org"),
        (Clock(), "9:00"),
        (Clock(), "24:00"),
        (Zone(), "../etc/passwd"),
        (Zone(), "Nowhere"),
    ],
)
def test_nothing_is_guessed(shape: Shape, text: str) -> None:
    with pytest.raises(ValueError):
        parse(shape, text)


@pytest.mark.parametrize(
    ("shape", "given_value", "value"),
    [
        (Text(), 3, "3"),
        (Text(), True, "true"),
        (Text(), 1.5, "1.5"),
        (Flag(), True, True),
        (Flag(), "false", False),
        (Number(), 3, 3),
        (Number(), "3", 3),
        (Duration(), timedelta(days=365), "365d"),
        (Instant(end=True), datetime(2027, 6, 30, tzinfo=UTC), "2027-06-30T00:00:00Z"),
    ],
)
def test_values_of_expressions_become_the_same(
    shape: Shape, given_value: object, value: Value
) -> None:
    parse_text = parser(shape)
    assert parse_text is not None
    assert of_value(shape, parse_text, given_value) == value


@pytest.mark.parametrize("shape", [Text(), Flag(), Number(), Duration(), Choice(("a",))])
@pytest.mark.parametrize("value", [None, [], {}, ["a"]])
def test_collections_and_nothing_are_no_scalars(shape: Shape, value: object) -> None:
    parse_text = parser(shape)
    assert parse_text is not None
    with pytest.raises(ValueError):
        of_value(shape, parse_text, value)


@given(st.text(max_size=30))
@settings(max_examples=50)
def test_any_text_parses_to_a_fixed_point_or_is_refused(text: str) -> None:
    for shape in (Flag(), Number(), Duration(), Instant(), Network(), Clock(), Zone()):
        try:
            value = parse(shape, text)
        except ValueError:
            continue
        if isinstance(value, str):
            assert parse(shape, value) == value
