"""What scalar text means for a field: one parser per shape, canonical values out.

Rules: parsers take the text as written and raise `ValueError` that says why not, or
nothing where the shape's description says it all; they never guess (`yes` is no
boolean, `90` no duration). `of_value` is the same for a value that an expression gave.
A canonical value parses to itself.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
from keyplan.model.timing import format_duration, format_instant, parse_duration, parse_instant
from keyplan.model.values import Value

Parse = Callable[[str], Value]
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def parser(shape: Shape) -> Parse | None:
    """The parser of a scalar shape; `None` for shapes that are not scalars."""
    match shape:
        case Text(pattern=""):
            return str
        case Text(pattern=pattern):
            return partial(_matching, re.compile(pattern))
        case Flag():
            return _flag
        case Number():
            return partial(_number, shape)
        case Choice(values=values):
            return partial(_choice, {value: str(value) for value in values})
        case Duration():
            return canonical_duration
        case Instant(end=end):
            return canonical_end if end else canonical_beginning
        case Network():
            return _network
        case Clock():
            return _clock
        case Zone():
            return _zone
        case _:
            return None


def of_value(shape: Shape, parse: Parse, value: object) -> Value:
    """A value of an expression as the shape's canonical value. Raises `ValueError`."""
    match shape, value:
        case (Flag(), bool()):
            return bool(value)
        case (Number(), int() | float()) if not isinstance(value, bool):
            return parse(json.dumps(value))
        case (Duration(), timedelta()):
            return format_duration(value)
        case (Instant(), datetime()):
            return format_instant(value)
        case (_, str()):
            return parse(value)
        case (Text() | Choice(), bool() | int() | float()):
            return parse(json.dumps(value))
        case _:
            raise ValueError


def kind_of(value: object) -> str:
    """A value's type in the language's words."""
    match value:
        case None:
            return "none"
        case bool():
            return "a bool"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case dict():
            return "a map"
        case _:
            return type(value).__name__.lower()


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if pattern.fullmatch(text) is None:
        raise ValueError
    return text


def _flag(text: str) -> bool:
    if text == "true":
        return True
    if text == "false":
        return False
    raise ValueError


def _number(shape: Number, text: str) -> int | float:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError
    value: int | float = float(text) if "." in text else int(text)
    if shape.integer and isinstance(value, float):
        raise ValueError(f"{text} is not whole")
    if shape.minimum is not None and value < shape.minimum:
        raise ValueError(f"{text} is less than {shape.minimum:g}")
    if shape.maximum is not None and value > shape.maximum:
        raise ValueError(f"{text} is more than {shape.maximum:g}")
    return value


def _choice(values: dict[str, str], text: str) -> str:
    try:
        return values[text]
    except KeyError:
        raise ValueError from None


@lru_cache(maxsize=4096)
def canonical_duration(text: str) -> str:
    """`365d` for `1y`."""
    try:
        return format_duration(parse_duration(text))
    except (ValueError, OverflowError):
        raise ValueError from None


@lru_cache(maxsize=4096)
def canonical_beginning(text: str) -> str:
    """An instant; a bare date begins at 00:00 UTC."""
    return _instant(text, end=False)


@lru_cache(maxsize=4096)
def canonical_end(text: str) -> str:
    """An instant; a bare date ends with its last second."""
    return _instant(text, end=True)


def _instant(text: str, *, end: bool) -> str:
    try:
        return format_instant(parse_instant(text, end=end))
    except (ValueError, OverflowError) as error:
        said = str(error)  # either of the form, or of the calendar
        raise ValueError("" if said.startswith("'") else said) from None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(str(error)) from None


def _clock(text: str) -> str:
    if _CLOCK.fullmatch(text) is None:
        raise ValueError
    return text


def _zone(text: str) -> str:
    if text != "UTC":
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError from None
    return text
