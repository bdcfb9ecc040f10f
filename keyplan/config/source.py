"""Stage 1: the files of a stack, read once and checked before anything parses them.

Rules: `keyplan.yaml` and every `*.keyplan.yaml` of the directory, no sub-folders, in
lexical order. Text is UTF-8 without control or direction-changing characters, so that
what a reviewer sees is what is parsed. Nothing outside the stack is ever read: links
are resolved first.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from keyplan.config.budget import Budget
from keyplan.diagnostics import Diagnostics, Position

MAX_FILE_BYTES = 10_000_000
"""The largest configuration file."""

MAX_READ_BYTES = 1 << 20
"""The largest file that an expression may read: as much as a string may hold."""

_ENTRY_FILE = "keyplan.yaml"
_SUFFIX = ".keyplan.yaml"
_OWN_FOLDER = ".keyplan"

# C0 and C1 controls but tab and line feed; line separators that YAML 1.1 counts and
# editors do not; marks that change the direction of text (CVE-2021-42574); zero-width
# characters; non-characters.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff]"
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file. `name` is its path relative to the stack, as messages show it.

    `lines` are those of `text` without line ends; line ends in `text` are `\\n`. `module`:
    it is a module's, so that addresses in it are relative to each instance of the module.
    """

    name: str
    path: Path
    text: str
    lines: tuple[str, ...]
    module: bool = False

    @classmethod
    def of(cls, name: str, path: Path, text: str, *, module: bool = False) -> SourceFile:
        """A file with the lines of its text."""
        return cls(name, path, text, tuple(text.split("\n")), module)

    def line(self, number: int) -> str:
        """A line by its number from 1; empty beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class SourceSet:
    """The files of one stack or module directory, in the order they are merged."""

    root: Path
    files: tuple[SourceFile, ...]


class FileAccessError(Exception):
    """A file cannot be used. `summary` says what, `advice` what to do next."""

    def __init__(self, summary: str, advice: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.advice = advice


def read_stack(root: Path, diagnostics: Diagnostics, *, stack: Path | None = None) -> SourceSet:
    """Read the configuration files of `root`; what cannot be used is reported and left out.

    `stack` is the stack's own directory when `root` is that of a module below it: names
    are then relative to the stack.
    """
    top = stack or root
    paths = _configuration_files(root)
    if not paths:
        _report_nothing_there(root, diagnostics)
    files: list[SourceFile] = []
    for path in paths:
        source = read_source(top, path, diagnostics, module=stack is not None)
        if source is not None:
            files.append(source)
    return SourceSet(root, tuple(files))


def read_source(
    stack: Path, path: Path, diagnostics: Diagnostics, *, module: bool = False
) -> SourceFile | None:
    """One file below `stack` that people write; `None` after a report of why it cannot be used."""
    name = path.relative_to(stack).as_posix() if path.is_relative_to(stack) else path.name
    try:
        content = read_bytes_below(stack, path, MAX_FILE_BYTES)
    except FileAccessError as error:
        diagnostics.error(
            "KP-LANG-002",
            f"{name} {error.summary}",
            position=Position(name, 1, 1),
            advice=error.advice,
        )
        return None
    return decode_source(name, path, content, diagnostics, module=module)


def is_stack_file(name: str) -> bool:
    """Whether a file of that name holds blocks of a stack."""
    return name == _ENTRY_FILE or (name.endswith(_SUFFIX) and not name.startswith("."))


def read_file_below(root: Path, base: Path, relative: str) -> str:
    """The text of `relative`, as seen from `base`, if it is below `root`.

    Raises `FileAccessError` if it is not, is too large, is not UTF-8, cannot be read,
    or is in keyplan's own folder, where secrets may be.
    """
    if not relative or "\0" in relative:
        raise FileAccessError("is not a path")
    if Path(relative).is_absolute():
        raise FileAccessError(
            "is an absolute path",
            "Write it relative to the file that reads it, and keep it inside the stack.",
        )
    content = read_bytes_below(root, base / relative, MAX_READ_BYTES)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise FileAccessError("is not UTF-8 text", "Only text can be read.") from None


@dataclass(frozen=True, slots=True)
class StackFiles:
    """What the expressions of a stack share: the files they read, each once, and a budget."""

    root: Path
    budget: Budget = field(default_factory=Budget)
    _texts: dict[tuple[Path, str], str] = field(default_factory=dict)

    def read(self, base: Path, relative: str) -> str:
        """The text of `relative` as seen from `base`. Raises `FileAccessError`."""
        key = (base, relative)
        if key not in self._texts:
            self._texts[key] = read_file_below(self.root, base, relative)
        return self._texts[key]


def _configuration_files(root: Path) -> list[Path]:
    try:
        names = sorted(path.name for path in root.iterdir())
    except OSError:
        return []
    return [root / name for name in names if is_stack_file(name)]


def _report_nothing_there(root: Path, diagnostics: Diagnostics) -> None:
    if not root.is_dir():
        diagnostics.error(
            "KP-LANG-001",
            f"there is no directory {root}",
            advice="Check the path, or name the stack's directory with --chdir.",
        )
        return
    other = sorted(
        path.name
        for path in root.iterdir()
        if path.name == "keyplan.yml" or path.name.endswith(".keyplan.yml")
    )
    if other:
        advice = f"Rename {other[0]} to {other[0].removesuffix('.yml')}.yaml."
    else:
        advice = "Start one with `keyplan init`, or name the stack's directory with --chdir."
    diagnostics.error(
        "KP-LANG-001",
        f"there is no keyplan.yaml in {root.resolve()}",
        why="a stack is a directory with keyplan.yaml or files that end in .keyplan.yaml",
        advice=advice,
    )


def read_bytes_below(root: Path, path: Path, limit: int) -> bytes:
    """The bytes of a regular file whose real place is below `root`."""
    try:
        real_root = root.resolve(strict=True)
        real = path.resolve(strict=True)
        if not real.is_relative_to(real_root):
            raise FileAccessError(
                "leaves the stack", "Copy the file into the stack: only what is below it is read."
            )
        if _OWN_FOLDER in real.relative_to(real_root).parts:
            raise FileAccessError(
                f"is in {_OWN_FOLDER}, which is keyplan's own", "Keep the file somewhere else."
            )
        status = real.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileAccessError("is not a regular file")
        with real.open("rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise FileAccessError("does not exist", "Check the path.") from None
    except RuntimeError:  # a loop of links, before Python 3.13
        raise FileAccessError("is a link that leads back to itself") from None
    except OSError as error:
        raise FileAccessError(f"cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise FileAccessError(
            f"is larger than {limit:,} bytes", "Split it into several files, or make it smaller."
        )
    return content


def decode_source(
    name: str, path: Path, content: bytes, diagnostics: Diagnostics, *, module: bool = False
) -> SourceFile | None:
    """Bytes as the text that is parsed: UTF-8, nothing invisible in it, line ends `\\n`.

    `None` after a report.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        diagnostics.error(
            "KP-LANG-003",
            f"{name} is UTF-16",
            position=Position(name, 1, 1),
            advice="Save it as UTF-8.",
        )
        return None
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8")) + 1
        diagnostics.error(
            "KP-LANG-003",
            f"{name} is not UTF-8",
            position=Position(name, line, column),
            why=f"byte 0x{content[error.start]:02x} is not part of a UTF-8 character",
            advice="Save the file as UTF-8.",
        )
        return None
    source = SourceFile.of(name, path, text.replace("\r\n", "\n"), module=module)
    return None if _report_forbidden(source, diagnostics) else source


def _report_forbidden(source: SourceFile, diagnostics: Diagnostics) -> bool:
    found = _FORBIDDEN.search(source.text)
    if found is None:
        return False
    before = source.text[: found.start()]
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    code_point = f"U+{ord(found[0]):04X}"
    diagnostics.error(
        "KP-LANG-004",
        f"{source.name} contains the invisible character {code_point}",
        position=Position(source.name, line, column, column + 1),
        snippet=_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", source.line(line)),
        why="what a reviewer sees would not be what keyplan reads",
        advice=f"Remove it, or write it as an escape in double quotes ({_escape(found[0])}).",
    )
    return True


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
