"""Inputs of modules: decoded once per block, as the types of the variables read them.

Rules: an input stands where the module is used, so its mistakes are shown there; a
default stands in the module. Unknown and missing inputs are errors that name the variable.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.config.blocks import Block
from keyplan.config.decode import Prepared
from keyplan.config.decode_collections import compile_shape
from keyplan.config.decode_scalars import Mode
from keyplan.config.fields import Items, Kind, Record, Refers, Shape, Table
from keyplan.config.report import INVALID, Place, Report, at, at_key, suggest
from keyplan.config.sources import Source, Variable
from keyplan.config.tree import MapNode, Node
from keyplan.config.variable_types import kind_of_shape
from keyplan.config.variables import default_of
from keyplan.graph.instances import Home
from keyplan.graph.providers import ProviderName

Input = tuple[Prepared, Place, bool]
"""A decoded input, where it stands, and whether it is the variable's own default."""


def decode_inputs(block: Block, source: Source, report: Report) -> Mapping[str, Input] | None:
    """What a block gives to a module, by variable; `None` if it is no map, or lacks one."""
    node = block.node("inputs")
    if node is not None and not isinstance(node, MapNode):
        if "inputs" in block.deferred:  # anything else was reported when it was decoded
            report.error(
                "KP-DECL-003",
                at(node),
                "inputs is not a map",
                advice="Write the inputs below it, one per variable of the module.",
            )
        return None
    entries = node.entries if isinstance(node, MapNode) else {}
    for name in entries.keys() - source.variables.keys():
        report.error(
            "KP-DECL-017",
            at_key(entries[name]),
            f"the module {block.constants.get('source')} has no variable {name}",
            advice=suggest(name, source.variables)
            or f"Remove it, or declare the variable {name} in the module.",
        )
    result: dict[str, Input] = {}
    missing = []
    for name, variable in source.variables.items():
        default = default_of(variable)
        if name in entries:
            value = entries[name].value
            result[name] = (_decode(variable, value, report), at(value), False)
        elif default is not None:
            own = Report(report.diagnostics, f"var.{name}", within=report.within)
            prepared = _decode(variable, default, own, is_default=True)
            result[name] = (prepared, at(default), True)
        else:
            missing.append(name)
    if missing:
        report.error(
            "KP-DECL-016",
            block.at("inputs"),
            f"{block.address} lacks the input{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}",
            why=f"the module {block.constants.get('source')} needs it",
            advice=f"Write `inputs: {{{missing[0]}: ...}}`, or give the variable a default.",
        )
        return None
    return result


def _decode(
    variable: Variable, node: Node, report: Report, *, is_default: bool = False
) -> Prepared:
    """One input as its variable's type reads it."""
    if variable.shape is None:
        return INVALID
    kind = Kind.LITERAL if is_default else kind_of_shape(variable.shape)
    label = f"var.{variable.name}" if is_default else f"inputs.{variable.name}"
    mode = Mode(label, kind, nullable=True, unknown=not is_default, verbatim=is_default)
    return compile_shape(variable.shape, mode).decode(node, report)


def with_stack_names(shape: Shape, value: object, home: Home) -> object:
    """A value whose providers have the names that the stack knows them by."""
    match shape, value:
        case (Refers(target="provider"), str()):
            return ProviderName(home.provider(value))
        case (Items(item=item), list()):
            return [with_stack_names(item, each, home) for each in value]
        case (Table(item=item), dict()):
            return {name: with_stack_names(item, each, home) for name, each in value.items()}
        case (Record(fields=fields), dict()):
            shapes = {field.name: field.shape for field in fields}
            return {
                name: with_stack_names(shapes[name], each, home) if name in shapes else each
                for name, each in value.items()
            }
        case _:
            return value
