"""What a field of the language can be: its kind, its shape, its documentation.

Rules: a field's kind belongs to its path and is declared here and nowhere else; the
decoder (`decode`) and a JSON Schema are both made from these values, so they cannot
disagree. Shapes are a closed union. Everything is frozen and hashable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """How a scalar is read (LANGUAGE.md §1). Leaves of lists and maps have the field's kind."""

    LITERAL = "literal"  # as written; `${` is an error
    TEMPLATE = "template"  # text with `${…}` inside
    EXPRESSION = "expression"  # an expression; leaves of a list or map are templates
    REFERENCE = "reference"  # the address of something declared, or an expression for one


@dataclass(frozen=True, slots=True)
class Text:
    """Text, as written. `pattern` is a whole-match regular expression, `says` its description."""

    pattern: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`, and nothing else."""


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number; `integer` without fraction. Bounds are inclusive."""

    integer: bool = False
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duration:
    """`90s 15m 12h 30d 1y`; canonical text afterwards."""


@dataclass(frozen=True, slots=True)
class Instant:
    """RFC 3339 or a date; `end`: a date means its last second. Canonical text afterwards."""

    end: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """An IP network in CIDR notation, IPv4 or IPv6; a single address is a network of one."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day, `09:00`."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone of the IANA database, `Europe/Berlin`."""


@dataclass(frozen=True, slots=True)
class Refers:
    """The address of something of one kind: `key`, `policy`, `principal` or `provider`."""

    target: str


@dataclass(frozen=True, slots=True)
class Plain:
    """Any data.

    `typed`: unquoted `true`, `1` and `none` mean what they look like (locals, inputs);
    otherwise every scalar stays text, and whoever validates it decides (provider blocks).
    """

    typed: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list. `single`: one item may stand alone. `ordered`: its order matters.

    `unique`: an item twice is an error. `collapse`: a list of one item becomes that
    item, so that both spellings are one.
    """

    item: Shape
    single: bool = False
    ordered: bool = False
    unique: bool = True
    collapse: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A map with names of its own. `names` is a whole-match pattern, `says` its description.

    `elements`: it is managed per element, so `none` as a value takes an element out.
    """

    item: Shape
    names: str = r"[^\x00-\x1f]{1,256}"
    says: str = "text of at most 256 characters"
    elements: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A map with fixed fields. `extensions`: provider types may have a field of their own."""

    fields: tuple[Field, ...]
    extensions: bool = False


Shape: TypeAlias = (
    Text
    | Flag
    | Number
    | Choice
    | Duration
    | Instant
    | Network
    | Clock
    | Zone
    | Refers
    | Plain
    | Items
    | Table
    | Record
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a block.

    `nullable`: `none` is a value, and removes. `words` are spellings beside the shape,
    such as `keep` for `policies`. `unknown`: an attribute that only a provider can
    know may stand in it. `later` says what is not there yet; using the field is then
    an error.
    """

    name: str
    shape: Shape
    doc: str
    kind: Kind = Kind.TEMPLATE
    required: bool = False
    nullable: bool = False
    words: tuple[str, ...] = ()
    unknown: bool = False
    later: bool = False


def describe(shape: Shape) -> str:  # noqa: PLR0911  (one line per member of the union)
    """What a field of this shape wants, for messages: "a duration such as 90d"."""
    match shape:
        case Text(says=says):
            return says or "text"
        case Flag():
            return "true or false"
        case Number(integer=integer):
            return "a whole number" if integer else "a number"
        case Choice(values=values):
            return "one of " + ", ".join(values)
        case Duration():
            return "a duration such as 90s, 15m, 12h, 30d or 1y"
        case Instant():
            return "a date such as 2027-06-30 or 2027-06-30T12:00:00Z"
        case Network():
            return "an IP network such as 10.0.0.0/8"
        case Clock():
            return "a time of day such as 09:00"
        case Zone():
            return "a time zone such as UTC or Europe/Berlin"
        case Refers(target=target):
            return f"a {target} reference"
        case Plain():
            return "a value"
        case Items(item=item):
            return f"a list, each item {describe(item)}"
        case Table():
            return "a map"
        case Record(fields=fields):
            return "a map with " + ", ".join(field.name for field in fields if not field.later)
