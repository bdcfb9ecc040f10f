"""Names that expressions read before anything is linked: `var`, `local`, and what is not there.

Rules: a name that could not be given a value was reported where it is declared, so
reading it adds nothing. A name that cannot be read here says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keyplan.config.expressions import At, Lookup
from keyplan.config.report import AlreadyReportedError, suggest_or_list

_BLOCK = {"var": "variable", "local": "locals"}


class Values(Lookup):
    """`var` or `local`."""

    __slots__ = ("_broken", "_kind", "_values")

    def __init__(self, kind: str, values: Mapping[str, object], broken: frozenset[str]) -> None:
        self._kind = kind
        self._values = values
        self._broken = broken

    @property
    def values(self) -> Mapping[str, object]:
        """Every value that there is."""
        return self._values

    def changed(self, change: Callable[[object], object]) -> Values:
        """The same names with other values."""
        values = {name: change(value) for name, value in self._values.items()}
        return Values(self._kind, values, self._broken)

    def replaced(self, values: Mapping[str, object]) -> Values:
        """The same names, some with other values."""
        return Values(self._kind, {**self._values, **values}, self._broken)

    def get_attribute(self, name: str, at: At) -> object:
        """`var.x`."""
        if name in self._values:
            return self._values[name]
        if name in self._broken:
            raise AlreadyReportedError
        raise at.error(
            "KP-REF-002",
            f"{self._kind}.{name} is not declared",
            advice=suggest_or_list(name, self._values, "Declared")
            or f"Declare it under `{_BLOCK[self._kind]}:`.",
        )

    def get_item(self, key: object, at: At) -> object:
        """`var["x"]` is another spelling of `var.x`, and there is one only."""
        raise at.error(
            "KP-REF-001",
            f"{self._kind} has names, not entries",
            advice=f"Write {self._kind}.{key}.",
        )

    def entries(self, at: At) -> Mapping[str, object]:
        """Every value by its name."""
        del at
        if self._broken:
            raise AlreadyReportedError
        return self._values


class Absent(Lookup):
    """A name that exists in the language and cannot be read in this place."""

    __slots__ = ("_name", "_why")

    def __init__(self, name: str, why: str) -> None:
        self._name = name
        self._why = why

    def get_attribute(self, name: str, at: At) -> object:
        """Refused."""
        del name
        raise self._refusal(at)

    def get_item(self, key: object, at: At) -> object:
        """Refused."""
        del key
        raise self._refusal(at)

    def as_value(self, at: At) -> object:
        """Refused."""
        raise self._refusal(at)

    def entries(self, at: At) -> Mapping[str, object]:
        """Refused."""
        raise self._refusal(at)

    def _refusal(self, at: At) -> Exception:
        return at.error("KP-REF-012", f"{self._name} cannot be read here", why=self._why)
