"""Starting a stack from a template: files on this machine and nothing else.

Rules: nothing that is there is ever overwritten, and either all files of a template are
written or none. A template is a folder beside this module; its files are copied as they
are, with the schema of the language beside them, for editors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

from keyplan.app.schema import language_schema
from keyplan.config.source import is_stack_file
from keyplan.errors import KeyplanError, UsageError
from keyplan.session.registry import Registry

TEMPLATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "quickstart": "root, master and service key in one file",
        "hierarchy": "environments and tenants with for_each",
        "aws": "root, master and service key in AWS KMS",
    }
)
"""Each template, and what it is."""

DEFAULT_TEMPLATE = "quickstart"
SCHEMA_FILE = "keyplan.schema.json"
_IGNORED = ".gitignore"


@dataclass(frozen=True, slots=True)
class Started:
    """What was made. `files` are names in the order in which to read them."""

    folder: Path
    template: str
    files: tuple[str, ...]


def has_stack(folder: Path) -> bool:
    """Whether a directory holds a stack already."""
    try:
        return any(is_stack_file(path.name) for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False


def start(folder: Path, template: str, registry: Registry) -> Started:
    """Write a template into a directory, which is made if it is not there.

    Raises `UsageError` for a template that does not exist, `KeyplanError` if a file is
    in the way or cannot be written.
    """
    if template not in TEMPLATES:
        raise UsageError(
            f"there is no template {template}",
            advice=f"There are {', '.join(sorted(TEMPLATES))}.",
        )
    contents = _contents(template)
    contents[SCHEMA_FILE] = schema_content(registry)
    if not (folder / _IGNORED).exists():
        contents[_IGNORED] = (files(__package__) / "templates" / "gitignore").read_bytes()
    if has_stack(folder):
        raise KeyplanError(
            "there is a stack already, and nothing was written",
            target=str(folder.absolute()),
            why="A template never changes what is there.",
            advice="Check the stack with keyplan init, or name another directory.",
        )
    _write(folder, contents)
    return Started(folder, template, tuple(contents))


def _contents(template: str) -> dict[str, bytes]:
    """The files of a template, `keyplan.yaml` first."""
    folder = files(__package__) / "templates" / template
    found = sorted(folder.iterdir(), key=lambda item: (item.name != "keyplan.yaml", item.name))
    return {item.name: item.read_bytes() for item in found if is_stack_file(item.name)}


def schema_content(registry: Registry) -> bytes:
    """What the file of the schema holds."""
    document = language_schema(registry).document
    return (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode()


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """All files, each only where none is; what was written goes again if one fails."""
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            path = folder / name
            with path.open("xb") as file:
                written.append(path)
                file.write(content)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        raise KeyplanError(
            "a file is in the way" if in_the_way else f"cannot be written: {error.strerror}",
            target=str(error.filename or folder),
            why="Nothing was written.",
            advice="Move it away, or name another directory: keyplan init DIR"
            if in_the_way
            else "Check the directory and its permissions.",
        ) from None
