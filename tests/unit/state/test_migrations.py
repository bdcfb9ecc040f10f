from __future__ import annotations

import json

import pytest

from keyplan.errors import StateError
from keyplan.state.codec import decode_state, encode_state
from keyplan.state.migrations import MIGRATIONS, migrate
from keyplan.state.model import FORMAT
from tests.unit.state import samples


def from_format_0(document: dict) -> dict:
    """Before format 1, so this story goes, closed runs were called `runs`."""
    changed = dict(document)
    changed["closed_runs"] = changed.pop("runs")
    return changed


def test_older_format_is_migrated_before_it_is_read() -> None:
    state = samples.full_state()
    document = json.loads(encode_state(state, keyplan_version="0.1.0"))
    document["runs"] = document.pop("closed_runs")
    document["format"] = 0
    del document["digest"]
    migrations = {0: from_format_0, **MIGRATIONS}
    assert decode_state(json.dumps(document).encode(), migrations=migrations) == state


def test_migrations_follow_each_other() -> None:
    def log(name: str):
        return lambda document: {**document, "log": [*document["log"], name]}

    steps = {1: log("1 to 2"), 2: log("2 to 3"), 3: log("3 to 4")}
    document = migrate({"format": 1, "log": []}, migrations=steps, target=3)
    assert document == {"format": 3, "log": ["1 to 2", "2 to 3"]}


def test_migration_does_not_change_what_it_was_given() -> None:
    document = {"format": 0, "runs": []}
    migrate(document, migrations={0: from_format_0}, target=1)
    assert document == {"format": 0, "runs": []}


def test_format_without_a_migration_is_refused() -> None:
    with pytest.raises(StateError, match="format 0, which this keyplan cannot read"):
        migrate({"format": 0}, migrations={})


def test_every_format_released_so_far_can_be_read() -> None:
    assert set(MIGRATIONS) == set(range(1, FORMAT))
