"""From text to a program: `${…}`, `%{ if }` and `%{ for }` found, checked, put together.

Rules: `$${` and `%%{` are the literal characters, and nothing else is special: no
comments, no other braces. A mark `-` or `~` with white space beside it strips the white
space outside: `%{ if x ~}`. White space and line ends of the text stay as they are.
What is wrong is a `PlacedFault` with offsets in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from keyplan.config.engine.blocks import Body, Each, Piece, Render, Text, When
from keyplan.config.engine.limits import MAX_EXPRESSION, MAX_TEXT, too_deep, too_large
from keyplan.config.engine.references import RESERVED, Path, read_plain
from keyplan.config.engine.run import Expression
from keyplan.config.faults import Fault, PlacedFault
from keyplan.config.report import suggest

MAX_PIECES = 10_000
"""Expressions and directives of one template."""

MAX_BLOCKS = 20
"""How deep `%{ if }` and `%{ for }` may be nested."""

_MARKER = re.compile(r"\$\$\{|%%\{|\$\{|%\{")
_BALANCE = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[{}]", re.DOTALL)
_DIRECTIVE = re.compile(r"\s*([A-Za-z_]*)")
_LOOP = re.compile(r"\s+([A-Za-z_]\w*)\s*(?:,\s*([A-Za-z_]\w*)\s*)?\bin\b", re.ASCII)
_DIRECTIVES = ("if", "elif", "else", "endif", "for", "endfor")
_SCOPE_NAMES = frozenset(("var", "local", "each", "key", "policy", "principal", "module", "this"))


def read_expression(
    text: str, base: int = 0, bound: frozenset[str] = frozenset()
) -> tuple[Expression, tuple[Path, ...]]:
    """One expression and what it refers to. `base` is its offset in the scalar."""
    plain = read_plain(text, base, bound)
    if plain is not None:
        return plain
    from keyplan.config.engine.jinja import parse_expression  # noqa: PLC0415  # rarely needed

    return parse_expression(text, base, bound)


def whole_expression(text: str) -> tuple[int, int] | None:
    """Where the expression of a text that is exactly one `${…}` stands, or `None`."""
    if not text.startswith("${") or not text.endswith("}"):
        return None
    end = _end_of(text, 2)
    return (2, end) if end == len(text) - 1 else None


def split_template(text: str) -> tuple[Body, tuple[Path, ...]]:
    """The pieces of a template and everything it refers to."""
    if len(text) > MAX_TEXT:
        raise PlacedFault(too_large("template", MAX_TEXT, "characters"), 0)
    return _Splitter(text).split()


def _end_of(text: str, start: int) -> int | None:
    """The `}` that closes what begins at `start`, braces and quotes inside it skipped."""
    depth = 0
    for found in _BALANCE.finditer(text, start, start + MAX_EXPRESSION + 1):
        if found[0] == "{":
            depth += 1
        elif found[0] == "}":
            if depth == 0:
                return found.start()
            depth -= 1
    return None


@dataclass(slots=True)
class _Block:
    """An open `%{ if }` or `%{ for }`. `body` is what stands around it and goes on after it."""

    word: str
    start: int
    body: list[Piece]
    names: tuple[str, ...] = ()
    through: Expression | None = None
    condition: Expression | None = None
    branches: list[tuple[Expression | None, Body]] = field(default_factory=list)
    has_else: bool = False


class _Splitter:
    """One template being split. `body` collects the pieces of the innermost open block."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.body: list[Piece] = []
        self.blocks: list[_Block] = []
        self.references: dict[Path, None] = {}
        self.strip_next = False
        self.pieces = 0

    def split(self) -> tuple[Body, tuple[Path, ...]]:
        text, position = self.text, 0
        while marker := _MARKER.search(text, position):
            self._add_text(text[position : marker.start()])
            begin, after = marker.start(), marker.end()
            if len(marker[0]) == 3:
                self._add_text(marker[0][1:])
                position = after
                continue
            self.pieces += 1
            if self.pieces > MAX_PIECES:
                raise PlacedFault(too_large("template", MAX_PIECES, "expressions"), begin)
            end = _end_of(text, after)
            if end is None:
                raise self._unclosed(marker[0], begin)
            self._add_marked(marker[0], begin, after, end)
            position = end + 1
        self._add_text(text[position:])
        if self.blocks:
            block = self.blocks[-1]
            raise _fault(
                f"the %{{ {block.word} }} is not closed",
                block.start,
                f"Write %{{ end{block.word} }} after its last line.",
            )
        return tuple(self.body), tuple(self.references)

    def _unclosed(self, marker: str, begin: int) -> PlacedFault:
        if len(self.text) - begin > MAX_EXPRESSION:
            summary = f"the {marker} is not closed within {MAX_EXPRESSION:,} characters"
        else:
            summary = f"the {marker} is not closed"
        return _fault(
            summary,
            begin,
            f"Close it with }}, or write {marker[0]}{marker} for the characters themselves.",
            begin + 2,
        )

    def _add_text(self, text: str) -> None:
        if self.strip_next:
            text = text.lstrip()
            self.strip_next = not text
        if text:
            self.body.append(Text(text))

    def _add_marked(self, marker: str, begin: int, start: int, end: int) -> None:
        """Strip marks off an expression or directive, then add it."""
        text = self.text
        directive = marker == "%{"
        if text[start] in "-~" and (directive or text[start] == "~" or text[start + 1].isspace()):
            start += 1
            if self.body and isinstance(last := self.body[-1], Text):
                self.body[-1] = Text(last.text.rstrip())
        strip_after = text[end - 1] in "-~" and end - 1 > start
        self.strip_next = False
        if strip_after:
            end -= 1
        if directive:
            self._add_directive(begin, start, end)
        else:
            self.body.append(Render(self._read(start, end)))
        self.strip_next = strip_after

    # -- directives ----------------------------------------------------------------------

    def _add_directive(self, begin: int, start: int, end: int) -> None:
        found = _DIRECTIVE.match(self.text, start, end)
        word = found[1] if found else ""
        after = found.end() if found else start
        match word:
            case "if":
                condition = self._read(after, end)
                self._open(_Block("if", begin, self.body, condition=condition))
            case "for":
                self._open_loop(begin, after, end)
            case "elif" | "else":
                self._branch(word, begin, after, end)
            case "endif" | "endfor":
                if self.text[after:end].strip():
                    raise _fault(f"nothing may stand after {word}", after, "", end)
                self._close(word, begin, end)
            case _:
                raise self._unknown_directive(word, start, begin, end)

    def _unknown_directive(self, word: str, start: int, begin: int, end: int) -> PlacedFault:
        summary = f"there is no directive %{{ {word} }}" if word else "this directive has no name"
        advice = suggest(word, _DIRECTIVES) or "There are if, elif, else, endif, for and endfor."
        if word in ("elseif", "elsif"):
            advice = "Write %{ elif }."
        if not word and self.text[start:end].strip()[:1] == "!":
            advice = "Write `not`."
        fault = Fault("KP-EXPR-003", summary, advice=advice)
        return PlacedFault(fault, begin, end + 1)

    def _open(self, block: _Block) -> None:
        self.blocks.append(block)
        if len(self.blocks) > MAX_BLOCKS:
            raise PlacedFault(too_deep(), block.start)
        self.body = []

    def _open_loop(self, begin: int, after: int, end: int) -> None:
        found = _LOOP.match(self.text, after, end)
        if found is None:
            raise _fault(
                "this loop cannot be read",
                begin,
                "Write %{ for item in list } or %{ for name, item in map }.",
                end + 1,
            )
        names = tuple(name for name in found.groups() if name)
        for name in names:
            if name in RESERVED or name in _SCOPE_NAMES:
                raise _fault(
                    f"{name} has a meaning of its own",
                    found.start(names.index(name) + 1),
                    "Give the item another name.",
                )
        from keyplan.config.engine.jinja import parse_loop  # noqa: PLC0415  # rarely needed

        text = self.text[found.end() : end]
        through, only, paths = parse_loop(text, found.end(), self._bound(), frozenset(names))
        self.references.update(dict.fromkeys(paths))
        self._open(_Block("for", begin, self.body, names, through, only))

    def _branch(self, word: str, begin: int, after: int, end: int) -> None:
        block = self.blocks[-1] if self.blocks else None
        if block is None or block.word != "if" or block.has_else:
            advice = "Open %{ if … } before it." if block is None else ""
            raise _fault(f"there is no %{{ if }} for this %{{ {word} }}", begin, advice, end + 1)
        block.branches.append((block.condition, tuple(self.body)))
        self.body = []
        if word == "elif":
            block.condition = self._read(after, end)
            return
        if self.text[after:end].strip():
            raise _fault("nothing may stand after else", after, "Write %{ elif … }.", end)
        block.condition = None
        block.has_else = True

    def _close(self, word: str, begin: int, end: int) -> None:
        block = self.blocks.pop() if self.blocks else None
        if block is None or f"end{block.word}" != word:
            opened = f"it is a %{{ {block.word} }} that is open here" if block else ""
            raise _fault(f"this %{{ {word} }} closes nothing", begin, "", end + 1, why=opened)
        inner, self.body = tuple(self.body), block.body
        if block.word == "if":
            self.body.append(When((*block.branches, (block.condition, inner))))
        elif block.through is not None:
            self.body.append(Each(block.names, block.through, block.condition, inner))

    # -- expressions ---------------------------------------------------------------------

    def _bound(self) -> frozenset[str]:
        return frozenset(name for block in self.blocks for name in block.names)

    def _read(self, start: int, end: int) -> Expression:
        expression, paths = read_expression(self.text[start:end], start, self._bound())
        self.references.update(dict.fromkeys(paths))
        return expression


def _fault(
    summary: str, start: int, advice: str = "", end: int = 0, *, why: str = ""
) -> PlacedFault:
    return PlacedFault(Fault("KP-EXPR-004", summary, why=why, advice=advice), start, end)
