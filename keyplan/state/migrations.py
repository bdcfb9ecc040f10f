"""From an older format of the state to the present one, a format at a time.

Rules: a migration takes the document of format n and returns that of format n + 1; it is
pure and never asks a provider. `MIGRATIONS` has one entry for each format that was ever
released and is no longer written; golden files of that format are its tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from keyplan.errors import NewerStateError, StateError
from keyplan.state.model import FORMAT

Migration: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]


def _with_digest(document: dict[str, Any]) -> dict[str, Any]:
    """Format 2 carries a digest of itself; a document that had none claims none."""
    return {**document, "digest": ""}


MIGRATIONS: Mapping[int, Migration] = MappingProxyType({1: _with_digest})
"""Old format to the function that makes the next one. Format 1 is the first."""


def migrate(
    document: dict[str, Any],
    *,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    target: int = FORMAT,
) -> dict[str, Any]:
    """The document in format `target`. Its `format` must be a whole number.

    Raises `NewerStateError`, which names the keyplan that wrote it, and `StateError` for a
    format that this one cannot read any more.
    """
    found: int = document["format"]
    if found > target:
        writer = document.get("keyplan_version")
        raise NewerStateError(
            f"the state has format {found}, and this keyplan reads formats up to {target}",
            why=f"It was written by keyplan {writer}, which is newer.",
            advice=f"Install keyplan {writer} or later; nothing was changed.",
        )
    while found < target:
        step = migrations.get(found)
        if step is None:
            raise StateError(
                f"the state has format {found}, which this keyplan cannot read",
                why=f"No migration leads from format {found} to {target}.",
                advice="Check that this is a keyplan state; restore the version before it if not.",
            )
        found += 1
        document = {**step(document), "format": found}
    return document
