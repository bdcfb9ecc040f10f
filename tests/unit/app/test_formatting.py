"""Which files are formatted, and how they are replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.app.formatting import format_paths, format_text, write_formatted
from keyplan.diagnostics import ConfigurationError
from keyplan.errors import KeyplanError, UsageError

MESSY = "key:\n    root:   {provider: hsm}\n"
NEAT = "key:\n  root: {provider: hsm}\n"


def write(path: Path, text: str = MESSY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def names(folder: Path, *paths: str, recursive: bool = False) -> list[str]:
    wanted = [Path(path) for path in paths]
    return [file.name for file in format_paths(wanted, base=folder, recursive=recursive).files]


def test_the_files_that_keyplan_reads_are_formatted_and_no_others(tmp_path: Path) -> None:
    for name in ("keyplan.yaml", "a.keyplan.yaml", "keyplan.vars.yaml", "x.auto.vars.yaml"):
        write(tmp_path / name)
    for name in ("other.yaml", ".hidden.keyplan.yaml", "keyplan.yml", "modules/m/keyplan.yaml"):
        write(tmp_path / name)
    found = ["a.keyplan.yaml", "keyplan.vars.yaml", "keyplan.yaml", "x.auto.vars.yaml"]
    assert names(tmp_path) == found
    assert names(tmp_path, recursive=True) == [*found, "modules/m/keyplan.yaml"]
    assert names(tmp_path, "modules/m") == ["modules/m/keyplan.yaml"]
    assert names(tmp_path, "keyplan.yaml", ".", "keyplan.yaml") == [
        "keyplan.yaml", *[name for name in found if name != "keyplan.yaml"],
    ]  # fmt: skip


def test_hidden_directories_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "keyplan.yaml")
    write(tmp_path / ".keyplan/copy/keyplan.yaml")
    assert names(tmp_path, recursive=True) == ["keyplan.yaml"]


def test_a_file_that_is_none_of_a_stack_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "values.yaml")
    with pytest.raises(UsageError, match="no file of a stack"):
        format_paths([Path("values.yaml")], base=tmp_path)


def test_a_directory_without_a_stack_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyplanError, match="there is no file of a stack"):
        format_paths([], base=tmp_path)


def test_nothing_is_written_until_it_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "keyplan.yaml")
    (file,) = format_paths([], base=tmp_path).changed
    assert path.read_text() == MESSY
    write_formatted(file)
    assert path.read_text() == NEAT
    assert not format_paths([], base=tmp_path).changed


def test_line_ends_and_a_byte_order_mark_are_layout(tmp_path: Path) -> None:
    path = write(tmp_path / "keyplan.yaml")
    path.write_bytes(b"\xef\xbb\xbfkey:\r\n  root: {provider: hsm}\r\n")
    (file,) = format_paths([], base=tmp_path).changed
    assert file.after == NEAT.encode()


def test_permissions_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "keyplan.yaml")
    path.chmod(0o640)
    (file,) = format_paths([], base=tmp_path).changed
    write_formatted(file)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [item.name for item in tmp_path.iterdir()] == ["keyplan.yaml"]


def test_a_link_that_leads_out_of_the_stack_is_refused(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.keyplan.yaml")
    stack = tmp_path / "stack"
    stack.mkdir()
    (stack / "keyplan.yaml").symlink_to(outside)
    result = format_paths([], base=stack)
    assert result.files == ()
    assert [item.code for item in result.diagnostics] == ["KP-LANG-002"]
    assert outside.read_text() == MESSY


def test_a_link_inside_the_stack_stays_a_link(tmp_path: Path) -> None:
    real = write(tmp_path / "shared/base.keyplan.yaml")
    link = tmp_path / "base.keyplan.yaml"
    link.symlink_to(real)
    (file,) = format_paths([], base=tmp_path).changed
    write_formatted(file)
    assert link.is_symlink()
    assert real.read_text() == NEAT


def test_a_broken_file_is_reported_and_the_others_are_formatted(tmp_path: Path) -> None:
    write(tmp_path / "keyplan.yaml")
    write(tmp_path / "b.keyplan.yaml", "key: [\n")
    write(tmp_path / "c.keyplan.yaml", "key: {a: \u202e}\n")
    result = format_paths([], base=tmp_path)
    assert [file.name for file in result.changed] == ["keyplan.yaml"]
    assert [item.position.file for item in result.diagnostics if item.position] == [
        "b.keyplan.yaml", "c.keyplan.yaml",
    ]  # fmt: skip


def test_a_file_that_somebody_changed_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "keyplan.yaml")
    (file,) = format_paths([], base=tmp_path).changed
    path.write_text("key: {}\n")
    with pytest.raises(KeyplanError, match="changed while"):
        write_formatted(file)
    assert path.read_text() == "key: {}\n"


def test_files_of_variables_keep_their_lines_together(tmp_path: Path) -> None:
    write(tmp_path / "keyplan.vars.yaml", "a:  1\nb: 'key.x[\"y\"]'\n")
    (file,) = format_paths([], base=tmp_path).changed
    assert file.after == b"a: 1\nb: 'key.x[\"y\"]'\n"


def test_text_of_an_editor_is_formatted_or_refused() -> None:
    assert format_text("stdin", MESSY.encode()).after == NEAT.encode()
    with pytest.raises(ConfigurationError):
        format_text("stdin", b"key: [")
