"""What must hold for every input: a result, or located messages of known codes. Nothing else.

Each target takes one input and raises `AssertionError`, or whatever slipped through, if it
does not.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from keyplan.config.budget import Budget
from keyplan.config.codes_declarations import ALL_CODES
from keyplan.config.expressions import ExpressionError, Scope, parse_expression, parse_template
from keyplan.config.source import FileAccessError, SourceFile, decode_source
from keyplan.config.tree import ListNode, MapNode, Node, ScalarNode, parse
from keyplan.diagnostics import ConfigurationError, Diagnostic, Diagnostics
from keyplan.graph.link import load_graph
from keyplan.model.values import Unknown
from keyplan.render.diagnostics import diagnostic_lines
from keyplan.render.errors import diagnostic_record
from keyplan.rules.declaration import declaration_checks
from keyplan.sdk.provider import Plugin
from keyplan.testing.fake import fake_plugin
from tests.support.page import on_the_page

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES: Mapping[str, object] = MappingProxyType(
    {
        "var": {
            "n": 3,
            "m": {"a": 1, "b": "x", "items": [1, {"y": None}]},
            "names": ["a", "b"],
            "people": [{"name": "eve", "age": 2.5}, {"name": "bob"}],
            "tenants": ["acme", "globex"],
        },
        "local": {"who": "spiffe://acme", "org": "acme"},
        "each": {"key": "prod", "value": {"items": 7}},
        "this": {"scope": {"tenant": "acme"}, "rotation": None},
    }
)

_SHOWN = 3
"""Of so many messages per input the page is checked, too."""


class _OneFile:
    """`file` and `templatefile` find one template that calls itself, and nothing else."""

    budget = Budget(1 << 62)

    def read(self, base: Path, relative: str) -> str:
        if relative != "keyplan.yaml":
            raise FileAccessError("does not exist")
        return '${x}%{ if x }${templatefile("keyplan.yaml", {"x": x})}%{ endif }'


_FILES = _OneFile()


def check_tree(text: str) -> None:
    """Bytes to text to nodes."""
    diagnostics = Diagnostics()
    content = text.encode("utf-8", "surrogatepass")
    source = decode_source("f.yaml", Path("f.yaml"), content, diagnostics)
    tree = parse(source, diagnostics) if source is not None else None
    assert tree is not None or diagnostics.has_errors
    lines = source.lines if source is not None else None
    _check(diagnostics, {"f.yaml": len(lines)} if lines is not None else {})
    for node in _nodes(tree):
        assert lines is None or 1 <= node.position.line <= len(lines) + 1


def check_expression(text: str) -> None:
    """As a template, and as an expression."""
    node = ScalarNode(text, 1, 1, SourceFile.of("f.yaml", Path("f.yaml"), text))
    for read in (parse_template, parse_expression):
        try:
            made = read(node)
            assert all(path and path[0].isidentifier() for path in made.references)
            value = made.evaluate(Scope(NAMES, _FILES))
        except ExpressionError as error:
            _check([error.diagnostic], {"f.yaml": text.count("\n") + 1})
        else:
            _check_value(value)


def check_stack(files: Mapping[str, str]) -> None:
    """Load, link and check a stack; it is written to a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="keyplan-fuzz-"))
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        plugins = _plugins()
        try:
            graph, said = load_graph(
                folder,
                plugins=plugins,
                environment={},
                now=NOW,
                checks=declaration_checks(plugins),
            )
        except ConfigurationError as error:
            _check(error.diagnostics, {})
            if not error.diagnostics:
                raise AssertionError("nothing is said about what is wrong") from error
        else:
            _check(said, {})
            assert graph.stack.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _plugins() -> Mapping[str, Plugin]:
    return {kind: fake_plugin(kind) for kind in ("fake", "hsm", "aws")}


def _check(found: Iterable[Diagnostic], lines: Mapping[str, int]) -> None:
    for number, item in enumerate(found):
        if number < _SHOWN:
            _check_page(item)
        assert item.code in ALL_CODES, item
        assert item.summary, item
        assert item.position is not None, item
        assert item.position.line >= 1, item
        assert item.position.column >= 1, item
        if item.position.file in lines:
            assert item.position.line <= lines[item.position.file] + 1, item


def _check_page(item: Diagnostic) -> None:
    """What people and programs read of it."""
    for line in diagnostic_lines(item):
        assert line.isprintable(), line
        assert on_the_page(line), line
    json.dumps(diagnostic_record(item), ensure_ascii=False).encode()


def _check_value(value: object) -> None:
    match value:
        case float():
            assert math.isfinite(value)
        case None | str() | bool() | int() | Unknown():
            return
        case list():
            for item in value:
                _check_value(item)
        case dict():
            for name, item in value.items():
                assert isinstance(name, str)
                _check_value(item)
        case _:
            raise AssertionError(f"{type(value).__name__} came out of an expression")


def _nodes(root: Node | None) -> Iterator[Node]:
    pending = [] if root is None else [root]
    seen: set[int] = set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, ListNode):
            pending += node.items
        elif isinstance(node, MapNode):
            pending += [entry.value for entry in node.entries.values()]
