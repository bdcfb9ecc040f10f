"""Reading the world: every key in the state, and every alias about to be taken.

Rules: batches, in parallel over providers; nothing is written anywhere. A key pending
deletion is there; one that is absent is absent, and said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from keyplan.errors import DeniedError, PlanningError
from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.timing import parse_instant
from keyplan.planning.elsewhere import refuse_elsewhere
from keyplan.sdk.hidden import HiddenKeysError
from keyplan.session.session import ProviderSession
from keyplan.state.model import Phase, ResourceState, State


@dataclass(frozen=True, slots=True)
class RefreshedState:
    """What is there now.

    `live` has every key that exists of those in the state or about to be imported.
    `aliases` maps (provider, alias) to the id it points to, for aliases that are declared
    and were not in the state.
    `fingerprints` are of live keys, or with `--no-refresh` those of the last reading.
    `hidden` are the refusals to read anything of a key, which is in `live` as it was applied:
    it is there, and what rests on it stands. `seen` is without them.
    """

    live: Mapping[Address, Observation]
    aliases: Mapping[tuple[str, str], str] = field(default_factory=dict)
    fingerprints: Mapping[Address, str] = field(default_factory=dict)
    hidden: Mapping[Address, DeniedError] = field(default_factory=dict)
    read: int = 0

    @property
    def seen(self) -> Mapping[Address, Observation]:
        """The keys of which something can be said."""
        return {address: live for address, live in self.live.items() if address not in self.hidden}


def look(
    session: ProviderSession, ids: Sequence[str]
) -> tuple[Mapping[str, Observation], Mapping[str, DeniedError]]:
    """The keys that were found, and why nothing of others may be read, both by id."""
    try:
        return session.read(ids), {}
    except HiddenKeysError as error:
        return error.seen, error.hidden


def refresh(
    graph: ResourceGraph,
    state: State,
    sessions: Mapping[str, ProviderSession],
    *,
    parallelism: int,
) -> RefreshedState:
    """Read everything the plan will rest on.

    Raises `PlanningError` for a provider that is gone, or that is not where its keys are.
    """
    by_provider: dict[str, list[ResourceState]] = {}
    for resource in state.resources.values():
        by_provider.setdefault(resource.provider, []).append(resource)
    for instance, resources in by_provider.items():
        if instance not in sessions:
            raise PlanningError(
                f"the provider {instance} is no longer declared",
                target=str(resources[0].address),
                why=f"The state still holds {len(resources)} keys that live there.",
                advice=f"Put the provider block {instance} back, or remove its keys first.",
            )
    refuse_elsewhere(state, sessions)
    live: dict[Address, Observation] = {}
    hidden: dict[Address, DeniedError] = {}
    with ThreadPoolExecutor(max_workers=max(1, min(parallelism, len(by_provider) or 1))) as pool:
        for found, refused in pool.map(
            lambda item: _read(sessions[item[0]], item[1]), by_provider.items()
        ):
            live |= found
            hidden |= refused
    live |= _imported(graph, state, sessions)
    fingerprints = {address: observation.fingerprint for address, observation in live.items()}
    live |= {address: _applied(state.resources[address]) for address in hidden}
    return RefreshedState(
        live=live,
        aliases=_taken_aliases(graph, live, sessions),
        fingerprints=fingerprints,
        hidden=hidden,
        read=len(state.resources) - len(hidden),
    )


def assume(state: State) -> RefreshedState:
    """The state in place of the world, for `--no-refresh`.

    The plan rests on the fingerprints of the last reading, so that apply still refuses to
    write to a key that somebody changed since.
    """
    live = {address: _applied(resource) for address, resource in state.resources.items()}
    fingerprints = {
        address: resource.fingerprint
        for address, resource in state.resources.items()
        if resource.fingerprint
    }
    return RefreshedState(live=live, fingerprints=fingerprints)


def _applied(resource: ResourceState) -> Observation:
    """A key as the state has it."""
    pending = resource.phase is Phase.PENDING_DELETION and resource.until
    return Observation(
        id=resource.id,
        attributes={"state": "active", **resource.attributes},
        owner=resource.owner,
        versions=resource.versions,
        deletion_at=parse_instant(resource.until) if pending else None,
    )


def _read(
    session: ProviderSession, resources: list[ResourceState]
) -> tuple[dict[Address, Observation], dict[Address, DeniedError]]:
    """The keys that were found, and why nothing of others may be read."""
    seen, hidden = look(session, [resource.id for resource in resources])
    return (
        {item.address: seen[item.id] for item in resources if item.id in seen},
        {item.address: hidden[item.id] for item in resources if item.id in hidden},
    )


def _imported(
    graph: ResourceGraph, state: State, sessions: Mapping[str, ProviderSession]
) -> dict[Address, Observation]:
    """The keys that `import` entries name and the state does not have yet."""
    found: dict[Address, Observation] = {}
    for address, entry in graph.imported.items():
        key = graph.keys.get(address)
        if key is None or address in state.resources:
            continue
        seen = sessions[key.provider].read([entry.id])
        if entry.id in seen:
            found[address] = seen[entry.id]
    return found


def _taken_aliases(
    graph: ResourceGraph,
    live: Mapping[Address, Observation],
    sessions: Mapping[str, ProviderSession],
) -> dict[tuple[str, str], str]:
    """Where each declared alias points that its key does not have now."""
    taken: dict[tuple[str, str], str] = {}
    for key in graph.keys.values():
        declared = key.attributes.get("aliases")
        if not isinstance(declared, list):
            continue
        seen = live.get(key.address)
        held = seen.attributes.get("aliases") if seen else None
        for alias in declared:
            if (isinstance(held, list) and alias in held) or key.provider not in sessions:
                continue
            holder = sessions[key.provider].find_alias(str(alias))
            if holder is not None:
                taken[(key.provider, str(alias))] = holder
    return taken
