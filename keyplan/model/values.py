"""Values that travel through a plan: JSON data, plus what is not known before apply.

Rules: values are never mutated once they are part of a model object. An `Unknown`
may stand only where text stands and only around plain references (LANGUAGE.md §2),
so it is kept as its parts; resolving it is joining text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keyplan.model.address import Address

Scalar: TypeAlias = "str | int | float | bool | None"
Value: TypeAlias = "Scalar | list[Value] | dict[str, Value] | Unknown"


@dataclass(frozen=True, slots=True)
class Reference:
    """An attribute of a key that only its provider can know, such as `key.payments.arn`."""

    address: Address
    attribute: str

    def __str__(self) -> str:
        return f"{self.address}.{self.attribute}"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Text with at least one part that is known only after apply."""

    parts: tuple[str | Reference, ...]

    def __str__(self) -> str:
        return "(known after apply)"

    @property
    def references(self) -> tuple[Reference, ...]:
        """What it waits for, in the order of appearance."""
        return tuple(part for part in self.parts if isinstance(part, Reference))


def has_unknown(value: Value) -> bool:
    """Whether an `Unknown` is anywhere inside."""
    match value:
        case Unknown():
            return True
        case dict():
            return any(has_unknown(item) for item in value.values())
        case list():
            return any(has_unknown(item) for item in value)
        case _:
            return False


def resolve(value: Value, lookup: Callable[[Reference], Value]) -> Value:
    """The value with each `Unknown` replaced; `lookup` raises if a reference is still not known.

    A lone reference keeps the type of what it refers to; in text, values are joined.
    """
    match value:
        case Unknown(parts=(Reference() as only,)):
            return lookup(only)
        case Unknown(parts=parts):
            return "".join(part if isinstance(part, str) else str(lookup(part)) for part in parts)
        case dict():
            return {name: resolve(item, lookup) for name, item in value.items()}
        case list():
            return [resolve(item, lookup) for item in value]
        case _:
            return value
