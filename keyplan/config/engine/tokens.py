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
    r"""(?P<space>\s+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9](?:[0-9A-Za-z_.]|(?<=[0-9][eE])[-+](?=[0-9]))*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<habit>&&|\|\||!(?!=)|\?|=>|\.\.\.|\$\{|\*\*|\[\s*\*\s*\]|\.\s*\*)
    |(?P<operator>//|==|!=|>=|<=|[-+/*%~\[\](){}<>=.:|,])
    """,
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"[0-9]{1,19}")
_FLOAT = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_INTERPOLATION = re.compile(r"(?<!\$)\$\{[^}]*\}")

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
    position = 0
    after_dot = False
    brackets = 0
    while position < len(source):
        found = _TOKEN.match(source, position)
        if found is None:
            raise PlacedFault(_unknown_character(source[position]), position, position + 1)
        kind, text, end = str(found.lastgroup), found[0], found.end()
        match kind:
            case "space":
                pass
            case "name":
                if text in ("null", "for") and not after_dot:
                    raise PlacedFault(_habit(text), position, end)
                yield Token(position, "name", text)
            case "number":
                yield _number(text, position, after_dot=after_dot)
            case "string":
                yield Token(position, "string", _unescape(text, position))
            case "habit":
                raise PlacedFault(_habit("".join(text.split())), position, end)
            case _:
                brackets += (text in "([{") - (text in ")]}")
                if brackets > MAX_BRACKETS:
                    raise PlacedFault(too_deep(), position, end)
                yield Token(position, operators[text], text)
        if kind != "space":
            after_dot = text == "."
        position = end


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
