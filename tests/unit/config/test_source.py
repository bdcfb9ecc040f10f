"""Which files make a stack, and what is refused before anything parses them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keyplan.config.source import FileAccessError, StackFiles, read_file_below, read_stack
from keyplan.diagnostics import Diagnostic, Diagnostics


def errors(root: Path) -> list[Diagnostic]:
    diagnostics = Diagnostics()
    read_stack(root, diagnostics)
    return diagnostics.in_order()


def test_reads_the_configuration_files_of_the_directory_in_lexical_order(tmp_path: Path) -> None:
    for name in ("z.keyplan.yaml", "keyplan.yaml", "a.keyplan.yaml"):
        (tmp_path / name).write_text("key: {}\n")
    for name in ("other.yaml", "x.auto.vars.yaml", "keyplan.vars.yaml", ".swp.keyplan.yaml"):
        (tmp_path / name).write_text("not: read\n")
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "keyplan.yaml").write_text("not: read\n")
    diagnostics = Diagnostics()
    found = read_stack(tmp_path, diagnostics)
    names = [file.name for file in found.files]
    assert names == ["a.keyplan.yaml", "keyplan.yaml", "z.keyplan.yaml"]
    assert not diagnostics.items


def test_a_module_names_its_files_from_the_stack(tmp_path: Path) -> None:
    module = tmp_path / "modules" / "tenant"
    module.mkdir(parents=True)
    (module / "keyplan.yaml").write_text("key: {}\n")
    found = read_stack(module, Diagnostics(), stack=tmp_path)
    assert [file.name for file in found.files] == ["modules/tenant/keyplan.yaml"]


def test_an_empty_directory_says_how_to_start(tmp_path: Path) -> None:
    (problem,) = errors(tmp_path)
    assert problem.code == "KP-LANG-001"
    assert "keyplan init" in problem.advice


def test_a_yml_file_is_named_as_the_likely_cause(tmp_path: Path) -> None:
    (tmp_path / "keyplan.yml").write_text("key: {}\n")
    (problem,) = errors(tmp_path)
    assert problem.advice == "Rename keyplan.yml to keyplan.yaml."


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    (problem,) = errors(tmp_path / "nowhere")
    assert "there is no directory" in problem.summary


def test_line_ends_of_windows_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "keyplan.yaml").write_bytes(b"\xef\xbb\xbfkey:\r\n  a: 1\r\n")
    (file,) = read_stack(tmp_path, Diagnostics()).files
    assert file.text == "key:\n  a: 1\n"
    assert file.line(2) == "  a: 1"
    assert file.line(99) == ""


@pytest.mark.parametrize(
    ("content", "code", "position"),
    [
        (b"a: \xff\n", "KP-LANG-003", (1, 4)),
        ("é: 1\nb: ".encode() + b"\xe9\n", "KP-LANG-003", (2, 4)),
        ("a: 1".encode("utf-16"), "KP-LANG-003", (1, 1)),
        (b"a: b\0c\n", "KP-LANG-004", (1, 5)),
        ("x: 1\na: \u202eb\n".encode(), "KP-LANG-004", (2, 4)),
        ("a: \u200bb\n".encode(), "KP-LANG-004", (1, 4)),
        ("a: 1\u2028b: 2\n".encode(), "KP-LANG-004", (1, 5)),
        ("a: \ufeffb\n".encode(), "KP-LANG-004", (1, 4)),
        (b"a: 1\rb: 2\n", "KP-LANG-004", (1, 5)),
    ],
)
def test_text_that_a_reviewer_cannot_see_is_refused_at_its_place(
    tmp_path: Path, content: bytes, code: str, position: tuple[int, int]
) -> None:
    (tmp_path / "keyplan.yaml").write_bytes(content)
    (problem,) = errors(tmp_path)
    assert problem.code == code
    assert problem.position is not None
    assert (problem.position.line, problem.position.column) == position
    assert not any(character in problem.snippet for character in "\0\u202e\u200b\u2028\r")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keyplan.yaml").write_bytes(b"#" * 10_000_001)
    (problem,) = errors(tmp_path)
    assert "larger than 10,000,000 bytes" in problem.summary


def test_the_other_files_are_still_read_when_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.keyplan.yaml").write_bytes(b"\xff")
    (tmp_path / "keyplan.yaml").write_text("key: {}\n")
    found = read_stack(tmp_path, Diagnostics())
    assert [file.name for file in found.files] == ["keyplan.yaml"]


def test_a_link_out_of_the_stack_is_refused_and_one_inside_is_followed(tmp_path: Path) -> None:
    stack = tmp_path / "stack"
    (stack / "sub").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text("key: {}\n")
    (stack / "sub" / "inside.yaml").write_text("key: {}\n")
    (stack / "a.keyplan.yaml").symlink_to(tmp_path / "outside.yaml")
    (stack / "keyplan.yaml").symlink_to(stack / "sub" / "inside.yaml")
    diagnostics = Diagnostics()
    found = read_stack(stack, diagnostics)
    assert [file.name for file in found.files] == ["keyplan.yaml"]
    (problem,) = diagnostics.items
    assert problem.code == "KP-LANG-002"
    assert "leaves the stack" in problem.summary


def test_a_pipe_a_directory_and_a_link_to_itself_are_refused_without_hanging(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "a.keyplan.yaml")
    (tmp_path / "b.keyplan.yaml").mkdir()
    (tmp_path / "c.keyplan.yaml").symlink_to("c.keyplan.yaml")
    (tmp_path / "d.keyplan.yaml").symlink_to("missing")
    assert [problem.code for problem in errors(tmp_path)] == ["KP-LANG-002"] * 4


def test_files_are_read_relative_to_the_file_that_asks(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "a.txt").write_text("inner")
    (tmp_path / "a.txt").write_text("outer")
    assert read_file_below(tmp_path, tmp_path / "modules", "a.txt") == "inner"
    assert read_file_below(tmp_path, tmp_path / "modules", "../a.txt") == "outer"


@pytest.mark.parametrize(
    ("relative", "says"),
    [
        ("../secret", "leaves the stack"),
        ("/etc/hostname", "absolute path"),
        ("missing", "does not exist"),
        ("folder", "not a regular file"),
        ("binary", "not UTF-8"),
        ("large", "larger than"),
        ("link", "leaves the stack"),
        (".keyplan/pin", "keyplan's own"),
        ("", "not a path"),
        ("a\0b", "not a path"),
    ],
)
def test_nothing_but_text_below_the_stack_is_read(tmp_path: Path, relative: str, says: str) -> None:
    stack = tmp_path / "stack"
    (stack / "folder").mkdir(parents=True)
    (stack / ".keyplan").mkdir()
    (stack / ".keyplan" / "pin").write_text("1234")
    (tmp_path / "secret").write_text("x")
    (stack / "link").symlink_to(tmp_path / "secret")
    (stack / "binary").write_bytes(b"\xff")
    (stack / "large").write_bytes(b"a" * ((1 << 20) + 1))
    with pytest.raises(FileAccessError, match=says):
        read_file_below(stack, stack, relative)


def test_a_file_is_read_once_in_a_run(tmp_path: Path) -> None:
    files = StackFiles(tmp_path)
    (tmp_path / "a").write_text("first")
    assert files.read(tmp_path, "a") == "first"
    (tmp_path / "a").write_text("second")
    assert files.read(tmp_path, "a") == "first"
