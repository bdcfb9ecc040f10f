"""A template is written whole or not at all, and over nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.app import starting
from keyplan.app.starting import SCHEMA_FILE, TEMPLATES, has_stack, start
from keyplan.errors import KeyplanError, UsageError
from keyplan.session.registry import load_registry


def test_every_template_folder_is_listed_and_the_other_way_round() -> None:
    folders = (Path(starting.__file__).parent / "templates").iterdir()
    assert {folder.name for folder in folders if folder.is_dir()} == set(TEMPLATES)


def test_a_template_is_written_with_schema_and_ignored_files(tmp_path: Path) -> None:
    folder = tmp_path / "new/stack"
    made = start(folder, "hierarchy", load_registry())
    assert made.files[0] == "keyplan.yaml"
    assert {path.name for path in folder.iterdir()} == set(made.files)
    assert {SCHEMA_FILE, ".gitignore"} <= set(made.files)
    assert ".keyplan/" in (folder / ".gitignore").read_text()
    first = (folder / "keyplan.yaml").read_text().partition("\n")[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert has_stack(folder)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b.keyplan.yaml").write_text("key: {}\n")
    with pytest.raises(KeyplanError, match="a stack already"):
        start(tmp_path, "quickstart", load_registry())
    assert [path.name for path in tmp_path.iterdir()] == ["b.keyplan.yaml"]


def test_what_was_written_goes_again_if_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / SCHEMA_FILE).write_text("mine")
    with pytest.raises(KeyplanError, match="in the way"):
        start(tmp_path, "quickstart", load_registry())
    assert [path.name for path in tmp_path.iterdir()] == [SCHEMA_FILE]
    assert (tmp_path / SCHEMA_FILE).read_text() == "mine"


def test_ignored_files_of_ones_own_stay(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    made = start(tmp_path, "quickstart", load_registry())
    assert ".gitignore" not in made.files
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_a_file_where_a_directory_should_be_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(KeyplanError, match="in the way"):
        start(tmp_path / "x", "quickstart", load_registry())


def test_a_template_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no template other"):
        start(tmp_path, "other", load_registry())
    assert not list(tmp_path.iterdir())
