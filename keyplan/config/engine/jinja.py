"""Expressions that are more than a plain reference: Jinja2's parser, our nodes.

Jinja2 parses; nothing of it is compiled or rendered. `conversion` turns its nodes into
ours and refuses the rest. Rules: an expression has at most 4,096 characters; whatever
is wrong is a `PlacedFault` with offsets in the scalar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from keyplan.config.engine.conversion import Converter
from keyplan.config.engine.limits import MAX_EXPRESSION, too_deep
from keyplan.config.engine.references import Path
from keyplan.config.engine.run import Expression
from keyplan.config.engine.tokens import tokens
from keyplan.config.faults import Fault, PlacedFault

_T = TypeVar("_T")
_GOT = re.compile(r"got '(?P<got>[^']*)'")


class _Host(Environment):
    """What Jinja2's parser needs of an environment: tokens, here with offsets."""

    def _tokenize(
        self,
        source: str,
        name: str | None,
        filename: str | None = None,
        state: str | None = None,  # noqa: ARG002  # the base class has it
    ) -> TokenStream:
        return TokenStream(tokens(source), name, filename)


@lru_cache(maxsize=1)
def _host() -> _Host:
    return _Host(autoescape=False)  # nothing is ever rendered


def parse_expression(
    text: str, base: int, bound: frozenset[str]
) -> tuple[Expression, tuple[Path, ...]]:
    """The expression and what it refers to.

    `base` is the offset of `text` in the scalar; `bound` are the names of loops around it.
    """
    tree = _parsed(text, base, Parser.parse_expression)
    converter = Converter(text, base, bound)
    return converter.convert(tree), tuple(converter.references)


def parse_loop(
    text: str, base: int, bound: frozenset[str], names: frozenset[str]
) -> tuple[Expression, Expression | None, tuple[Path, ...]]:
    """What stands after `in` of a `%{ for }`: what it goes through, and its `if` if it has one.

    `names` are those that the loop binds; only the `if` sees them.
    """
    tree, only = _parsed(text, base, _loop)
    converter = Converter(text, base, bound)
    through = converter.convert(tree)
    if only is None:
        return through, None, tuple(converter.references)
    inner = Converter(text, base, bound | names)
    test = inner.convert(only)
    return through, test, (*converter.references, *inner.references)


def _loop(parser: Parser) -> tuple[nodes.Expr, nodes.Expr | None]:
    tree = parser.parse_expression(with_condexpr=False)
    return tree, parser.parse_expression() if parser.stream.skip_if("name:if") else None


def _expect_end(parser: Parser) -> None:
    token = parser.stream.current
    if token.type != "eof":
        raise PlacedFault(
            Fault(
                "KP-EXPR-001",
                f"{token.value} does not belong here",
                why="the expression is complete before it",
                advice="Compare with ==, and put text into quotes."
                if token.type in ("assign", "name")
                else "",
            ),
            token.lineno,
            token.lineno + len(str(token.value)),
        )


def _parsed(text: str, base: int, parse: Callable[[Parser], _T]) -> _T:
    """What `parse` makes of the whole text; what the lexer and parser raise gets its place."""
    if len(text) > MAX_EXPRESSION:
        raise PlacedFault(
            Fault(
                "KP-EXPR-013",
                f"an expression has at most {MAX_EXPRESSION:,} characters",
                advice="Name parts of it in `locals`.",
            ),
            base,
        )
    if not text.strip():
        raise PlacedFault(Fault("KP-EXPR-001", "there is no expression here"), base)
    try:
        parser = Parser(_host(), text, state="variable")
        result = parse(parser)
        _expect_end(parser)
    except PlacedFault as fault:
        end = base + fault.end if fault.end else 0
        raise PlacedFault(fault, base + fault.start, end) from None
    except TemplateSyntaxError as error:
        raise PlacedFault(_describe(error), base + min(error.lineno, len(text) - 1)) from None
    except RecursionError:
        raise PlacedFault(too_deep(), base) from None
    return result


def _describe(error: TemplateSyntaxError) -> Fault:
    message = error.message or ""
    if "end of template" in message or "end of file" in message:
        return Fault(
            "KP-EXPR-001",
            "the expression ends too early",
            advice="Complete it, or close the bracket that is open.",
        )
    found = _GOT.search(message)
    if found is None:
        found = re.match(r"unexpected '(?P<got>[^']*)'", message)
    if found is not None:
        return Fault(
            "KP-EXPR-001",
            f"{found['got']} does not belong here",
            advice="Compare with ==." if found["got"] in ("=", "assign") else "",
        )
    return Fault("KP-EXPR-001", f"this cannot be read: {message.rstrip('.')}")
