"""Regular expressions of the language, read so that their cost is known before they run.

The syntax is the common part of RE2's (Terraform's) and Python's: literals, `.`, classes,
`\\d \\w \\s \\b`, groups, `|`, `* + ? {m,n}` and their lazy forms, `^ $`, `(?i)` and `(?s)`
at the start. References and lookaround are not part of it. What is read is written out
again with every literal escaped, so that Python's own extensions are never reached.

A pattern is *deterministic* when no character can be matched in two ways (Glushkov's
construction: the positions that can follow one another have disjoint characters, and no
position follows another for two reasons). Going back then fails at once wherever it
starts, so the cost of such a pattern is linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from keyplan.config.faults import Fault

MAX_PATTERN = 256
"""Characters of a pattern."""

_ASCII = (1 << 128) - 1
_BEYOND = 1 << 128  # every character that is not ASCII
_ALL = _ASCII | _BEYOND


def _mask(characters: str) -> int:
    return sum(1 << ord(character) for character in set(characters))


_DIGITS = _mask("0123456789")
_SPACES = _mask(" \t\n\r\f\v")
_LETTERS = _mask("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CLASSES = {
    "d": _DIGITS,
    "w": _DIGITS | _LETTERS | _mask("_"),
    "s": _SPACES,
}
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_MAX_GROUPS = 20
_MAX_COUNT = 1000
_QUANTIFIER = re.compile(r"(?:[*+?]|\{(\d{1,4})(,(\d{0,4}))?\})(\??)")
_GROUP = re.compile(r"\(\?(?:P?<([A-Za-z_]\w*)>|:)", re.ASCII)


@dataclass(slots=True)
class _Part:
    """A part of a pattern: positions that can begin and end it, and what going back costs.

    `repeats` has, for each repetition, how many counts it can have (`None`: any);
    `choices` multiplies alternatives and optional parts.
    """

    text: str
    nullable: bool = True
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    repeats: list[int | None] = field(default_factory=list)
    choices: int = 1


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read. `text` is for Python's `re`, with ASCII classes.

    `nested`: a repetition contains a repetition or an alternative.
    """

    text: str
    ignore_case: bool
    dot_all: bool
    anchored: bool
    deterministic: bool
    nested: bool
    repeats: tuple[int | None, ...]
    choices: int

    def cost(self, length: int) -> int:
        """An upper bound of the steps that a text of this length takes."""
        starts = 1 if self.anchored else length + 1
        if self.deterministic:
            return starts * (length + 1)
        steps = starts * self.choices
        for counts in self.repeats:
            steps *= min(length + 1, counts or length + 1)
        return steps


def read_pattern(pattern: str) -> Pattern:
    """Read a pattern. Raises `Fault` for what is not part of the syntax."""
    if len(pattern) > MAX_PATTERN:
        raise Fault("KP-EXPR-013", f"a pattern has at most {MAX_PATTERN} characters")
    flags = re.match(r"\(\?([is]+)\)", pattern)
    reader = _Reader(pattern, flags[1] if flags else "")
    reader.position = flags.end() if flags else 0
    part = reader.alternatives(0)
    if reader.position < len(pattern):
        raise reader.wrong("a ) too many")
    sets = [part.first, *reader.follow]
    return Pattern(
        part.text,
        reader.ignore_case,
        reader.dot_all,
        part.text.startswith("\\A") and "|" not in pattern,
        not reader.doubled
        and all(_disjoint([reader.masks[item] for item in positions]) for positions in sets),
        reader.nested,
        tuple(part.repeats),
        part.choices,
    )


def _disjoint(masks: list[int]) -> bool:
    seen = 0
    for mask in masks:
        if seen & mask:
            return False
        seen |= mask
    return True


