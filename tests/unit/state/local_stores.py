"""A local store in a folder, and what lies there."""

from __future__ import annotations

from pathlib import Path

from keyplan_state.local import STORE, LocalStore

LOG = Path(".keyplan/journal/run-1.jsonl")


def opened(stack: Path, **settings) -> LocalStore:
    return STORE.open(STORE.settings_model(**settings), stack=stack, environment={})


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
