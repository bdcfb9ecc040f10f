"""Replicas: the same key elsewhere, as a key of its own beside the one that declares it.

Rules: a replica has its own aliases; labels and policies are its own where its entry has
them, else those of the key, so that a place nobody thought of is no way around a policy.
Description, state, end, scope and terms of deletion follow the key. What the service
keeps in common (material, rotation) and what the key is made with is never a replica's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from keyplan.config.blocks import Block
from keyplan.config.report import Place, Report, related
from keyplan.diagnostics import Position
from keyplan.graph.drafts import Draft
from keyplan.graph.world import World
from keyplan.model.address import Address
from keyplan.model.values import Value

_FOLLOWS = frozenset(
    {
        "tier", "usage", "algorithm", "scope", "state", "owner", "description", "expires_at",
        "deletion", "aliases", "labels",
    }
)  # fmt: skip
"""What a replica has of the declared attributes, its own or its key's."""


def replicas_of(draft: Draft, world: World) -> tuple[Draft, ...]:
    """The replicas that a key declares, as they are for policies: with all that the key has."""
    declared = draft.attributes.get("replicas")
    if not isinstance(declared, dict) or not declared:
        return ()
    report = world.report(draft.address)
    _check_places(draft, declared, report)
    capabilities = world.capabilities_of(draft.provider)
    if capabilities is not None and "multi_region" in capabilities.attributes:
        draft.attributes.setdefault("multi_region", True)
    return tuple(
        _replica(draft, name, entry)
        for name, entry in declared.items()
        if isinstance(entry, dict) and isinstance(entry.get("provider"), str)
    )


def _replica(draft: Draft, name: str, entry: Mapping[str, Value]) -> Draft:
    attributes = {name: value for name, value in draft.attributes.items() if name != "replicas"}
    attributes.pop("aliases", None)
    attributes |= {part: entry[part] for part in ("aliases", "labels") if part in entry}
    own = entry.get("policies")
    return replace(
        draft,
        instance=replace(draft.instance, address=draft.address.replica(name)),
        provider=str(entry["provider"]),
        parent=None,
        relation=None,
        attributes=attributes,
        policies=draft.policies if own is None else tuple(_addresses(own)),
        keep_policy=draft.keep_policy and own is None,
        depends_on=(draft.address,),
        settings={},
        children=[],
    )


def narrowed(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """The attributes that are a replica's own matter."""
    return {name: value for name, value in attributes.items() if name in _FOLLOWS}


def _addresses(value: Value) -> Iterator[Address]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Address):
            yield item


def _check_places(draft: Draft, declared: Mapping[str, Value], report: Report) -> None:
    """Each place has a key once, and a service copies only to itself."""
    if draft.attributes.get("multi_region") is False:
        report.error(
            "KP-DECL-037",
            draft.block.at("multi_region"),
            f"{draft.address} has replicas, and is for one place only",
            advice="Write `multi_region: true`, or take the replicas away.",
            also=(related("its replicas", draft.block.at("replicas")),),
        )
    taken = {draft.provider: "the key itself"}
    for name, entry in declared.items():
        provider = entry.get("provider") if isinstance(entry, dict) else None
        if not isinstance(provider, str):
            continue
        where = draft.block.at_item(("replicas", name, "provider"))
        if provider.partition(".")[0] != draft.provider_type:
            report.error(
                "KP-DECL-037",
                where,
                f"replica {name} of {draft.address} cannot be in {provider}",
                why=f"the key lives in {draft.provider}, and a service copies only to itself",
                advice=f"Name another place of {draft.provider_type}.",
            )
        elif provider in taken:
            report.error(
                "KP-DECL-037",
                where,
                f"{provider} has {taken[provider]} already",
                why="a place has a key once",
                advice="Name another place, or take one of the two away.",
            )
        taken.setdefault(provider, f"replica {name}")


class ReplicaPlaces:
    """Where a replica's entry stands, for messages about the replica."""

    def __init__(self, block: Block, name: str) -> None:
        self._block = block
        self._name = name

    def _places(self) -> Iterable[tuple[str, Place]]:
        yield "", self._block.at_item(("replicas", self._name))
        entry = self._block.written("replicas")
        fields = getattr(entry.value, "entries", {}).get(self._name) if entry else None
        for part in getattr(fields.value, "entries", {}) if fields is not None else ():
            yield str(part), self._block.at_item(("replicas", self._name, str(part)))

    def positions(self) -> dict[str, Position]:
        """By attribute."""
        return {name: place.position for name, place in self._places()}

    def snippets(self) -> dict[str, str]:
        """By attribute."""
        return {name: place.snippet for name, place in self._places()}
