"""A value of the language as `keyplan console` shows it: JSON, with what JSON has no word for.

Rules: text is quoted, a map or a list is indented JSON; an address stands bare, and what
only the provider can know is `(known after apply)`. Output is printable ASCII.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from keyplan.model.address import Address
from keyplan.model.values import Unknown, Value
from keyplan.render.values import UNKNOWN

_STEP = "  "


def console_text(value: Value) -> str:
    """The value in one or several lines, without a line end."""
    return "\n".join(_lines(value))


def _lines(value: Value) -> list[str]:
    match value:
        case None:
            return ["none"]
        case Unknown():
            return [UNKNOWN]
        case Address():
            return [_ascii(value)]
        case dict() if value:
            entries = [(f"{_ascii(json.dumps(name))}: ", item) for name, item in value.items()]
            return _nested("{", entries, "}")
        case list() if value:
            return _nested("[", [("", item) for item in value], "]")
        case _:
            return [json.dumps(value)]


def _nested(opening: str, entries: Iterable[tuple[str, Value]], closing: str) -> list[str]:
    lines = [opening]
    for label, item in entries:
        first, *others = _lines(item)
        lines += [f"{_STEP}{label}{first}", *(_STEP + line for line in others)]
        lines[-1] += ","
    lines[-1] = lines[-1].removesuffix(",")
    return [*lines, closing]


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")
