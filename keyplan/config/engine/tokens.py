"""The words of an expression, with their offsets, for Jinja2's parser.

Jinja2's own lexer counts lines only. Ours gives the parser tokens whose line number is
the offset in the expression, so that every node knows its column. It also recognises
what people type out of habit, where the message can still show exactly what they wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2.lexer import Token, operators

from keyplan.config.engine.limits import too_deep
from keyplan.config.faults import Fault, PlacedFault

MAX_BRACKETS = 30
"""How deep brackets may be nested."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9](?:[0-9A-Za-z_.]|(?<=[0-9][eE])[-+](?=[0-9]))*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<habit>&&|\|\||!(?!=)|\?|=>|\.\.\.|\$\{|\*\*|\[\s*\*\s*\]|\.\s*\*)
    |(?P<operator>//|==|!=|>=|<=|[-+/*%~\[\](){}<>=.:|,])
    |(?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"[0-9]{1,19}")
_FLOAT = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_INTERPOLATION = re.compile(r"(?<!\$)\$\{[^}]*\}")

_QUOTES = ('"', "'")
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_WORDS = frozenset({"null", "for"})
_HABITS = {
    "&&": ("`and` is a word here", "Write `a and b`."),
    "||": ("`or` is a word here", "Write `a or b`."),
    "!": ("`not` is a word here", "Write `not a`."),
    "?": ("there is no ? : here", "Write `a if condition else b`."),
    "=>": ("there is no => here", 'A map is written {"name": value}.'),
    "...": ("there is no ... here", "Write the arguments out, or put them into a list."),
    "${": ("there is no ${ } inside an expression", "Leave it out, or join text with ~."),
    "**": ("there are no powers", "Multiply."),
    "[*]": ("there is no [*] here", 'Write attributes(list, "name"), or values(map).'),
    ".*": ("there is no .* here", 'Write attributes(list, "name"), or values(map).'),
    "null": ("null is `none` here", "Write `none`."),
    "for": (
        "there is no `for … in` inside an expression",
        "Make lists and maps with keys, values, attributes, pick, product and index_by.",
    ),
}


def tokens(source: str) -> Iterator[Token]:
    """Tokens as Jinja2's parser expects them. Raises `PlacedFault`."""
    end = brackets = 0
    last = ""
    while True:
        found = _TOKEN.match(source, end)
        if found is None:
            start = len(source) - len(source[end:].lstrip())
            raise PlacedFault(_unknown_character(source[start]), start, start + 1)
        kind = found.lastgroup
        start, end = found.span(kind)  # type: ignore[arg-type]  # one group always matches
        text = source[start:end]
        if kind == "name":
            if text in _WORDS and last != ".":
                raise PlacedFault(_habit(text), start, end)
            yield Token(start, "name", text)
        elif kind == "operator":
            if text in _BRACKETS:
                brackets += _BRACKETS[text]
                if brackets > MAX_BRACKETS:
                    raise PlacedFault(too_deep(), start, end)
            yield Token(start, operators[text], text)
        elif kind == "number":
            yield _number(text, start, after_dot=last == ".")
        elif kind == "string":
            if last[:1] in _QUOTES:
                raise PlacedFault(_side_by_side(), start, end)
            yield Token(start, "string", _unescape(text, start))
        elif kind == "habit":
            raise PlacedFault(_habit("".join(text.split())), start, end)
        else:
            return
        last = text


def _side_by_side() -> Fault:
    return Fault(
        "KP-EXPR-001",
        "two texts stand side by side",
        why="a comma or an operator is missing between them",
        advice="Write ~ between them to join them, or a comma.",
    )


def _habit(text: str) -> Fault:
    summary, advice = _HABITS[text]
    return Fault("KP-EXPR-002", summary, advice=advice)


def _unknown_character(character: str) -> Fault:
    if character in "\"'":
        return Fault("KP-EXPR-001", f"the {character} is not closed")
    return Fault("KP-EXPR-001", f"{character} means nothing in an expression")


def _number(text: str, position: int, *, after_dot: bool) -> Token:
    end = position + len(text)
    if after_dot:
        number = re.split(r"\D", text)[0]
        raise PlacedFault(
            Fault(
                "KP-EXPR-002",
                f"the items of a list are not read with .{number}",
                advice=f"Write [{number}].",
            ),
            position,
            end,
        )
    if _INTEGER.fullmatch(text):
        return Token(position, "integer", int(text))  # type: ignore[arg-type]
    if _FLOAT.fullmatch(text) and not text.isdigit():
        return Token(position, "float", float(text))  # type: ignore[arg-type]
    advice = "Put text into quotes."
    if re.fullmatch(r"[0-9]+[smhdy]", text):
        advice = f'Write duration("{text}"), or compare with "{text}" in quotes.'
    raise PlacedFault(Fault("KP-EXPR-001", f"{text} is not a number", advice=advice), position, end)


def _unescape(text: str, position: int) -> str:
    inner = text[1:-1]
    if found := _INTERPOLATION.search(inner):
        raise PlacedFault(
            Fault(
                "KP-EXPR-003",
                "text inside an expression is not a template",
                why="this would stay as it is written",
                advice='Put it together with ~: "prefix-" ~ var.name.',
            ),
            position + 1 + found.start(),
            position + 1 + found.end(),
        )
    if "\\" not in inner:
        return inner

    def replace(found: re.Match[str]) -> str:
        if found[1] and not 0xD800 <= int(found[1], 16) <= 0xDFFF:
            return chr(int(found[1], 16))
        if found[2] in _ESCAPES:
            return _ESCAPES[found[2]]
        start = position + 1 + found.start()
        raise PlacedFault(
            Fault(
                "KP-EXPR-001",
                f"{found[0]} is not an escape",
                advice="Write the character itself."
                if found[1]
                else f"Write the backslash twice: \\{found[0]}.",
            ),
            start,
            start + len(found[0]),
        )

    return _ESCAPE.sub(replace, inner)
