"""Files that are not what they seem, and paths that lead out of the stack."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.conftest import Answer

Refused = Callable[..., str]
Validate = Callable[..., Answer]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stack's folder, with a secret beside it and traps in it."""
    stack = tmp_path / "stack"
    stack.mkdir()
    (tmp_path / "secret").write_text("hunter2")
    (stack / "link").symlink_to(tmp_path / "secret")
    (stack / "up").symlink_to(tmp_path)
    (stack / "round").symlink_to(stack / "trip")
    (stack / "trip").symlink_to(stack / "round")
    (stack / "zero").symlink_to("/dev/zero")
    (stack / "broken").symlink_to(stack / "nowhere")
    os.mkfifo(stack / "fifo")
    (stack / "folder").mkdir()
    (stack / ".keyplan").mkdir()
    (stack / ".keyplan" / "pin").write_text("hunter2")
    (stack / "octets").write_bytes(b"\xff\xfe\x00")
    (stack / "large").write_bytes(b"x" * 2_000_000)
    (stack / "self.txt").write_text(
        '${templatefile("self.txt", {})}${templatefile("self.txt", {})}'
    )
    (stack / "names.txt").write_text("${var.x}${key.root.id}${this.scope}")
    return stack


PATHS = (
    "../secret", "link", "up/secret", "round", "zero", "broken", "fifo", "folder", ".", "..", "",
    "/etc/passwd", "/proc/self/environ", "/dev/zero", "/dev/stdin", ".keyplan/pin", "octets",
    "large",
    "folder/../../secret", "./../stack/../secret", "nowhere", "keyplan.yaml/x", "x" * 5000,
    "x/" * 3000, "%2e%2e/secret", "~/.ssh/id_rsa", "file:///etc/passwd", "\\\\server\\share",
)  # fmt: skip


@pytest.mark.parametrize("function", ["file({})", "templatefile({}, {{}})"])
@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_may_not_be_read_is_refused(
    function: str, path: str, folder: Path, refused: Refused
) -> None:
    assert folder.exists()
    quoted = '"' + path.replace("\\", "\\\\") + '"'
    said = refused(f"locals:\n  a: '${{{function.format(quoted)}}}'\n", "KP-EXPR-0")
    assert "hunter2" not in said
    assert "root:" not in said


@pytest.mark.parametrize("name", ["self.txt", "names.txt"])
def test_a_template_sees_what_it_is_given_and_ends(
    name: str, folder: Path, refused: Refused
) -> None:
    assert folder.exists()
    refused(f"locals:\n  a: '${{templatefile(\"{name}\", {{}})}}'\n", "KP-EXPR-0")


def trap_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def trap_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def trap_fifo(path: Path) -> None:
    os.mkfifo(path)


def trap_folder(path: Path) -> None:
    path.mkdir()


def trap_loop(path: Path) -> None:
    path.symlink_to(path)


def trap_secret(path: Path) -> None:
    path.chmod(0) if path.exists() else path.symlink_to("/proc/self/mem")


@pytest.mark.parametrize("name", ["keyplan.yaml", "a.keyplan.yaml", "keyplan.vars.yaml"])
@pytest.mark.parametrize(
    "trap", [trap_link, trap_device, trap_fifo, trap_folder, trap_loop, trap_secret]
)
def test_a_file_of_the_stack_that_is_none_is_refused(
    name: str, trap: Callable[[Path], None], tmp_path: Path, answer: Validate
) -> None:
    stack = tmp_path / "stack"
    stack.mkdir()
    if name != "keyplan.yaml":
        (stack / "keyplan.yaml").write_text("locals: {a: 1}\n")
    trap(stack / name)
    found = answer(stack)
    assert found.code == 1
    assert name in found.text
    assert "root:" not in found.text


CONTENTS = {
    "another encoding": ("locals: {a: \xe9}\n".encode("latin-1"), "KP-LANG-003"),
    "UTF-16": ("locals: {a: b}\n".encode("utf-16"), "KP-LANG-003"),
    "UTF-16 without mark": ("locals: {a: b}\n".encode("utf-16-le"), "KP-LANG-004"),
    "UTF-32": ("locals: {a: b}\n".encode("utf-32"), "KP-LANG-003"),
    "overlong": (b"locals: {a: \xc0\xaf}\n", "KP-LANG-003"),
    "half a character": (b"locals: {a: \xed\xa0\x80}\n", "KP-LANG-003"),
    "beyond Unicode": (b"locals: {a: \xf4\x90\x80\x80}\n", "KP-LANG-003"),
    "NUL": (b"locals: {a: b\0c}\n", "KP-LANG-004"),
    "only NUL": (b"\0" * 1_000_000, "KP-LANG-004"),
    "random octets": (bytes(range(256)) * 4000, "KP-LANG-003"),
    "a mark in the middle": ("locals: {a: b\ufeffc}\n".encode(), "KP-LANG-004"),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbflocals: {a: b}\n", "KP-LANG-004"),
    "carriage returns": (b"locals:\r  a: b\r", "KP-LANG-004"),
    "escape sequences": (b"locals: {a: \x1b[2J\x1b]0;x\x07}\n", "KP-LANG-004"),
    "a name from right to left": ("key: {\u202eyek: {}}\n".encode(), "KP-LANG-004"),
    "an isolate": ("key: {a: {owner: \u2066b\u2069}}\n".encode(), "KP-LANG-004"),
    "nothing to see": ("key: {a\u200bb: {}}\n".encode(), "KP-LANG-004"),
    "an escaped direction in a name": (b'key: {"a\\u202eb": {}}\n', "KP-DECL-007"),
    "an escaped control in a name": (b'provider: {"\\x1b[2J": {}}\n', "KP-DECL-007"),
    "an escaped half of a character": (b'locals: {a: "\\ud800"}\n', "KP-LANG-006"),
    "an escaped line in a block": (b'"a\\nb": {}\n', "KP-DECL-011"),
    "letters that look alike": ("key: {\u0440oot: {}}\n".encode(), "KP-DECL-007"),
    "a combining name": ("key: {e\u0301: {}}\n".encode(), "KP-DECL-007"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_octets_that_are_not_plain_text_are_refused(name: str, refused: Refused) -> None:
    content, code = CONTENTS[name]
    refused(content, code)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_marks_of_windows_are_read(
    end: str, mark: bytes, tmp_path: Path, answer: Validate
) -> None:
    (tmp_path / "keyplan.yaml").write_bytes(mark + f"locals:{end}  a: b{end}".encode())
    assert answer(tmp_path).code == 0


NUMBERS = (
    "1e999",
    "-1e999",
    "9" * 400,
    ".inf",
    ".nan",
    "0x10",
    "1_000",
    "0.30000000000000000004e",
)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_out_of_range_is_refused(number: str, refused: Refused) -> None:
    refused(
        f"keyplan: {{safety: {{max_delete: {number}, min_existing: {number}}}}}\n", "KP-DECL-005"
    )


@pytest.mark.parametrize(
    "value", ["9" * 400 + "d", "-1d", "99999999999y", "1e3d", "٣d", "1 d", "0x1d"]
)
def test_a_duration_out_of_range_is_refused(value: str, refused: Refused) -> None:
    refused(f"key: {{a: {{rotation: {{every: {value}}}}}}}\n", "KP-DECL-005")
