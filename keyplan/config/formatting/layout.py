"""A whole file in canonical layout, proven to mean what it meant.

Rules: a file with a syntax error is not touched, and its errors are the usual
diagnostics. What was written is read again before anybody gets it: if one key, one
value or one quotation mark that matters were different, that is a defect of the
formatter, and the file stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from keyplan.config.formatting.concrete import read_concrete
from keyplan.config.formatting.lines import joined
from keyplan.config.formatting.printer import Printer
from keyplan.config.formatting.scalars import is_indexed_address
from keyplan.config.source import SourceFile
from keyplan.config.tree import ListNode, MapNode, Node, ScalarNode, parse
from keyplan.diagnostics import Diagnostics


class LayoutDefectError(Exception):
    """The formatter would have changed what a file means. A bug, not the user's mistake."""


def format_file(
    source: SourceFile,
    diagnostics: Diagnostics,
    *,
    apart: bool = True,
    quotes_matter: Callable[[tuple[str, ...]], bool] = lambda _: True,
) -> str | None:
    """The file's text in canonical layout; `None` after a report of what is wrong with it.

    `apart` puts an empty line between the entries of the outermost map. `quotes_matter`
    says for a path of keys whether quoted text there means something else than plain
    text; where it does, quotes around an address stay. Raises `LayoutDefectError`.
    """
    found = Diagnostics()
    before = parse(source, found)
    diagnostics.extend(found)
    if before is None or found.has_errors:
        return None
    printer = Printer(read_concrete(source.text), apart=apart, quotes_matter=quotes_matter)
    text = joined(printer.print())
    again = Diagnostics()
    after = parse(SourceFile.of(source.name, source.path, text), again)
    if after is None or again.has_errors or not same_meaning(before, after):
        raise LayoutDefectError(source.name)
    return text


def same_meaning(first: Node, second: Node) -> bool:
    """Whether two trees have the same keys in the same order, and the same values.

    Quoted and plain text differ, except for an address with an index: `format_file`
    chooses its quotes.
    """
    match first, second:
        case ScalarNode(), ScalarNode():
            alike = first.quoted == second.quoted or is_indexed_address(first.text)
            return first.text == second.text and alike
        case ListNode(), ListNode():
            return len(first.items) == len(second.items) and all(
                same_meaning(one, other)
                for one, other in zip(first.items, second.items, strict=True)
            )
        case MapNode(), MapNode():
            return [*first.entries] == [*second.entries] and all(
                same_meaning(entry.value, second.entries[name].value)
                for name, entry in first.entries.items()
            )
        case _:
            return False
