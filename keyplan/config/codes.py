"""Every diagnostic code of the language, with its title and explanation.

`docs/errors.md` is made from this table. A code is never reused for another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What a code means in general; the message itself says it for the case at hand."""

    title: str
    explanation: str


CODES: Mapping[str, CodeInfo] = {}
