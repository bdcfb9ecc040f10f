"""What `key`, `policy` and `principal` mean in expressions, and whether an address exists.

Rules: one spelling only: `key.master["prod"]` with an index exactly where the block has
`for_each`. An attribute that was declared reads as its value; one that only the
provider can know reads as `Unknown`; one of the language's that was neither declared
nor is reported by the provider reads as `none`. What was reported is not reported again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from keyplan.config.expressions import At, ExpressionError, Lookup
from keyplan.config.language_key import KEY
from keyplan.config.report import (
    AlreadyReportedError,
    Place,
    Report,
    related,
    suggest,
    suggest_or_list,
)
from keyplan.graph.instances import Declared, Family, Instance
from keyplan.graph.world import Everything
from keyplan.model.address import Address, quote

KEY_ATTRIBUTES = frozenset(field.name for field in KEY.fields if not field.later)


class ReadsKeys(Protocol):
    """Who knows keys: evaluates one on demand and answers for its attributes."""

    def attribute(self, address: Address, name: str, at: At) -> object:
        """The value of an attribute, an `Unknown`, or a lookup. Raises `ExpressionError`."""


class AddressLookup(Lookup):
    """A declared policy or principal: good for being referred to, and nothing else."""

    __slots__ = ("_address",)

    def __init__(self, address: Address) -> None:
        self._address = address

    def get_attribute(self, name: str, at: At) -> object:
        """Policies and principals have no attributes in expressions."""
        raise at.error(
            "KP-REF-007",
            f"{self._address} has no attribute {name} here",
            why=f"a {self._address.kind} can be referred to, not read",
            advice=f"Write {self._address}.",
        )

    def as_value(self, at: At) -> object:
        """Its address."""
        del at
        return self._address


class KeyLookup(Lookup):
    """One key."""

    __slots__ = ("_address", "_keys")

    def __init__(self, address: Address, keys: ReadsKeys) -> None:
        self._address = address
        self._keys = keys

    def get_attribute(self, name: str, at: At) -> object:
        """`key.root.algorithm`, `key.root.arn`."""
        return self._keys.attribute(self._address, name, at)

    def get_item(self, key: object, at: At) -> object:
        """A key without `for_each` takes no index."""
        raise at.error(
            "KP-REF-003",
            f"{self._address} takes no index",
            why=f"it has no instance {key}: its block has no for_each",
            advice=f"Write {self._address}.",
        )

    def as_value(self, at: At) -> object:
        """Its address."""
        del at
        return self._address


Make = Callable[[Address], Lookup]


class FamilyLookup(Lookup):
    """The instances of a block with `for_each`: `key.master`."""

    __slots__ = ("_family", "_make")

    def __init__(self, family: Family, make: Make) -> None:
        self._family = family
        self._make = make

    def get_item(self, key: object, at: At) -> object:
        """`key.master["prod"]`."""
        instance = self._family.instances.get(str(key))
        if instance is None:
            raise self._missing(str(key), at)
        return self._make(instance.address)

    def get_attribute(self, name: str, at: At) -> object:
        """`key.master.prod` is refused: instances are entries, not attributes."""
        address = self._family.block.address
        indexed = f"{address}[{quote(name)}]"
        if name in self._family.instances:
            raise at.error(
                "KP-REF-001",
                f"{address}.{name} is not an address",
                why="an instance of for_each is written as an index",
                advice=f"Write {indexed}.",
            )
        raise self._no_index(at)

    def as_value(self, at: At) -> object:
        """All instances at once are not one of them."""
        raise self._no_index(at)

    def entries(self, at: At) -> Mapping[str, object]:
        """Every instance by its key."""
        del at
        if self._family.failed:
            raise AlreadyReportedError
        return {str(key): self._make(item.address) for key, item in self._family.instances.items()}

    def _no_index(self, at: At) -> ExpressionError:
        if self._family.failed:
            return AlreadyReportedError()
        return at.error(
            "KP-REF-003",
            f"{self._family.block.address} needs an index",
            why="its block has for_each, so it stands for several",
            advice=_instances_advice(self._family),
        )

    def _missing(self, key: str, at: At) -> ExpressionError:
        if self._family.failed:
            return AlreadyReportedError()
        return at.error(
            "KP-REF-002",
            f"{self._family.block.address}[{quote(key)}] is not declared",
            why=_why_missing(self._family, key),
            advice=_instances_advice(self._family, key),
        )


class KindLookup(Lookup):
    """`key`, `policy` or `principal`."""

    __slots__ = ("_declared", "_make")

    def __init__(self, declared: Declared, make: Make) -> None:
        self._declared = declared
        self._make = make

    def get_attribute(self, name: str, at: At) -> object:
        """`key.root`, `key.master`."""
        family = self._declared.families.get(name)
        if family is None:
            if name in self._declared.failed:
                raise AlreadyReportedError
            kind = self._declared.kind
            near = suggest_or_list(name, self._declared.families, "Declared")
            raise at.error(
                "KP-REF-002",
                f"{kind}.{name} is not declared",
                advice=near or f"Declare it under `{kind}:`.",
            )
        if family.keyed:
            return FamilyLookup(family, self._make)
        instance = family.instances.get(None)
        if instance is None:
            if family.failed:
                raise AlreadyReportedError
            raise at.error(
                "KP-REF-002",
                f"{family.block.address} is not declared",
                why=_why_missing(family, None),
            )
        return self._make(instance.address)

    def get_item(self, key: object, at: At) -> object:
        """`key["root"]` is another spelling of `key.root`, and there is one only."""
        kind = self._declared.kind
        raise at.error(
            "KP-REF-001", f"{kind} has names, not entries", advice=f"Write {kind}.{key}."
        )

    def entries(self, at: At) -> Mapping[str, object]:
        """Every name."""
        return {name: self.get_attribute(name, at) for name in self._declared.families}


def find(
    address: Address, everything: Everything, where: Callable[[], Place], report: Report
) -> Instance | None:
    """The instance that an address names; `None` after a report at `where`."""
    if (base := address.replica_of) is not None:
        report.error(
            "KP-REF-004", where(), f"{address} is a replica, which cannot be named here",
            advice=f"Write {base}: it stands for the key in every place.",
        )  # fmt: skip
        return None
    instance = everything.get(address)
    if instance is None:
        declared = everything.near(address)
        if declared is not None:
            _report_missing(address, declared, where(), report)
        else:
            report.error(
                "KP-REF-002", where(), f"{address} is not declared",
                why=f"there is no {address.module}",
                advice="Check the name of the module, and its for_each.",
            )  # fmt: skip
    return instance


def _report_missing(address: Address, declared: Declared, place: Place, report: Report) -> None:
    """Say what is wrong with an address that names nothing."""
    parts = address.parts
    family = declared.families.get(parts.name)
    if parts.name in declared.failed or (family is not None and family.failed):
        report.already_reported()
    elif family is None:
        report.error(
            "KP-REF-002",
            place,
            f"{address} is not declared",
            advice=suggest(f"{declared.kind}.{parts.name}", _addresses(declared))
            or f"Declare it under `{declared.kind}:`.",
        )
    elif family.keyed and parts.instance is None:
        report.error(
            "KP-REF-003",
            place,
            f"{address} needs an index",
            why="its block has for_each, so it stands for several",
            advice=_instances_advice(family),
            also=(related("declared here", family.block.place),),
        )
    elif not family.keyed and parts.instance is not None:
        report.error(
            "KP-REF-003",
            place,
            f"{family.block.address} takes no index",
            why="its block has no for_each",
            advice=f"Write {family.block.address}.",
            also=(related("declared here", family.block.place),),
        )
    else:
        report.error(
            "KP-REF-002",
            place,
            f"{address} is not declared",
            why=_why_missing(family, parts.instance),
            advice=_instances_advice(family, parts.instance or ""),
            also=(related("its block", family.block.place),),
        )


def _addresses(declared: Declared) -> list[str]:
    return [family.block.address for family in declared.families.values()]


def _why_missing(family: Family, key: str | None) -> str:
    if key in family.left_out:
        return "`declare` leaves it out"
    return "its for_each has no such entry"


def _instances_advice(family: Family, near: str = "") -> str:
    if not family.keyed:
        return "Declare it, or remove the reference."
    keys = [str(key) for key in family.instances]
    guess = suggest(near, keys) if near else ""
    if guess:
        return guess
    if not keys:
        return "Its for_each is empty."
    shown = ", ".join(f"{family.block.address}[{quote(key)}]" for key in keys[:5])
    return f"Write {shown}{', ...' if len(keys) > 5 else ''}."
