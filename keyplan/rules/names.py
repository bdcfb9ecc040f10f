"""Names that keys have with a provider: an alias points to one key."""

from __future__ import annotations

from keyplan.diagnostics import Diagnostic, Related, Severity
from keyplan.graph.resources import ResourceGraph
from keyplan.model.resources import DesiredKey


def check_aliases(graph: ResourceGraph) -> tuple[Diagnostic, ...]:
    """An error for each alias that two keys of one provider instance want."""
    first: dict[tuple[str, str], DesiredKey] = {}
    found: list[Diagnostic] = []
    for key in graph.keys.values():
        aliases = key.attributes.get("aliases")
        for alias in aliases if isinstance(aliases, list) else ():
            other = first.setdefault((key.provider, str(alias)), key)
            if other is not key:
                found.append(_clash(str(alias), key, other))
    return tuple(found)


def _clash(alias: str, key: DesiredKey, other: DesiredKey) -> Diagnostic:
    position = other.position("aliases")
    label = f"{other.address} has it too"
    snippet = other.snippet("aliases")
    return Diagnostic(
        Severity.ERROR,
        "KP-HIER-031",
        f"{key.address} and {other.address} both want the alias {alias}",
        why=f"an alias in {key.provider} points to one key",
        advice="Take it away from one of them.",
        address=key.address,
        position=key.position("aliases"),
        snippet=key.snippet("aliases"),
        related=() if position is None else (Related(label, position, snippet),),
    )