class _Reader:
    """Recursive descent over a pattern. Positions are its atoms that match a character."""

    def __init__(self, pattern: str, flags: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.ignore_case = "i" in flags
        self.dot_all = "s" in flags
        self.masks: list[int] = []
        self.follow: list[set[int]] = []
        self.doubled = False
        self.nested = False

    def wrong(self, what: str, advice: str = "") -> Fault:
        """The fault of a pattern that cannot be read."""
        return Fault("KP-EXPR-014", f"in the pattern, {what}", advice=advice)

    def _peek(self) -> str:
        return self.pattern[self.position : self.position + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise self.wrong("something is missing at the end")
        self.position += 1
        return character

    def _link(self, before: list[int], after: list[int]) -> None:
        for position in before:
            known = self.follow[position]
            self.doubled = self.doubled or not known.isdisjoint(after)
            known.update(after)

    # -- structure -----------------------------------------------------------------------

    def alternatives(self, depth: int) -> _Part:
        """`a|b|c`, up to a `)` or the end."""
        if depth > _MAX_GROUPS:
            raise self.wrong("groups are nested too deeply")
        parts = [self._sequence(depth)]
        while self._peek() == "|":
            self.position += 1
            parts.append(self._sequence(depth))
        if len(parts) == 1:
            return parts[0]
        return _Part(
            "|".join(part.text for part in parts),
            any(part.nullable for part in parts),
            [position for part in parts for position in part.first],
            [position for part in parts for position in part.last],
            [count for part in parts for count in part.repeats],
            sum(part.choices for part in parts),
        )

    def _sequence(self, depth: int) -> _Part:
        whole = _Part("")
        while self._peek() not in ("", "|", ")"):
            part = self._repeated(depth)
            self._link(whole.last, part.first)
            whole.text += part.text
            whole.first += part.first if whole.nullable else []
            whole.last = part.last + (whole.last if part.nullable else [])
            whole.nullable = whole.nullable and part.nullable
            whole.repeats += part.repeats
            whole.choices *= part.choices
        return whole

    def _repeated(self, depth: int) -> _Part:
        part = self._atom(depth)
        found = _QUANTIFIER.match(self.pattern, self.position)
        if found is None:
            return part
        if not part.last:
            raise self.wrong(f"there is nothing that {found[0]} could repeat")
        self.position = found.end()
        least, most = _counts(found)
        if most is not None and not least <= most <= _MAX_COUNT:
            raise self.wrong(f"{found[0]} is not a count", f"Counts go up to {_MAX_COUNT}.")
        if _QUANTIFIER.match(self.pattern, self.position):
            raise self.wrong("two repetitions stand one after the other")
        part.text += found[0]
        part.nullable = part.nullable or least == 0
        if most is None or most > 1:
            self.nested = self.nested or bool(part.repeats) or part.choices > 1
            self._link(part.last, part.first)
            part.repeats.append(None if most is None else most - least + 1)
        elif least == 0:
            part.choices += 1
        return part

    def _atom(self, depth: int) -> _Part:
        character = self._take()
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return self._character(self._class())
            case ".":
                newline = 0 if self.dot_all else 1 << ord("\n")
                return self._character((_ALL & ~newline, "."))
            case "^":
                return _Part("\\A")
            case "$":
                return _Part("\\Z")
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise self.wrong(f"there is nothing that {character} could repeat")
            case _:
                return self._character(_literal(character))

    def _group(self, depth: int) -> _Part:
        opening = "("
        if self._peek() == "?":
            found = _GROUP.match(self.pattern, self.position - 1)
            if found is None:
                raise self.wrong(
                    "this kind of group is not part of the language",
                    "There are (…), (?:…) and (?P<name>…).",
                )
            opening = f"(?P<{found[1]}>" if found[1] else "(?:"
            self.position = found.end()
        part = self.alternatives(depth + 1)
        if self._peek() != ")":
            raise self.wrong("a ( is not closed")
        self.position += 1
        part.text = f"{opening}{part.text})"
        return part

    # -- characters ----------------------------------------------------------------------

    def _character(self, atom: tuple[int, str]) -> _Part:
        mask, text = atom
        if self.ignore_case:
            letters = mask & _LETTERS
            mask |= (letters << 32 | letters >> 32) & _LETTERS
            mask |= _BEYOND if mask & _mask("kKsS") else 0  # the Kelvin sign and the long s
        position = len(self.masks)
        self.masks.append(mask)
        self.follow.append(set())
        return _Part(text, nullable=False, first=[position], last=[position])

    def _escape(self) -> _Part:
        character = self._take()
        if character in "bBA":
            return _Part(f"\\{character}")
        if character in "zZ":
            return _Part("\\Z")
        return self._character(self._escaped(character))

    def _escaped(self, character: str) -> tuple[int, str]:
        if character.lower() in _CLASSES:
            mask = _CLASSES[character.lower()]
            return (mask if character.islower() else _ALL & ~mask), f"\\{character}"
        if character in _CONTROL:
            return _literal(_CONTROL[character])
        if character.isalnum() or character == "_":
            raise self.wrong(f"\\{character} is not part of the language")
        return _literal(character)

    def _class(self) -> tuple[int, str]:
        """`[a-z0-9_]`, `[^:]`; the first `]` may be a literal."""
        negated = self._peek() == "^"
        self.position += negated
        mask, texts = 0, list[str]()
        while True:
            character = self._take()
            if character == "]" and texts:
                break
            low = self._class_item(character)
            if self._peek() == "-" and self.pattern[self.position + 1 : self.position + 2] != "]":
                self.position += 1
                high = self._class_item(self._take())
                if not (low[2] and high[2]) or low[2] > high[2]:
                    raise self.wrong("a range in [ ] is the wrong way round")
                mask |= _between(low[2], high[2])
                texts.append(f"{low[1]}-{high[1]}")
            else:
                mask |= low[0]
                texts.append(low[1])
        return (_ALL & ~mask if negated else mask), f"[{'^' if negated else ''}{''.join(texts)}]"

    def _class_item(self, character: str) -> tuple[int, str, str]:
        """Its mask, its text, and the character itself unless it is a class."""
        if character == "[" and self._peek() == ":":
            raise self.wrong("[: :] is not part of the language", "Write \\d, \\w or a-z.")
        if character != "\\":
            return (*_literal(character), character)
        escaped = self._take()
        mask, text = self._escaped(escaped)
        return mask, text, "" if escaped.lower() in _CLASSES else _CONTROL.get(escaped, escaped)


def _literal(character: str) -> tuple[int, str]:
    mask = 1 << ord(character) if character.isascii() else _BEYOND
    return mask, re.escape(character) if character.isascii() else character


def _between(low: str, high: str) -> int:
    mask = _BEYOND if not high.isascii() else 0
    for number in range(ord(low), min(ord(high), 127) + 1):
        mask |= 1 << number
    return mask


def _counts(found: re.Match[str]) -> tuple[int, int | None]:
    match found[0][0]:
        case "*":
            return 0, None
        case "+":
            return 1, None
        case "?":
            return 0, 1
        case _:
            least = int(found[1])
            if found[2] is None:
                return least, least
            return least, int(found[3]) if found[3] else None
