"""Condition operators of IAM: their parts, and one spelling for the values they compare.

Rules: values are changed only where the operator cannot tell the difference (case for
`Bool`, `Null` and `...IgnoreCase`, the form of numbers, instants and networks).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from types import MappingProxyType
from typing import NamedTuple

from keyplan.model.timing import format_instant, parse_instant

_BASES = (
    "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase",
    "StringLike", "StringNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan",
    "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals",
    "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
    "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals",
    "ArnLike", "ArnNotEquals", "ArnNotLike", "Null",
)  # fmt: skip

_SPELLING: Mapping[str, str] = MappingProxyType(
    {base.lower(): base for base in _BASES}
    | {"arnequals": "ArnLike", "arnnotequals": "ArnNotLike"}  # AWS: they behave identically
)
_QUANTIFIERS = MappingProxyType({"forallvalues": "ForAllValues", "foranyvalue": "ForAnyValue"})
_SUFFIX = "ifexists"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NETWORK = re.compile(r"[0-9A-Fa-f.:]+(/[0-9]{1,3})?")
_ASCII_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(65, 91)})


class Operator(NamedTuple):
    """`ForAllValues:StringLikeIfExists` in its parts."""

    base: str
    quantifier: str = ""
    if_exists: bool = False

    @property
    def negated(self) -> bool:
        """Whether none of the values may match."""
        return "Not" in self.base

    @property
    def holds_without(self) -> bool:
        """Whether it holds where the key is missing; `Null` aside, which asks just that."""
        if self.quantifier:
            return self.if_exists or self.quantifier == "ForAllValues"
        return self.if_exists or self.negated

    def __str__(self) -> str:
        prefix = f"{self.quantifier}:" if self.quantifier else ""
        return f"{prefix}{self.base}{'IfExists' if self.if_exists else ''}"


def parse_operator(text: str) -> Operator | None:
    """The parts of an operator, in AWS's spelling; `None` for one that there is not."""
    quantifier, _, rest = text.lower().rpartition(":")
    if_exists = rest.endswith(_SUFFIX)
    base = _SPELLING.get(rest.removesuffix(_SUFFIX) if if_exists else rest)
    if base is None or (quantifier and quantifier not in _QUANTIFIERS):
        return None
    return Operator(base, _QUANTIFIERS.get(quantifier, ""), if_exists)


def spell_value(operator: Operator, text: str) -> str:
    """A value as canonical policies hold it."""
    base = operator.base
    if base in ("Bool", "Null") or base.endswith("IgnoreCase"):
        return text.translate(_ASCII_LOWER)
    if "${" in text:
        return text
    try:
        if base.startswith("Numeric") and _NUMBER.fullmatch(text):
            return _number(text)
        if base.startswith("Date") and "T" in text.upper():
            return _instant(text)
        if base.endswith("IpAddress") and _NETWORK.fullmatch(text):
            return str(ip_network(text))
    except (ValueError, InvalidOperation):
        pass  # not of that form: AWS will say so, and equality stays literal
    return text


def _number(text: str) -> str:
    number = Decimal(text)
    if abs(number.adjusted()) > 30:
        return text
    plain = format(number, "f")
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) if number else "0"


def _instant(text: str) -> str:
    """Whole seconds only: a fraction would be lost."""
    instant = parse_instant(text)
    return text if instant.microsecond else format_instant(instant)
