"""Files of a stack brought into canonical layout, each replaced whole and only if it changes.

Rules: only files that keyplan reads are touched: `keyplan.yaml`, `*.keyplan.yaml` and
`*.vars.yaml`. A link that leads out of the stack is refused, one inside is followed, so
that the file changes and the link stays. A file with a syntax error is left alone and
reported; the others are formatted all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keyplan.app.writing import write_whole
from keyplan.config.formatting.layout import LayoutDefectError, format_file
from keyplan.config.language_stack import quotes_matter
from keyplan.config.source import (
    MAX_FILE_BYTES,
    FileAccessError,
    SourceFile,
    decode_source,
    is_stack_file,
    read_bytes_below,
)
from keyplan.diagnostics import Diagnostic, Diagnostics, Position
from keyplan.errors import KeyplanError, UsageError

_VARIABLES = ".vars.yaml"


@dataclass(frozen=True, slots=True)
class FormattedFile:
    """One file, before and after. `name` is how messages call it, `path` where it really is."""

    name: str
    path: Path
    before: bytes
    after: bytes

    @property
    def changed(self) -> bool:
        """Whether it was not in canonical layout."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Formatting:
    """What was found. `diagnostics` are of files that could not be formatted."""

    files: tuple[FormattedFile, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def changed(self) -> list[FormattedFile]:
        """The files that were not in canonical layout."""
        return [file for file in self.files if file.changed]


def format_paths(paths: Sequence[Path], *, base: Path, recursive: bool = False) -> Formatting:
    """The files at `paths` in canonical layout; nothing is written. Without paths, `base`'s.

    `base` is the working directory. Raises `UsageError` for a path that is none of a
    stack's files, and `KeyplanError` where there is nothing to format.
    """
    diagnostics = Diagnostics()
    found: dict[Path, FormattedFile] = {}
    for path in _expanded(paths or [Path()], base, recursive=recursive):
        file = _formatted(path, base, diagnostics)
        if file is not None:
            found.setdefault(file.path, file)
    return Formatting(tuple(found.values()), tuple(diagnostics.in_order()))


def format_text(name: str, content: bytes) -> FormattedFile:
    """Bytes that are in no file, such as an editor's. Raises `ConfigurationError`."""
    diagnostics = Diagnostics()
    source = decode_source(name, Path(name), content, diagnostics)
    text = None if source is None else _laid_out(source, diagnostics)
    diagnostics.raise_if_errors()
    return FormattedFile(name, Path(name), content, (text or "").encode())


def write_formatted(file: FormattedFile) -> None:
    """Replace a file, unless somebody else changed it in the meantime."""
    try:
        current = file.path.read_bytes()
    except OSError as error:
        raise KeyplanError(f"the file cannot be read: {error.strerror}", target=file.name) from None
    if current != file.before:
        raise KeyplanError(
            "the file was changed while it was being formatted",
            target=file.name,
            why="It was left as it is.",
            advice="Run keyplan fmt again.",
        )
    write_whole(file.path, file.after, keep_mode=True)


def _expanded(paths: Iterable[Path], base: Path, *, recursive: bool) -> Iterator[Path]:
    """Absolute paths of files, in the order given; those of a directory sorted."""
    for path in paths:
        absolute = Path(os.path.abspath(base / path))  # noqa: PTH100  (links are not followed yet)
        if absolute.is_dir():
            inside = list(_inside(absolute, recursive=recursive))
            if not inside:
                raise KeyplanError(
                    f"there is no file of a stack in {path}",
                    why="Those are keyplan.yaml, *.keyplan.yaml and *.vars.yaml.",
                    advice="Start a stack with keyplan init, or name the files.",
                )
            yield from inside
        elif _is_ours(absolute.name):
            yield absolute
        else:
            raise UsageError(
                f"{path} is no file of a stack",
                advice="Name keyplan.yaml, *.keyplan.yaml or *.vars.yaml files, or a directory.",
            )


def _inside(folder: Path, *, recursive: bool) -> Iterator[Path]:
    """The files of a directory; with `recursive` of those below it, hidden ones left out."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        yield from (Path(here, name) for name in sorted(names) if _is_ours(name))


def _is_ours(name: str) -> bool:
    return is_stack_file(name) or (name.endswith(_VARIABLES) and not name.startswith("."))


def _formatted(path: Path, base: Path, diagnostics: Diagnostics) -> FormattedFile | None:
    """One file; `None` after a report."""
    here = base.resolve()
    root = here if path.is_relative_to(here) else path.parent
    name = path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)
    try:
        content = read_bytes_below(root, path, MAX_FILE_BYTES)
    except FileAccessError as error:
        diagnostics.error(
            "KP-LANG-002", f"{name} {error.summary}", position=Position(name, 1, 1),
            advice=error.advice,
        )  # fmt: skip
        return None
    source = decode_source(name, path, content, diagnostics)
    text = None if source is None else _laid_out(source, diagnostics)
    return None if text is None else FormattedFile(name, path.resolve(), content, text.encode())


def _laid_out(source: SourceFile, diagnostics: Diagnostics) -> str | None:
    values = source.name.endswith(_VARIABLES)
    try:
        return format_file(
            source,
            diagnostics,
            apart=not values,
            quotes_matter=(lambda _: True) if values else quotes_matter,
        )
    except LayoutDefectError:
        raise KeyplanError(
            "the file cannot be formatted without changing what it means",
            target=source.name,
            why="This is a bug in keyplan; the file was left as it is.",
            advice="Please report it with the file.",
        ) from None
