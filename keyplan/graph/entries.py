"""`import`, `moved` and `removed`, linked to the keys that they speak of.

Rules: what comes in is declared and comes in once; what moved is declared under its new
address only; what is removed is not declared at all. Moves in a row are followed to
their end, so that the order in which they stand does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from keyplan.config.blocks import Block, Move
from keyplan.config.report import Place, Report, related, suggest
from keyplan.diagnostics import Related
from keyplan.graph.drafts import Draft
from keyplan.graph.instances import NO_EACH, Instance, each_of, is_declared
from keyplan.graph.keys import Keys
from keyplan.graph.module_lookups import InsideLookup, ModulesLookup
from keyplan.graph.references import find
from keyplan.graph.world import World
from keyplan.model.address import Address, matches
from keyplan.model.resources import Imported, Moved, Removed

# -- removed -----------------------------------------------------------------------------


def removed_keys(world: World, replicas: Mapping[Address, Draft]) -> tuple[Removed, ...]:
    """The `removed` entries; one that names a key which is still declared is an error."""
    for entry, place in world.configuration.removed:
        instance: Instance | None
        replica = replicas.get(Address(entry.pattern)) if "*" not in entry.pattern else None
        if replica is not None:
            instance = replica.instance
        elif "*" in entry.pattern:
            found = (item for item in world.keys if matches(entry.pattern, item.address))
            instance = next(found, None)
        else:
            instance = world.keys.get(Address(entry.pattern))
        if instance is not None:
            world.report(instance.address).error(
                "KP-DECL-027",
                place,
                f"{instance.address} is removed and still declared",
                advice="Remove its declaration, or this entry.",
                also=(related("declared here", instance.block.place),),
            )
    return tuple(entry for entry, _ in world.configuration.removed)


# -- import ------------------------------------------------------------------------------


def imported_keys(
    world: World, keys: Keys, replicas: Mapping[Address, Draft]
) -> dict[Address, Imported]:
    """The existing keys and `replicas` that come in, by the address that declares them."""
    result: dict[Address, Imported] = {}
    places: dict[Address, Place] = {}
    ids: dict[tuple[str, str], Address] = {}
    for block in world.configuration.imports:
        for target, identifier in _imports_of(block, world):
            report = world.report(target)
            where = partial(block.at, "to")
            base = target.replica_of or target
            if find(base, world.keys, where, report) is None:
                continue
            if base != target and base in keys.drafts and target not in replicas:
                report.error(
                    "KP-REF-002", where(), f"{target} is not declared",
                    advice=f"Add it to the replicas of {base}.",
                )  # fmt: skip
            if target in result:
                report.error(
                    "KP-DECL-034",
                    block.at("to"),
                    f"{target} is imported twice",
                    advice="Keep one of the two: an address stands for one key.",
                    also=(related("imported here too", places[target]),),
                )
                continue
            draft = replicas.get(target) or keys.drafts.get(target)
            if draft is None:
                continue
            first = ids.setdefault((draft.provider, identifier), target)
            if first != target:
                report.error(
                    "KP-DECL-034",
                    block.at("id"),
                    f"{identifier} is imported as {target} and as {first}",
                    why="one key has one address",
                    advice="Check the ids.",
                    also=(related(f"imported as {first} here", places[first]),),
                )
                continue
            places[target] = block.at("to")
            result[target] = Imported(target, identifier, block.at("to").position)
    return result


def _imports_of(block: Block, world: World) -> Iterator[tuple[Address, str]]:
    """Address and id of every instance of an entry."""
    report = Report(world.diagnostics, "import")
    stack = world.homes[""]
    names = {**stack.names, "module": ModulesLookup(stack, InsideLookup)}
    for each in (each_of(block, stack, report) or {}).values():
        if not is_declared(block, each, stack, report):
            continue
        scope = stack.scope({**names, "each": NO_EACH if each is None else each})
        values = block.values(scope, report)
        target, identifier = values.get("to"), values.get("id")
        if isinstance(target, Address) and isinstance(identifier, str):
            yield target, identifier


# -- moved -------------------------------------------------------------------------------


def moved_keys(world: World, replicas: Mapping[Address, Draft]) -> tuple[Moved, ...]:
    """Every key or replica that has another address from now on, one entry each."""
    known = _usable(world)
    result: list[Moved] = []
    taken: dict[Address, Move] = {}
    for entry in known.values():
        end = _end_of(entry, known, world)
        if end is None:
            continue
        declared = [*(item.address for item in world.keys), *replicas]
        for source, target in _pairs(end, entry, declared, world):
            if source in replicas or world.keys.get(source) is not None:
                _still_declared(source, entry, world)
            elif (other := taken.setdefault(source, entry)) is not entry:
                _twice(str(source), entry, other, world)
            else:
                result.append(Moved(source, target, entry.source_place.position))
    return tuple(result)


def _usable(world: World) -> dict[str, Move]:
    """Entries by the address they move from, without those that contradict each other."""
    known: dict[str, Move] = {}
    removed = {entry.pattern: place for entry, place in world.configuration.removed}
    for entry in world.configuration.moved:
        report = world.report(entry.source)
        if entry.source == entry.target:
            report.error(
                "KP-DECL-035",
                entry.target_place,
                f"{entry.source} moves to itself",
                advice="Remove the entry, or write the new address.",
            )
        elif entry.source in known:
            _twice(entry.source, entry, known[entry.source], world)
        elif entry.source in removed:
            report.error(
                "KP-DECL-035",
                entry.source_place,
                f"{entry.source} is moved and removed",
                advice="Keep one of the two entries.",
                also=(related("removed here", removed[entry.source]),),
            )
        else:
            known[entry.source] = entry
    return known


def _end_of(entry: Move, known: Mapping[str, Move], world: World) -> str | None:
    """Where a row of moves ends; `None` for a circle, reported at its first entry."""
    around = [entry]
    while (following := known.get(around[-1].target)) is not None:
        if following in around:
            if following is entry and entry is next(
                item for item in known.values() if item in around
            ):
                _report_circle(around, world)
            return None
        around.append(following)
    return around[-1].target


def _report_circle(around: list[Move], world: World) -> None:
    first = around[0]
    world.report(first.source).error(
        "KP-DECL-035",
        first.source_place,
        "moves lead in a circle: "
        + " -> ".join([*(entry.source for entry in around), first.source]),
        advice="Remove the entries that were applied long ago.",
        also=tuple(
            related(f"{entry.source} moves to {entry.target}", entry.source_place)
            for entry in around[1:]
        ),
    )


def _pairs(
    end: str, entry: Move, declared: Sequence[Address], world: World
) -> Iterator[tuple[Address, Address]]:
    """The keys that an entry moves: one, all instances of a block, or all of a module.

    The replicas of a key go along and are not named.
    """
    source, found = entry.source, False
    for target in declared:
        inside = target.startswith((f"{end}[", f"{end}.")) and target.replica_of is None
        if target == end or inside:
            found = True
            yield Address(source + target[len(end) :]), target
    if not found:
        world.report(end).error(
            "KP-DECL-035",
            entry.target_place,
            f"{end} is not declared",
            why=f"{source} moves there",
            advice=suggest(end, declared)
            or "Declare it, or say with `removed` what becomes of the key.",
        )


def _still_declared(source: Address, entry: Move, world: World) -> None:
    instance, name = world.keys.get(source.replica_of or source), source.parts.replica
    also: tuple[Related, ...] = ()
    if instance is not None:
        block = instance.block
        also = (
            related(
                "declared here",
                block.place if name is None else block.at_item(("replicas", name)),
            ),
        )
    world.report(source).error(
        "KP-DECL-035",
        entry.source_place,
        f"{source} moves and is still declared",
        advice="Declare the key under its new address only, or remove this entry.",
        also=also,
    )


def _twice(source: str, entry: Move, other: Move, world: World) -> None:
    world.report(source).error(
        "KP-DECL-035",
        entry.source_place,
        f"{source} moves twice",
        why=f"to {other.target} and to {entry.target}",
        advice="Keep one of the two.",
        also=(related("the other one", other.source_place),),
    )
