"""Lists of entries about addresses: `import`, `moved` and `removed`.

Rules: an address is checked for its form here, and for what it names when the stack is
linked. An `import` entry is a block, because `for_each` may make several of it; the
others are data.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.config.blocks import Block, Move
from keyplan.config.decode_blocks import BlockReader
from keyplan.config.decode_collections import RecordCodec
from keyplan.config.decode_scalars import Mode
from keyplan.config.fields import Kind
from keyplan.config.language import REMOVED
from keyplan.config.language_modules import IMPORT, MOVED
from keyplan.config.report import Place, Report, at
from keyplan.config.tree import Entry, MapNode, Node
from keyplan.model.address import Address, names_a_module
from keyplan.model.resources import Removed, RemovedMode


def read_imports(nodes: Sequence[Node], report: Report) -> tuple[Block, ...]:
    """The `import` entries that can be used, in the order written."""
    reader = BlockReader("import", IMPORT, (), {}, report)
    found = (
        reader.read(str(number), Entry(node.line, node.column, node), report)
        for number, node in enumerate(nodes, 1)
    )
    return tuple(block for block in found if block is not None)


def read_moved(nodes: Sequence[Node], report: Report) -> tuple[Move, ...]:
    """The `moved` entries whose addresses are addresses."""
    codec = RecordCodec(MOVED, Mode("moved", Kind.LITERAL))
    result: list[Move] = []
    for node in nodes:
        fields = codec.decode(node, report)
        if not isinstance(fields, dict) or not {"from", "to"} <= fields.keys():
            continue
        assert isinstance(node, MapNode)  # noqa: S101  # it was decoded as one
        places = {name: at(node.entries[name].value) for name in ("from", "to")}
        texts = {name: str(fields[name]) for name in ("from", "to")}
        good = True
        for name, text in texts.items():
            if not (_names_a_key(text, replicas=True) or names_a_module(text)):
                good = False
                report.error(
                    "KP-DECL-035",
                    places[name],
                    f"{text} is not the address of a key or a module",
                    advice="""Write key.name, 'key.name["instance"]' or module.name.""",
                )
        if good and _same_kind(texts, places["to"], report):
            result.append(Move(texts["from"], texts["to"], places["from"], places["to"]))
    return tuple(result)


def _same_kind(texts: dict[str, str], place: Place, report: Report) -> bool:
    """A key may move into or out of a module; a module only to where a module is.

    A replica gets another name and stays a replica of its key.
    """
    source, target = texts["from"], texts["to"]
    if names_a_module(source) != names_a_module(target):
        why = "one of them is a key, the other a module"
        advice = "Write two addresses of keys, or two of modules."
    elif _replicated(source) != _replicated(target):
        why = "a replica is what its key is in another place, and is of no other key"
        advice = "Write two replicas of one key. A key that moves takes its replicas along."
    else:
        return True
    report.error("KP-DECL-035", place, f"{source} cannot move to {target}", why=why, advice=advice)
    return False


def _replicated(text: str) -> str | None:
    """The key whose replica an address names; `None` for keys and modules."""
    return None if names_a_module(text) else Address(text).replica_of


def read_removed(nodes: Sequence[Node], report: Report) -> tuple[tuple[Removed, Place], ...]:
    """The `removed` entries, each with its place."""
    codec = RecordCodec(REMOVED, Mode("removed", Kind.LITERAL))
    result: list[tuple[Removed, Place]] = []
    for node in nodes:
        fields = codec.decode(node, report)
        if not isinstance(fields, dict) or not {"from", "mode"} <= fields.keys():
            continue
        pattern = str(fields["from"])
        place = at(node.entries["from"].value) if isinstance(node, MapNode) else at(node)
        if _names_a_key(pattern, replicas=True):
            mode = RemovedMode(str(fields["mode"]))
            result.append((Removed(pattern, mode, place.position), place))
            continue
        report.error(
            "KP-DECL-027",
            place,
            f"{pattern} is not the address of a key",
            advice="""Write key.name, 'key.name["instance"]', 'key.name["*"]' or a replica.""",
        )
    return tuple(result)


def _names_a_key(pattern: str, *, replicas: bool = False) -> bool:
    try:
        parts = Address(pattern.replace("*", "x")).parts
    except ValueError:
        return False
    return parts.kind == "key" and (replicas or parts.replica is None)
