"""Principals: who, under one neutral name with an identity per provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from keyplan.model.address import Address


class PrincipalKind(StrEnum):
    """What stands behind a principal."""

    HUMAN = "human"
    WORKLOAD = "workload"
    SERVICE = "service"
    BREAK_GLASS = "break_glass"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Principal:
    """One declared principal.

    `identities` maps a provider type (`aws`) or instance (`aws.dr`) to the names it
    has there; the instance wins over the type.
    """

    address: Address
    kind: PrincipalKind
    identities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)

    def identities_on(self, provider: str) -> tuple[str, ...]:
        """Its names on a provider instance such as `aws.dr`; empty if it has none there."""
        return self.identities.get(provider) or self.identities.get(provider.partition(".")[0], ())
