"""Principals from their blocks: a kind, and names with providers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keyplan.config.names import Absent
from keyplan.graph.instances import Instance
from keyplan.graph.world import World
from keyplan.model.address import Address
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.values import Value

_ABSENT = {
    name: Absent(name, "a principal is the same for every key")
    for name in ("key", "policy", "principal", "this", "module")
}
_OWN = frozenset({"kind", "claims"})


def evaluate_principals(declared: Iterable[Instance], world: World) -> dict[Address, Principal]:
    """Every principal by its address; one whose kind was reported counts as external."""
    result: dict[Address, Principal] = {}
    for instance in declared:
        home = instance.home
        scope = home.scope({**home.early, **_ABSENT, "each": instance.each_name})
        values = instance.block.values(scope, world.report(instance.address))
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
