"""Short ways to parse and evaluate what a test writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from keyplan.config.expressions import (
    ExpressionError,
    Scope,
    Template,
    parse_expression,
    parse_template,
)
from keyplan.config.source import SourceFile, StackFiles
from keyplan.config.tree import MapNode, ScalarNode, parse
from keyplan.diagnostics import Diagnostic, Diagnostics


def scalar(text: str, name: str = "keyplan.yaml", root: Path = Path()) -> ScalarNode:
    """A scalar that stands alone in a file, unquoted."""
    return ScalarNode(text, 1, 1, SourceFile.of(name, root / name, text))


@pytest.fixture(scope="session")
def template() -> Callable[..., Template]:
    """`template("a${var.x}")`; `expression=True` for a field of that kind."""

    def make(text: str, *, expression: bool = False) -> Template:
        return (parse_expression if expression else parse_template)(scalar(text))

    return make


@pytest.fixture(scope="session")
def evaluate() -> Callable[..., Any]:
    """The value of a template: `evaluate("a${var.x}", var={"x": 1})`."""

    def run(text: str, *, root: Path | None = None, **names: object) -> Any:
        node = scalar(text, root=root or Path())
        return parse_template(node).evaluate(Scope(names, StackFiles(root) if root else None))

    return run


@pytest.fixture(scope="session")
def value(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """The value of an expression: `value("var.x + 1", var={"x": 1})`."""

    def run(text: str, *, root: Path | None = None, **names: object) -> Any:
        node = scalar(text, root=root or Path())
        return parse_expression(node).evaluate(Scope(names, StackFiles(root) if root else None))

    return run


@pytest.fixture(scope="session")
def failure(value: Callable[..., Any], evaluate: Callable[..., Any]) -> Callable[..., Diagnostic]:
    """What is wrong with an expression (`template=True`: with a template)."""

    def run(text: str, *, template: bool = False, **names: Any) -> Diagnostic:
        with pytest.raises(ExpressionError) as caught:
            (evaluate if template else value)(text, **names)
        return caught.value.diagnostic

    return run


@pytest.fixture(scope="session")
def read() -> Callable[[str], tuple[MapNode | None, list[Diagnostic]]]:
    """Parse YAML text: the tree, and what was reported in order."""

    def run(text: str) -> tuple[MapNode | None, list[Diagnostic]]:
        diagnostics = Diagnostics()
        node = parse(SourceFile.of("keyplan.yaml", Path("keyplan.yaml"), text), diagnostics)
        return node, diagnostics.in_order()

    return run


@pytest.fixture(scope="session")
def names() -> Mapping[str, object]:
    """A scope as a key's template has it."""
    return {
        "var": {
            "count": 3,
            "name": "acme",
            "tenants": {"globex": {"role": "r2"}, "acme": {"role": "r1", "items": 7}},
            "list": ["b", "a"],
        },
        "each": {"key": "prod", "value": "prod"},
        "this": {"scope": {"tenant": "acme"}, "rotation": None},
    }
