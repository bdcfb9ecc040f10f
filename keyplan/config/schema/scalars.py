"""What a scalar of each shape may look like to a tool that reads YAML its own way.

keyplan reads the text of a scalar; other tools see a string, a number or a boolean.
Rules: whatever keyplan accepts is accepted here, whichever type it looks like; a text
with `${` or `%{` is a template and may stand where templates may. One keyword applies
to one type, so a scalar is one flat schema that an editor can complete from.
"""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

from keyplan.config.fields import (
    Choice,
    Clock,
    Duration,
    Flag,
    Instant,
    Kind,
    Network,
    Number,
    Refers,
    Text,
    Zone,
    describe,
)

Schema: TypeAlias = dict[str, Any]
Scalar: TypeAlias = (
    Text | Flag | Number | Choice | Duration | Instant | Network | Clock | Zone | Refers
)

MARK = r"[$%]\{"
"""What makes a template of a text."""

NO_TEMPLATE = r"^(?![\s\S]*[$%]\{)"
TEMPLATE: Schema = {"$ref": "#/$defs/template"}

_DURATION = r"(?:0|[1-9][0-9]{0,9})[smhdy]"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_INSTANT = (
    rf"{_DATE}(?:[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}"
    r"(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)
_NUMBER = r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?"
_INTEGER = r"-?(?:0|[1-9][0-9]{0,30})"
_NETWORK = r"[0-9A-Fa-f:.]+(?:%[^/]+)?(?:/[0-9.]+)?"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_ZONE = r"[A-Za-z0-9_+/-]+"


def scalar_schema(shape: Scalar, kind: Kind, also: tuple[str, ...] = ()) -> Schema:
    """The schema of a scalar; `also` are words beside it, such as `none`."""
    match shape:
        case Text(pattern=""):
            pattern = NO_TEMPLATE if kind is Kind.LITERAL else ""
            return {"type": ["string", "number", "boolean"], **_pattern(pattern, shape)}
        case Text(pattern=pattern):
            found = _text(shape, pattern, kind, also)
            return {**found, "type": ["string", "number", "boolean"]}
        case Flag():
            return {**_text(shape, "true|false", kind, also), "type": ["boolean", "string"]}
        case Number(integer=integer):
            number = "integer" if integer else "number"
            found = _text(shape, _INTEGER if integer else _NUMBER, kind, also)
            return {**found, "type": [number, "string"], **_bounds(shape)}
        case Choice(values=values):
            return _choice([str(value) for value in values], kind, also)
        case Duration():
            return _text(shape, _DURATION, kind, also)
        case Instant():
            return _text(shape, _INSTANT, kind, also)
        case Network():
            return _text(shape, _NETWORK, kind, also)
        case Clock():
            return _text(shape, _CLOCK, kind, also)
        case Zone():
            return _text(shape, _ZONE, kind, also)
        case Refers(target=target):
            return {"type": "string", "minLength": 1, "x-keyplan-target": target}
        case _:
            assert_never(shape)


def alternatives(schema: Schema) -> list[Schema]:
    """The schema as members of an `anyOf`."""
    return list(schema["anyOf"]) if set(schema) == {"anyOf"} else [schema]


def whole(pattern: str, *others: str) -> str:
    """A pattern for a whole text, or one of other patterns for a part of it."""
    return "|".join([f"^(?:{pattern})$", *others])


def _text(shape: Scalar, pattern: str, kind: Kind, also: tuple[str, ...]) -> Schema:
    """Text of a form; where templates may stand, or any text that is an expression."""
    if kind in (Kind.EXPRESSION, Kind.REFERENCE):
        return {"type": "string", "minLength": 1}
    words = "|".join([pattern, *also])
    marks = (MARK,) if kind is Kind.TEMPLATE else ()
    return {"type": "string", **_pattern(whole(words, *marks), shape)}


def _pattern(pattern: str, shape: Scalar) -> Schema:
    if not pattern:
        return {}
    wanted = describe(shape)
    return {"pattern": pattern, "patternErrorMessage": f"Write {wanted}."}


def _choice(values: list[str], kind: Kind, also: tuple[str, ...]) -> Schema:
    """Words that an editor can offer, or a template."""
    words: Schema = {"enum": [*values, *also]}
    if kind is Kind.LITERAL:
        return words
    if kind is Kind.TEMPLATE:
        return {"anyOf": [words, TEMPLATE]}
    return {"anyOf": [words, {"type": "string", "minLength": 1}]}


def _bounds(shape: Number) -> Schema:
    found: Schema = {}
    if shape.minimum is not None:
        found["minimum"] = shape.minimum
    if shape.maximum is not None:
        found["maximum"] = shape.maximum
    return found
