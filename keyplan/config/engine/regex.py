"""Regular expressions that cannot take exponential time."""

from __future__ import annotations

import re


def find(pattern: str, text: str) -> object:
    """What the pattern finds."""
    found = re.search(pattern, text)
    return found[0] if found else None
