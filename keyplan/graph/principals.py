"""Principals from their blocks: a kind, and names with providers."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.config.blocks import Configuration
from keyplan.config.expressions import Scope
from keyplan.config.names import Absent
from keyplan.config.report import Report
from keyplan.diagnostics import Diagnostics
from keyplan.graph.instances import Declared
from keyplan.model.address import Address
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.values import Value

_ABSENT = {
    name: Absent(name, "a principal is the same for every key")
    for name in ("key", "policy", "principal", "this", "module")
}
_OWN = frozenset({"kind", "claims"})


def evaluate_principals(
    configuration: Configuration, declared: Declared, diagnostics: Diagnostics
) -> dict[Address, Principal]:
    """Every principal by its address; one whose kind was reported counts as external."""
    names = {**configuration.names, **_ABSENT}
    result: dict[Address, Principal] = {}
    for instance in declared:
        scope = Scope({**names, "each": instance.each_name}, configuration.files)
        values = instance.block.values(scope, Report(diagnostics, instance.address))
        result[instance.address] = _principal(instance.address, values)
    return result


def _principal(address: Address, values: Mapping[str, Value]) -> Principal:
    claims = values.get("claims")
    identities = {
        name: tuple(str(item) for item in value)
        for name, value in values.items()
        if name not in _OWN and isinstance(value, list)
    }
    return Principal(
        address,
        PrincipalKind(str(values.get("kind", PrincipalKind.EXTERNAL))),
        identities,
        {name: str(item) for name, item in claims.items()} if isinstance(claims, dict) else {},
    )
