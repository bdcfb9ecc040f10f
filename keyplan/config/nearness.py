"""Which known name a misspelt one was meant to be.

Rules: the cost does not grow with the number of mistakes times the number of names: few
names are compared one by one, among many only those are found that are one slip away.
"""

from __future__ import annotations

import difflib
import string
from collections.abc import Collection, Iterator

_FEW = 200
_LONGEST = 200
_CHARACTERS = string.ascii_lowercase + string.digits + "_"


def nearest(name: str, known: Collection[str], cutoff: float) -> str | None:
    """The nearest known name, if any is near. `cutoff`: 1 takes equal text only."""
    if len(name) > _LONGEST:
        return None
    if len(known) > _FEW:
        names = known if isinstance(known, (dict, set, frozenset)) else frozenset(known)
        return next((slip for slip in _slips(name) if slip in names), None) if cutoff < 1 else None
    short = sorted(item for item in known if len(item) <= _LONGEST)
    near = difflib.get_close_matches(name, short, n=1, cutoff=cutoff)
    return near[0] if near else next((x for x in short if x.lower() == name.lower()), None)


def _slips(name: str) -> Iterator[str]:
    """Everything that is one slip away: a letter too many, too few, other, or swapped."""
    yield name.lower()
    for at in range(len(name) + 1):
        left, right = name[:at], name[at:]
        if right:
            yield left + right[1:]
        if len(right) > 1:
            yield left + right[1] + right[0] + right[2:]
        for character in _CHARACTERS:
            yield left + character + right
            if right:
                yield left + character + right[1:]
