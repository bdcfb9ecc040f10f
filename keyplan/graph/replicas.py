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
from keyplan.config.expressions import At, Lookup
from keyplan.config.report import AlreadyReportedError, Place, Report, related, suggest_or_list
from keyplan.diagnostics import Position
from keyplan.graph.drafts import Draft
from keyplan.graph.references import Make
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
    for its_own in ("aliases", "grants"):
        attributes.pop(its_own, None)
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


class ReplicasLookup(Lookup):
    """`key.payments.replicas`: as a value what was declared; each entry is read as a key is."""

    __slots__ = ("_draft", "_made", "_make")

    def __init__(self, draft: Draft, made: Iterable[Address], make: Make) -> None:
        self._draft = draft
        self._made = {str(address.parts.replica): address for address in made}
        self._make = make

    def get_item(self, key: object, at: At) -> object:
        """`key.payments.replicas["dr"]`."""
        name = str(key)
        if name in self._made:
            return self._make(self._made[name])
        declared = self._draft.attributes.get("replicas")
        if isinstance(declared, dict) and name in declared:
            raise AlreadyReportedError
        address = self._draft.address
        raise at.error(
            "KP-REF-002",
            f"{address} has no replica {name}",
            advice=suggest_or_list(name, self._made, "Replicas")
            or f"Declare it under `replicas` of {address}.",
        )

    def get_attribute(self, name: str, at: At) -> object:
        """`key.payments.replicas.dr` is refused: replicas are entries, not attributes."""
        address = self._draft.address
        raise at.error(
            "KP-REF-001",
            f"{address}.replicas.{name} is not an address",
            why="a replica is written as an index",
            advice=f"Write {address.replica(name)}."
            if name in self._made
            else suggest_or_list(name, self._made, "Replicas"),
        )

    def as_value(self, at: At) -> object:
        """The entries as they were declared; `none` without any."""
        del at
        return self._draft.attributes.get("replicas")

    def entries(self, at: At) -> Mapping[str, object]:
        """Every replica by its name."""
        del at
        return {name: self._make(address) for name, address in self._made.items()}


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
