"""A key's terms of deletion, as recorded at its last apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keyplan.model.values import Value


@dataclass(frozen=True, slots=True)
class DeletionTerms:
    """`deletion: {protection, soak, window}`, durations as texts; what is omitted is safe."""

    protection: bool = True
    soak: str = "0d"
    window: str = "30d"


def deletion_terms(attributes: Mapping[str, Value]) -> DeletionTerms:
    """The terms recorded in the attributes of a state or a declaration."""
    terms = attributes.get("deletion")
    if not isinstance(terms, dict):
        return DeletionTerms()
    return DeletionTerms(
        protection=bool(terms.get("protection", True)),
        soak=str(terms.get("soak", "0d")),
        window=str(terms.get("window", "30d")),
    )
