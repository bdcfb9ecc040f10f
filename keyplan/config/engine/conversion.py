"""Jinja2's nodes to ours: this conversion is the whitelist of the language.

Rules: a node that is not named here is an error that says so, at its column, before
anything is evaluated; functions exist or not, and take the number of arguments they
take, when the expression is parsed. References are collected on the way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from jinja2 import nodes

from keyplan.config.engine import computing as c
from keyplan.config.engine import reading as r
from keyplan.config.engine.checks import CHECKS
from keyplan.config.engine.functions import FUNCTIONS
from keyplan.config.engine.limits import MAX_NUMBER, too_deep
from keyplan.config.engine.operators import is_number
from keyplan.config.engine.references import ANY_INDEX, Path
from keyplan.config.engine.run import Expression
from keyplan.config.faults import Fault, PlacedFault
from keyplan.config.report import suggest_or_list
from keyplan.model.address import quote

MAX_LEVELS = 100
"""How deep an expression may be nested; each `+` of a chain is a level."""

_ARITHMETIC: Mapping[type[nodes.Node], str] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
}
_DASHED = re.compile(r"-[A-Za-z_]")
_LITERAL = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[0-9][0-9.eE]*|[A-Za-z]+", re.DOTALL)


class Converter:
    """Converts one expression. `references` collects what it reads, loop names excepted."""

    def __init__(self, text: str, base: int, bound: frozenset[str]) -> None:
        self.text = text
        self.base = base
        self.bound = bound
        self.references: list[Path] = []

    def convert(self, node: nodes.Expr, level: int = 1) -> Expression:
        """One node and what is below it."""
        if level > MAX_LEVELS:
            raise PlacedFault(too_deep(), self.base)
        handler = self._handlers.get(type(node))
        if handler is None:
            raise self._refused(node)
        return handler(self, node, level + 1)

    # -- places --------------------------------------------------------------------------

    def _start(self, node: nodes.Node) -> int:
        return self.base + node.lineno  # our tokens carry offsets instead of lines

    def _after(self, closing: str, end: int) -> int:
        """Just behind the next closing bracket at or after `end`, if white space leads to it."""
        found = re.compile(rf"[\s,:)]*[{re.escape(closing)}]").match(self.text, end - self.base)
        return self.base + found.end() if found else end

    # -- reading -------------------------------------------------------------------------

    def _reading(self, node: nodes.Expr, level: int) -> Expression:
        expression, path = self._chain(node, level)
        if path:
            self.references.append(path)
        return expression

    def _chain(self, node: nodes.Expr, level: int) -> tuple[Expression, Path]:
        """Attributes and entries; the path is empty if no name of the scope starts it."""
        if level > MAX_LEVELS:
            raise PlacedFault(too_deep(), self.base)
        if isinstance(node, nodes.Name):
            start, name = self._start(node), node.name
            if name in self.bound:
                return r.Local(start, start + len(name), name), ()
            return r.Name(start, start + len(name), name), (name,)
        if isinstance(node, nodes.Getattr):
            base, path = self._chain(node.node, level + 1)
            name = node.attr
            end = self.base + self.text.index(name, node.lineno) + len(name)
            return r.Attribute(base.start, end, base, name), path and (*path, name)
        if isinstance(node, nodes.Getitem):
            if isinstance(node.arg, nodes.Slice):
                return self._slice(node.node, node.arg, level + 1), ()
            base, path = self._chain(node.node, level + 1)
            key = self.convert(node.arg, level + 1)
            item = r.Item(base.start, self._after("]", key.end), base, key)
            return item, path and (*path, _index(key))
        return self.convert(node, level), ()

    def _slice(self, inner: nodes.Expr, cut: nodes.Slice, level: int) -> Expression:
        base = self.convert(inner, level)
        if cut.step is not None:
            raise self._fault(cut, "KP-EXPR-003", "a slice has no step")
        begin = self.convert(cut.start, level) if cut.start is not None else None
        stop = self.convert(cut.stop, level) if cut.stop is not None else None
        last = stop or begin or base
        return r.Slice(base.start, self._after("]", last.end), base, begin, stop)

    def _literal(self, node: nodes.Const, _: int) -> Expression:
        start = self._start(node)
        found = _LITERAL.match(self.text, node.lineno)
        end = self.base + found.end() if found else start + 1
        value = node.value
        if is_number(value) and abs(value) > MAX_NUMBER:
            fault = Fault("KP-EXPR-013", "the number is out of range", why="numbers have 64 bits")
            raise PlacedFault(fault, start, end)
        return r.Literal(start, end, value)

    # -- computing -----------------------------------------------------------------------

    def _call(self, node: nodes.Call, level: int) -> Expression:
        callee = node.node
        if isinstance(callee, nodes.Getattr):
            name = callee.attr
            start = self.base + self.text.index(name, callee.lineno)
            advice = (
                f"Write {name}(x)." if name in FUNCTIONS else "Functions stand before: length(x)."
            )
            fault = Fault("KP-EXPR-003", "there are no methods", advice=advice)
            raise PlacedFault(fault, start, start + len(name))
        if not isinstance(callee, nodes.Name):
            raise self._fault(node, "KP-EXPR-003", "only functions can be called")
        start, name = self._start(callee), callee.name
        function = FUNCTIONS.get(name)
        if function is None:
            raise PlacedFault(
                Fault(
                    "KP-EXPR-007",
                    f"there is no function {name}",
                    advice=suggest_or_list(name, FUNCTIONS, "Functions"),
                ),
                start,
                start + len(name),
            )
        if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
            raise self._fault(callee, "KP-EXPR-008", "arguments have no names here", function.usage)
        arguments = tuple(self.convert(argument, level) for argument in node.args)
        end = self._after(")", arguments[-1].end if arguments else start + len(name) + 1)
        if not function.accepts(len(arguments)):
            raise PlacedFault(function.wrong_number(len(arguments)), start, end)
        return c.Call(start, end, name, function.call, arguments)

    def _arithmetic(self, node: nodes.BinExpr, level: int) -> Expression:
        left, right = self.convert(node.left, level), self.convert(node.right, level)
        dash = left.end - self.base
        if left.is_reference and _DASHED.match(self.text, dash):
            raise PlacedFault(
                Fault(
                    "KP-EXPR-002",
                    "- is minus here: names have letters, digits and _ only",
                    advice="Write _ in the name, or put spaces around the -.",
                ),
                left.end,
                left.end + 1,
            )
        return c.Arithmetic(left.start, right.end, _ARITHMETIC[type(node)], left, right)

    def _not(self, node: nodes.Not, level: int) -> Expression:
        inner = self.convert(node.node, level)
        return c.Not(self._start(node), inner.end, inner)

    def _negative(self, node: nodes.Neg, level: int) -> Expression:
        inner = self.convert(node.node, level)
        return c.Negative(self._start(node), inner.end, inner)

    def _join(self, node: nodes.Concat, level: int) -> Expression:
        parts = tuple(self.convert(part, level) for part in node.nodes)
        return c.Join(parts[0].start, parts[-1].end, parts)

    def _list(self, node: nodes.List | nodes.Tuple, level: int) -> Expression:
        items = tuple(self.convert(item, level) for item in node.items)
        start = self._start(node)
        return c.ListLiteral(start, self._after("])", items[-1].end if items else start + 1), items)

    def _comparison(self, node: nodes.Compare, level: int) -> Expression:
        first = self.convert(node.expr, level)
        rest = tuple((operand.op, self.convert(operand.expr, level)) for operand in node.ops)
        return c.Comparison(first.start, rest[-1][1].end, first, rest)

    def _logic(self, node: nodes.BinExpr, level: int) -> Expression:
        left, right = self.convert(node.left, level), self.convert(node.right, level)
        return c.Logic(left.start, right.end, left, right, until=isinstance(node, nodes.Or))

    def _conditional(self, node: nodes.CondExpr, level: int) -> Expression:
        yes = self.convert(node.expr1, level)
        test = self.convert(node.test, level)
        no = self.convert(node.expr2, level) if node.expr2 is not None else None
        return c.Conditional(yes.start, (no or test).end, test, yes, no)

    def _check(self, node: nodes.Test, level: int) -> Expression:
        inner = self.convert(node.node, level)
        check = CHECKS.get(node.name)
        found = re.compile(rf"\s*\)*\s*is\s+(?:not\s+)?{re.escape(node.name)}").match(
            self.text, inner.end - self.base
        )
        end = self.base + found.end() if found else inner.end
        if check is None or node.args or node.kwargs:
            raise PlacedFault(
                Fault(
                    "KP-EXPR-003",
                    f"there is no test `is {node.name}`",
                    advice=suggest_or_list(node.name, CHECKS, "Tests"),
                ),
                inner.start,
                end,
            )
        return c.Check(inner.start, end, inner, check)

    def _map(self, node: nodes.Dict, level: int) -> Expression:
        items = tuple(
            (self.convert(pair.key, level), self.convert(pair.value, level)) for pair in node.items
        )
        start = self._start(node)
        return c.MapLiteral(
            start, self._after("}", items[-1][1].end if items else start + 1), items
        )

    # -- refusing ------------------------------------------------------------------------

    def _fault(self, node: nodes.Node, code: str, summary: str, advice: str = "") -> PlacedFault:
        start = self._start(node)
        return PlacedFault(Fault(code, summary, advice=advice), start, start + 1)

    def _refused(self, node: nodes.Node) -> PlacedFault:
        match node:
            case nodes.Filter(name=name):
                advice = "Functions are written length(x)."
                if name in FUNCTIONS:
                    advice = f"Write {FUNCTIONS[name].usage}."
                return self._fault(node, "KP-EXPR-003", "there are no filters", advice)
            case nodes.Pos():
                return self._fault(node, "KP-EXPR-003", "a number needs no +", "Leave it out.")
            case _:
                kind = type(node).__name__.lower()
                return self._fault(node, "KP-EXPR-003", f"{kind} is not part of the language")

    # -- the whitelist: what is not named here is not part of the language ----------------

    _handlers: ClassVar[Mapping[type[nodes.Node], Callable[[Converter, Any, int], Expression]]] = {
        nodes.Name: _reading,
        nodes.Getattr: _reading,
        nodes.Getitem: _reading,
        nodes.Const: _literal,
        nodes.Call: _call,
        nodes.CondExpr: _conditional,
        nodes.List: _list,
        nodes.Tuple: _list,
        nodes.Dict: _map,
        nodes.Compare: _comparison,
        nodes.And: _logic,
        nodes.Or: _logic,
        nodes.Not: _not,
        nodes.Neg: _negative,
        nodes.Concat: _join,
        nodes.Test: _check,
        **dict.fromkeys(_ARITHMETIC, _arithmetic),
    }


def _index(key: Expression) -> str:
    if isinstance(key, r.Literal):
        if isinstance(key.value, str):
            return f"[{quote(key.value)}]"
        if isinstance(key.value, int):
            return f"[{key.value}]"
    return ANY_INDEX
