"""Files below the stack: `file` and `templatefile`. They read through the scope only."""

from __future__ import annotations

import posixpath

from keyplan.config.engine.functions.signature import Arguments, function
from keyplan.config.engine.operators import to_text
from keyplan.config.engine.run import Run
from keyplan.config.scope import Scope
from keyplan.config.source import FileAccessError, SourceFile
from keyplan.config.tree import ScalarNode

MAX_TEMPLATE_DEPTH = 5
"""How many files may render each other."""


def _read(args: Arguments) -> SourceFile:
    relative = args.text(0)
    reader, caller = args.run.files, args.run.node.file
    if reader is None:
        raise args.error(0, "files cannot be read here", code="KP-EXPR-015")
    try:
        text = reader.read(caller.path.parent, relative)
    except FileAccessError as error:
        raise args.error(
            0, f"{relative} {error.summary}", code="KP-EXPR-015", advice=error.advice
        ) from None
    args.run.charge(len(text) >> 6)
    name = posixpath.normpath(posixpath.join(posixpath.dirname(caller.name), relative))
    return SourceFile.of(name, caller.path.parent / relative, text)


def _file(args: Arguments) -> object:
    return _read(args).text


def _templatefile(args: Arguments) -> object:
    """The file as a template that sees only the names given, and files."""
    from keyplan.config.engine.programs import template_of  # noqa: PLC0415  # a cycle

    source, names = _read(args), args.entries(1)
    outer = args.run
    if outer.depth >= MAX_TEMPLATE_DEPTH:
        raise args.error(0, "templates call each other too deeply", code="KP-EXPR-013")
    node = ScalarNode(source.text, 1, 1, source)
    inner = Run(Scope(names, outer.files), node, outer.depth + 1)
    inner.steps = outer.steps
    value = template_of(node).evaluate_in(inner)
    outer.steps = inner.steps
    return to_text(value)


TABLE = (
    function("file(path)", _file),
    function("templatefile(path, names)", _templatefile),
)
