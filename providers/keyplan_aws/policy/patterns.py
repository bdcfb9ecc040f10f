"""Wildcards as IAM has them: `*` for any text, `?` for any one character.

Rules: linear in memory and at worst quadratic in time, whatever a hostile policy holds;
`covers` never says yes wrongly, and may say no where only cleverness would see a yes.
"""

from __future__ import annotations

import re
from functools import lru_cache

_RUN = re.compile(r"[*?]*\*[*?]*")


def tidy(pattern: str) -> str:
    """One spelling of a run of wildcards: `**` is `*`, `*?` is `?*`."""
    return _RUN.sub(lambda run: "?" * run[0].count("?") + "*", pattern)


def has_wildcard(text: str) -> bool:
    """Whether the text stands for more than itself."""
    return "*" in text or "?" in text


@lru_cache(maxsize=16384)
def covers(wide: str, narrow: str) -> bool:
    """Whether everything that `narrow` matches is matched by `wide`; text matches itself.

    The wildcards of `narrow` are symbols that only a wildcard as wide can take: its `*`
    only a `*`, its `?` also a `?`.
    """
    at, place, star, resume = 0, 0, -1, 0
    while place < len(narrow):
        symbol, mine = narrow[place], wide[at] if at < len(wide) else ""
        if mine == "*":
            star, resume = at, place
            at += 1
        elif mine and (mine == symbol or (mine == "?" and symbol != "*")):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return not wide[at:].strip("*")
