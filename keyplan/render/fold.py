"""Folding: of more than twenty things alike, a few are shown and the rest counted.

Rules: order is kept; what carries a risk never folds together with what does not,
because the risk is part of the signature.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Signature = TypeVar("Signature", bound=Hashable)

THRESHOLD = 20
"""Up to so many alike are all shown."""

SAMPLES = 3
"""So many are shown of those that fold."""


@dataclass(frozen=True, slots=True)
class Folded(Generic[Item, Signature]):
    """What to show, in order, and how many more of each signature there are."""

    shown: tuple[Item, ...]
    more: dict[Signature, int]


def fold(
    items: Iterable[Item], signature: Callable[[Item], Signature], *, full: bool = False
) -> Folded[Item, Signature]:
    """Fold items by signature; `full` folds nothing."""
    pairs = [(item, signature(item)) for item in items]
    totals = Counter(mark for _, mark in pairs)
    if full or not any(total > THRESHOLD for total in totals.values()):
        return Folded(tuple(item for item, _ in pairs), {})
    shown: list[Item] = []
    used: Counter[Signature] = Counter()
    for item, mark in pairs:
        used[mark] += 1
        if totals[mark] <= THRESHOLD or used[mark] <= SAMPLES:
            shown.append(item)
    more = {mark: total - SAMPLES for mark, total in totals.items() if total > THRESHOLD}
    return Folded(tuple(shown), more)
