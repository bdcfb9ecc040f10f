"""What a YAML syntax error means to somebody who writes a stack.

The parser says which token it did not expect. Nearly always the cause is one of a few:
an address in flow style, an expression that needs quotes, a tab. Those are recognised
from the line, and the message says what to write; everything else gets the parser's
own words.
"""

from __future__ import annotations

import re

import yaml

from keyplan.config.source import SourceFile
from keyplan.diagnostics import Diagnostic, Position, Severity

_INDEXED = re.compile(r"[A-Za-z_][\w.]*\[[^\[\]{}]*\](?:\.\w+|\[[^\[\]{}]*\])*")
_IN_FLOW = ("while parsing a flow mapping", "while parsing a flow sequence")
_NEARBY = 200
_VALUE = re.compile(r"(?:- )?(?:[^\s:#\"'{\[][^:#]*:|-)\s+(?P<value>\S.*)$")


def describe_syntax_error(source: SourceFile, error: yaml.YAMLError) -> Diagnostic:
    """The parser's complaint as a located message with advice."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _plain_error(source, error)
    mark = error.problem_mark
    line, column = mark.line + 1, mark.column + 1
    text = source.line(line)
    problem = error.problem or "this cannot be read"
    at = text[column - 1 :]
    if error.context == "while scanning an alias" and error.context_mark is not None:
        return _make(
            source,
            "KP-LANG-006",
            "a plain * is an alias in YAML",
            error.context_mark.line + 1,
            error.context_mark.column + 1,
            advice='Write "*" in quotes, or the word `any`.',
        )
    if error.context in _IN_FLOW:
        return _in_flow(source, error, line, column)
    if "cannot start any token" in problem:
        return _bad_start(source, line, column)
    if "mapping values are not allowed" in problem and _looks_like_expression(text[: column - 1]):
        return _needs_quotes(source, line, column, "YAML takes `: ` for the start of another map")
    if at[:1] in ("}", "]"):
        return _make(
            source, "KP-LANG-006", f"a {at[0]} too many", line, column, advice="Remove it."
        )
    if text[: column - 1].count("'") == 2 and at[:1].isalpha():
        return _make(
            source,
            "KP-LANG-006",
            "the value ends at the second '",
            line,
            column - 1,
            advice="Inside single quotes a ' is written twice; or use double quotes.",
        )
    if error.context == "while parsing a block mapping" and _begins_with_literal(text, column):
        return _needs_quotes(source, line, column, "YAML ends the value after the quote or bracket")
    if "unknown escape character" in problem:
        return _make(
            source,
            "KP-LANG-006",
            "this escape does not exist in double quotes",
            line,
            column,
            advice="Write the backslash twice, or the text in single quotes.",
        )
    return _from_parser(source, error, line, column)


def _make(
    source: SourceFile,
    code: str,
    summary: str,
    line: int,
    column: int,
    *,
    why: str = "",
    advice: str = "",
) -> Diagnostic:
    return Diagnostic(
        Severity.ERROR,
        code,
        summary,
        why,
        advice,
        "",
        Position(source.name, line, column, column + 1),
        source.line(line),
    )


def _in_flow(source: SourceFile, error: yaml.MarkedYAMLError, line: int, column: int) -> Diagnostic:
    """Inside `{ }` or `[ ]`: an address, a template, or a missing bracket."""
    text = source.line(line)
    at = text[column - 1 : column]
    if at == "[" and (address := _address_around(text, column)):
        return _make(
            source,
            "KP-LANG-007",
            'an address with ["..."] must be quoted here',
            line,
            column,
            why="inside { } and [ ] YAML ends the value here",
            advice=f"Write {_single_quoted(address)} in single quotes, or one entry per line.",
        )
    if at == "{" and text[column - 2 : column - 1] in ("$", "%"):
        return _make(
            source,
            "KP-LANG-008",
            f"a value with {text[column - 2]}{{ }} must be quoted here",
            line,
            column - 1,
            why="inside { } and [ ] YAML ends the value at the brace",
            advice='Write it in double quotes: "${each.key}".',
        )
    opened = error.context_mark
    if opened is not None and (
        line > len(source.lines) or not text.strip() or line > opened.line + 1
    ):
        bracket = source.line(opened.line + 1)[opened.column : opened.column + 1]
        closing = {"{": "}", "[": "]"}.get(bracket, "bracket")
        return _make(
            source,
            "KP-LANG-006",
            f"the {bracket} is not closed",
            opened.line + 1,
            opened.column + 1,
            advice=f"Close it with {closing}, and separate its entries with commas.",
        )
    return _from_parser(source, error, line, column)


def _address_around(text: str, column: int) -> str:
    """The indexed address that stands at a column; looked for nearby only."""
    begin = max(0, column - _NEARBY)
    for found in _INDEXED.finditer(text, begin, column + _NEARBY):
        if found.start() < column <= found.end():
            return found[0]
    return ""


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _bad_start(source: SourceFile, line: int, column: int) -> Diagnostic:
    """A character that YAML reserves stands where a value or a key begins."""
    character = source.line(line)[column - 1 : column]
    if character == "\t":
        return _make(
            source,
            "KP-LANG-006",
            "a tab cannot indent",
            line,
            column,
            advice="Indent with spaces.",
        )
    return _needs_quotes(source, line, column, f"YAML reserves {character} at the start of a value")


def _needs_quotes(source: SourceFile, line: int, column: int, why: str) -> Diagnostic:
    found = _VALUE.match(source.line(line).strip())
    advice = "Write the whole value in single quotes."
    if found and len(found["value"]) <= 60:
        advice = f"Write {_single_quoted(found['value'].rstrip())} in single quotes."
    return _make(
        source, "KP-LANG-008", "this value must be quoted", line, column, why=why, advice=advice
    )


def _looks_like_expression(before: str) -> bool:
    """Whether the text before a refused `: ` has a template or a brace in it, or is a sentence."""
    _, colon, value = before.partition(":")
    return bool(colon) and bool(value.strip())


def _begins_with_literal(text: str, column: int) -> bool:
    """Whether the entry's value begins with a quote or bracket that ended before `column`."""
    found = _VALUE.match(text.strip())
    if found is None or found["value"][0] not in "\"'[{":
        return False
    offset = len(text) - len(text.lstrip())
    return column - 1 > offset + found.start("value")


_WORDS = (
    ("did not find expected key", "this does not fit here: an entry `name: value` was expected"),
    ("expected <block end>", "this does not fit here: an entry `name: value` was expected"),
    ("did not find expected '-' indicator", "this does not fit here: another `- ` was expected"),
    ("mapping values are not allowed", "a map cannot begin here"),
    ("sequence entries are not allowed", "a list cannot begin here"),
    ("unexpected end of stream", "a quote is not closed"),
)


def _from_parser(
    source: SourceFile, error: yaml.MarkedYAMLError, line: int, column: int
) -> Diagnostic:
    problem = error.problem or ""
    known = (summary for words, summary in _WORDS if words in problem)
    summary = next(known, f"this is not YAML: {problem}")
    opened = error.context_mark
    if "quote" in summary and opened is not None:
        line, column = opened.line + 1, opened.column + 1
    return _make(
        source,
        "KP-LANG-006",
        summary,
        line,
        column,
        advice="Check the indentation and the quotes of this line and the one above.",
    )


def _plain_error(source: SourceFile, error: yaml.YAMLError) -> Diagnostic:
    reason = getattr(error, "reason", "") or "it cannot be read"
    return _make(source, "KP-LANG-006", f"this is not YAML: {reason}", 1, 1)
