"""`keyplan.required_version`: a small set of comparisons on three numbers.

Rules: `>=0.1,<1` is a conjunction; `~=1.2` means `>=1.2,<2` and `~=1.2.3` means
`>=1.2.3,<1.3` (PEP 440). Suffixes of a version (`.dev0`, `rc1`) do not count.
"""

from __future__ import annotations

import re
from itertools import zip_longest

_PART = re.compile(r"(>=|<=|==|!=|~=|>|<)\s*([0-9]+(?:\.[0-9]+){0,2})")
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}")


def satisfies(version: str, requirement: str) -> bool:
    """Whether a version meets every part of a requirement; raises `ValueError` with its syntax."""
    found = _NUMBERS.match(version)
    have = _numbers(found[0] if found else "0")
    return all(_meets(have, part.strip()) for part in requirement.split(","))


def _meets(have: tuple[int, ...], part: str) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is not a comparison: write >=0.1, <1, ==1.2.3 or ~=1.2")
    operator, wanted = match[1], _numbers(match[2])
    order = _compare(have, wanted)
    match operator:
        case ">=":
            return order >= 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case "<":
            return order < 0
        case "==":
            return order == 0
        case "!=":
            return order != 0
        case _:  # ~=
            if len(wanted) < 2:
                raise ValueError(f"{part!r} needs two numbers: write ~=1.2")
            return order >= 0 and have[: len(wanted) - 1] == wanted[:-1]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split("."))


def _compare(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    for one, other in zip_longest(left, right, fillvalue=0):
        if one != other:
            return -1 if one < other else 1
    return 0
