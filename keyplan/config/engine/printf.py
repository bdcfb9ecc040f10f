"""`format`: the verbs of Terraform's function of that name, bounded.

`%s %v` any scalar, `%q` text in double quotes, `%d` a whole number, `%f` `%.2f` a
number, `%x %X` hexadecimal, `%%` a percent sign; flags `- 0 +`, widths to 1,000.
"""

from __future__ import annotations

import json
import re

from keyplan.config.engine.limits import MAX_TEXT, too_large
from keyplan.config.engine.operators import is_number, kind_of, to_text
from keyplan.config.faults import Fault

_VERB = re.compile(r"%(?:%|([-0+]*)([0-9]{0,4})(?:\.([0-9]{1,2}))?([a-zA-Z]))")
_MAX_WIDTH = 1000


def format_text(text: str, values: list[object]) -> str:
    """The text with its verbs replaced by the values. Raises `Fault`."""
    parts: list[str] = []
    position = size = used = 0
    while True:
        begin = text.find("%", position)
        if begin < 0:
            parts.append(text[position:])
            break
        found = _VERB.match(text, begin)
        if found is None:
            raise Fault(
                "KP-EXPR-014",
                f"{text[begin : begin + 2]} is not a verb of format",
                advice="Write %s, %d, %f, %x, %q or %v, and %% for a percent sign.",
            )
        parts.append(text[position:begin])
        if found[0] == "%%":
            parts.append("%")
        else:
            if used == len(values):
                raise Fault("KP-EXPR-008", f"there is no value for {found[0]}")
            parts.append(_spelt(found, values[used]))
            used += 1
        size += len(parts[-1]) + len(parts[-2])
        if size > MAX_TEXT:
            raise too_large("text", MAX_TEXT, "characters")
        position = found.end()
    if used < len(values):
        raise Fault("KP-EXPR-008", f"the text uses {used} values, and {len(values)} are given")
    return "".join(parts)


def _spelt(found: re.Match[str], value: object) -> str:
    flags, width = found[1], int(found[2] or 0)
    if width > _MAX_WIDTH:
        raise Fault("KP-EXPR-013", f"the width of {found[0]} is more than {_MAX_WIDTH}")
    if found[4] in "svq":
        text = to_text(value)
        if found[3] is not None:
            text = text[: int(found[3])]
        if found[4] == "q":
            text = json.dumps(text, ensure_ascii=False)
    else:
        text = _number(found, value)
        if "+" in flags and not text.startswith("-"):
            text = f"+{text}"
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and found[4] not in "svq":
        return text.zfill(width)
    return text.rjust(width)


def _number(found: re.Match[str], value: object) -> str:
    verb = found[4]
    if verb not in "dfxX":
        raise Fault(
            "KP-EXPR-014",
            f"{found[0]} is not a verb of format",
            advice="Write %s, %d, %f, %x, %q or %v, and %% for a percent sign.",
        )
    whole = verb != "f"
    if not is_number(value) or (whole and not isinstance(value, int)):
        needed = "a whole number" if whole else "a number"
        raise Fault("KP-EXPR-008", f"{found[0]} needs {needed}, and this is {kind_of(value)}")
    if verb == "f":
        return f"{value:.{int(found[3] or 6)}f}"
    return f"{value:{verb}}"
