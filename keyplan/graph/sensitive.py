"""Sensitive variables: their values decide, and are never stored or shown.

Rules: what a text reads is known without evaluating it, so whatever reads a sensitive
variable is sensitive too, through locals, inputs and outputs. A key, a policy, a principal
or an address made of it would carry it into plan, state and provider, and is an error; an
output of the stack shows `(sensitive value)`. `declare`, conditions of variables and
settings of providers may read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from keyplan.config.blocks import Block
from keyplan.config.decode import Prepared, templates_of
from keyplan.config.expressions import Template
from keyplan.config.names import Absent, Values
from keyplan.config.report import at, at_key, related
from keyplan.graph.instances import Home
from keyplan.graph.world import World

SHOWN = "(sensitive value)"
"""What stands where a sensitive value would."""

Reference = tuple[str, ...]


@dataclass(slots=True)
class _Marks:
    """What is sensitive in one home: `("var", "token")`, `("local", "url")`; and its outputs."""

    names: set[tuple[str, str]] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)


def check_sensitive(world: World) -> frozenset[str]:
    """Report what would carry a sensitive value away; the stack's outputs that show one."""
    marks = _marked(world)
    if not any(item.names for item in marks.values()):
        return frozenset()
    for home in world.homes.values():
        for block, prepared, name in _carriers(home, world):
            _check(block, name, prepared, home, (world, marks))
    return frozenset(marks[""].outputs)


def _marked(world: World) -> dict[str, _Marks]:
    """What is sensitive everywhere."""
    homes = world.homes
    marks = {
        address: _Marks(
            {("var", name) for name, item in home.source.variables.items() if item.sensitive}
        )
        for address, home in homes.items()
    }
    changed = any(item.names for item in marks.values())
    while changed:
        changed = sum(_spread(home, marks) for home in homes.values()) > 0
    return marks


def masked(world: World) -> dict[str, object]:
    """The stack's names as somebody may see them: what is sensitive reads as a placeholder."""
    stack = world.homes[""]
    marks = _marked(world)
    hidden = marks[""].names
    result = dict(stack.names)
    for kind in ("var", "local"):
        values = result[kind]
        if isinstance(values, Values) and hidden:
            shown = {name: SHOWN for found, name in hidden if found == kind}
            result[kind] = values.replaced(shown)
    if any(item.outputs for address, item in marks.items() if address):
        result["module"] = Absent("module", "some of its outputs are sensitive")
    return result


def _spread(home: Home, marks: Mapping[str, _Marks]) -> bool:
    """Mark what reads something that is marked; whether anything is new."""
    own = marks[home.address]
    before = len(own.names) + len(own.outputs)
    if home.user is not None:
        for name, prepared in home.given.items():
            if _reading(prepared, home.user, marks):
                own.names.add(("var", name))
    _spread_locals(home, marks)
    for name, block in home.source.outputs.items():
        if any(_reading(item, home, marks) for item in block.deferred.values()):
            own.outputs.add(name)
    return len(own.names) + len(own.outputs) > before


def _spread_locals(home: Home, marks: Mapping[str, _Marks]) -> None:
    found = home.source.locals
    for name in found.order or ():
        if _reading(found.prepared[name], home, marks):
            marks[home.address].names.add(("local", name))


def _reading(prepared: Prepared, home: Home, marks: Mapping[str, _Marks]) -> Template | None:
    """The first template inside that reads something sensitive."""
    for template in templates_of(prepared):
        if any(_is_marked(reference, home, marks) for reference in template.references):
            return template
    return None


def _is_marked(reference: Reference, home: Home, marks: Mapping[str, _Marks]) -> bool:
    kind, *path = reference
    if kind in ("var", "local"):
        names = marks[home.address].names
        if not path:
            return any(found == kind for found, _ in names)
        return (kind, path[0]) in names
    if kind == "module":
        used = home.children.values() if not path else [home.children.get(path[0], {})]
        outputs = {
            name
            for instances in used
            for child in instances.values()
            for name in marks[child.address].outputs
        }
        named = [part for part in path[1:] if not part.startswith("[")]
        return bool(outputs) and (not named or named[0] in outputs)
    return False


def _carriers(home: Home, world: World) -> Iterator[tuple[Block, Prepared, str]]:
    """Every field that would take a value away: block, content, name."""
    source = home.source
    named: Iterable[Block] = (
        *source.keys.values(), *source.policies.values(), *source.principals.values(),
    )  # fmt: skip
    for block in named:
        for name, prepared in block.deferred.items():
            yield block, prepared, name
    entries = world.configuration.imports if not home.address else ()
    for block in entries:
        for name, prepared in block.deferred.items():
            yield block, prepared, name
    for block in (*named, *source.modules.values(), *entries):
        if "for_each" in block.repeat:
            yield block, block.repeat["for_each"], "for_each"


def _check(
    block: Block,
    name: str,
    prepared: Prepared,
    home: Home,
    known: tuple[World, Mapping[str, _Marks]],
) -> None:
    world, marks = known
    template = _reading(prepared, home, marks)
    if template is None:
        return
    first = next(item for item in template.references if _is_marked(item, home, marks))
    label = ".".join(part for part in first[:2])
    variable = home.source.variables.get(first[1]) if first[0] == "var" and first[1:] else None
    address = home.inside(block.address) if block.kind != "import" else "import"
    where = related("declared here", at_key(variable.entry)) if variable is not None else None
    world.report(address).error(
        "KP-DECL-036",
        at(template.node),
        f"{name} would show {label}, which is sensitive",
        why="what a key, a policy or an address says is kept in plans and in the state",
        advice="Let it decide only (declare, validation), or take `sensitive` away.",
        also=() if where is None else (where,),
    )
