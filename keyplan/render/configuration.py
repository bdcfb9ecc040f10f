"""Proposals as YAML in the keyplan language.

Rules: what a service holds is data, never syntax: text that is not plainly a word is
quoted, and `${` and `%{` in it are escaped, so that nothing a stranger wrote into a label
is ever evaluated. The layout is tidied by `keyplan fmt`'s own code afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keyplan.model.values import Value
from keyplan.plans.discovery import Discovery, Proposal, together

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./@-]*")
_WORDS = frozenset({"true", "false", "null", "none", "yes", "no", "on", "off", "any", "keep"})
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def configuration_yaml(found: Discovery, *, header: str) -> str:
    """A file that declares and imports every proposal."""
    lines = [f"# {line}" for line in header.splitlines()]
    for out, how_many in together(found.left_out):
        more = f" and {how_many - 1:,} more" if how_many > 1 else ""
        lines.append(f"# left out: {out.provider} {_comment(out.id)}{more}: {_comment(out.why)}")
    if not found.proposals:
        return "\n".join(lines) + "\n"
    lines += ["", "import:"]
    lines += [f"  - {{to: {item.address}, id: {text(item.id)}}}" for item in found.proposals]
    lines += ["", "key:"]
    for item in found.proposals:
        lines += _block(item)
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _block(item: Proposal) -> Iterator[str]:
    yield f"  {text(item.name)}:"
    for note in item.notes:
        yield f"    # {_comment(note)}"
    yield f"    provider: {item.provider}"
    yield f"    tier: {item.tier}"
    if item.parent is not None and item.relation is not None:
        yield f"    parent: {item.parent}"
        yield f"    relation: {item.relation}"
    for name, value in item.attributes.items():
        yield from _attribute(name, value)
    if item.keep_policy:
        yield "    policies: keep"
    if item.observe:
        yield "    lifecycle: {manage: observe}"


def _attribute(name: str, value: Value) -> Iterator[str]:
    match value:
        case dict() if name == "labels":
            yield f"    {name}:"
            for label, held in value.items():
                yield f"      {_quoted(label)}: {text(held)}"
        case dict():
            inside = ", ".join(f"{key}: {text(item)}" for key, item in value.items())
            yield f"    {name}: {{{inside}}}"
        case list():
            yield f"    {name}: [{', '.join(text(item) for item in value)}]"
        case _:
            yield f"    {name}: {text(value)}"


def text(value: Value) -> str:
    """A scalar, plain where it cannot be taken for anything else."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            written = str(value).replace("${", "$${").replace("%{", "%%{")
            plain = _PLAIN.fullmatch(written) and written.lower() not in _WORDS
            return written if plain else _quoted(written)


def _quoted(written: str) -> str:
    """Double-quoted YAML; what is not printable is escaped (YAML 1.2 section 5.7)."""
    return '"' + "".join(map(_character, written)) + '"'


def _character(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if 0x20 <= number < 0x7F or (number >= 0xA0 and character.isprintable() and number != 0xFEFF):
        return character
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _comment(written: str) -> str:
    """On one line, whatever it was."""
    return "".join(item if item.isprintable() else " " for item in written)
