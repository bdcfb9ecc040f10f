"""Keys of the declared providers that nobody declared: `keyplan drift --unmanaged`.

Rules: a key that the service keeps for itself is not looked at, and one that carries the
mark of another stack is that stack's; both are counted. Two instances of one place see
the same keys, so a key is told once, and is known if either instance knows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keyplan.graph.resources import ResourceGraph
from keyplan.model.observations import Observation
from keyplan.model.timing import format_date
from keyplan.planning.visible import of_the_service
from keyplan.plans.drift import Stray
from keyplan.session.session import ProviderSession
from keyplan.state.model import State


@dataclass(frozen=True, slots=True)
class Strays:
    """What a scan found beside the keys of this stack."""

    found: tuple[Stray, ...] = ()
    of_other_stacks: int = 0
    of_services: int = 0


def find_strays(
    graph: ResourceGraph, state: State, sessions: Mapping[str, ProviderSession]
) -> Strays:
    """Scan every provider; in the order of their names, then of ids."""
    places = {name: session.identity.place for name, session in sessions.items()}
    known = {
        (places[item.provider], item.id)
        for item in state.resources.values()
        if item.provider in places
    }
    known |= {
        (places[graph.keys[address].provider], entry.id)
        for address, entry in graph.imported.items()
        if address in graph.keys and graph.keys[address].provider in places
    }
    found: list[Stray] = []
    others = services = 0
    for name, session in sorted(sessions.items()):
        for key in sorted(session.scan(), key=lambda key: key.id):
            place = (places[name], key.id)
            if place in known:
                continue
            known.add(place)
            if of_the_service(key):
                services += 1
            elif key.owner is not None and key.owner.stack != state.lineage:
                others += 1
            else:
                found.append(_stray(name, key))
    return Strays(tuple(found), others, services)


def _stray(provider: str, key: Observation) -> Stray:
    aliases = key.attributes.get("aliases")
    return Stray(
        provider=provider,
        id=key.id,
        usage=str(key.attributes.get("usage") or ""),
        algorithm=str(key.attributes.get("algorithm") or ""),
        state=key.state.value,
        aliases=tuple(sorted(map(str, aliases))) if isinstance(aliases, list) else (),
        notes=tuple(_notes(key)),
    )


def _notes(key: Observation) -> Iterator[str]:
    if key.owner is not None:
        yield "it carries this stack's mark and is not in its state"
    if key.deletion_at is not None:
        yield f"pending deletion until {format_date(key.deletion_at)}"
