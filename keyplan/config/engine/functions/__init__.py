"""The functions of the language (LANGUAGE.md §6): a fixed table.

Rules: pure and deterministic; no clock, randomness, network or environment; results are
bounded before they are computed; a wrong argument is an error at that argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from keyplan.config.engine.functions import (
    choices,
    collections,
    encodings,
    files,
    lists,
    texts,
    times,
)
from keyplan.config.engine.functions.signature import Function

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        function.name: function
        for module in (collections, lists, texts, choices, encodings, times, files)
        for function in module.TABLE
    }
)
"""By name."""

__all__ = ["FUNCTIONS", "Function"]
