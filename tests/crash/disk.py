"""A disk that forgets what was not flushed: what may be left of a folder after a power loss.

Every write of this process below a folder is recorded while it really happens, and the
process may be stopped at any of them. `left` then makes a folder as a file system may
leave it: what was flushed is there; of the rest of each file any first part, even half a write;
of the names that were made, moved and removed in each directory any first part.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from keyplan.testing.faults import SimulatedCrash


@dataclass(frozen=True, slots=True)
class Op:
    """One change. `place` is the file (a number) or the directory whose flush makes it last."""

    kind: str
    place: int | str
    path: str = ""
    source: str = ""
    inode: int = 0
    content: bytes = b""
    size: int = 0


class Disk:
    """Records what happens below `root`; stops everything at change number `dies_at`."""

    def __init__(self, root: Path, dies_at: int | None = None) -> None:
        self.root = str(root)
        self.ops: list[Op] = []
        self._dies_at = dies_at
        self._inodes: dict[str, int] = {}
        self._held: dict[int, int | str] = {}  # descriptors: a file's number, or a directory
        self._made = 0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Stand between this process and the operating system."""
        notes: dict[str, Callable[..., None]] = {
            "open": self._opened,
            "write": self._written,
            "fsync": self._flushed,
            "ftruncate": self._cut,
            "mkdir": self._directory,
            "unlink": self._removed,
            "rename": self._moved,
            "replace": self._moved,
        }
        for name, note in notes.items():
            patch.setattr(os, name, self._wrapped(getattr(os, name), note))

    def _wrapped(self, real: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            ours = self._is_ours(given[0])
            if ours and self._dies_at is not None and len(self.ops) >= self._dies_at:
                raise SimulatedCrash
            found = real(*given, **named)
            if ours:
                note(found, *given)
            elif isinstance(found, int):
                self._held.pop(found, None)  # the number of a descriptor that was closed
            return found

        return wrapped

    def _is_ours(self, what: Any) -> bool:
        if isinstance(what, int):
            return what in self._held
        path = os.fspath(what)
        return isinstance(path, str) and path.startswith(self.root) and not path.endswith(".lock")

    # -- what happened -------------------------------------------------------------------

    def _opened(self, descriptor: int, path: Any, flags: int, *_: Any) -> None:
        name = os.fspath(path)
        if flags & os.O_DIRECTORY:
            self._held[descriptor] = name
            return
        if name not in self._inodes:
            self._made += 1
            self._inodes[name] = self._made
            self.ops.append(Op("link", str(Path(name).parent), name, inode=self._made))
        self._held[descriptor] = self._inodes[name]

    def _written(self, count: int, descriptor: int, content: bytes) -> None:
        self.ops.append(Op("data", self._held[descriptor], content=bytes(content[:count])))

    def _flushed(self, _: None, descriptor: int) -> None:
        self.ops.append(Op("flush", self._held[descriptor]))

    def _cut(self, _: None, descriptor: int, size: int) -> None:
        self.ops.append(Op("cut", self._held[descriptor], size=size))

    def _directory(self, _: None, path: Any, *__: Any) -> None:
        name = os.fspath(path)
        self.ops.append(Op("mkdir", str(Path(name).parent), name))

    def _removed(self, _: None, path: Any) -> None:
        name = os.fspath(path)
        self._inodes.pop(name, None)
        self.ops.append(Op("unlink", str(Path(name).parent), name))

    def _moved(self, _: None, source: Any, target: Any) -> None:
        old, new = os.fspath(source), os.fspath(target)
        self._inodes[new] = self._inodes.pop(old)
        self.ops.append(Op("move", str(Path(new).parent), new, source=old))

    # -- what is left --------------------------------------------------------------------

    def left(self, folder: Path, random: Random) -> None:
        """Make `folder` as a power loss at this moment may leave what is below `root`."""
        names: dict[str, int] = {}
        directories = {self.root}
        contents: dict[int | str, bytes] = defaultdict(bytes)
        for op in self._lasting(random):
            match op.kind:
                case "data":
                    contents[op.place] += op.content
                case "cut":
                    contents[op.place] = contents[op.place][: op.size]
                case "mkdir" if op.place in directories:
                    directories.add(op.path)
                case "link" if op.place in directories:
                    names[op.path] = op.inode
                case "move" if op.source in names:
                    names[op.path] = names.pop(op.source)
                case "unlink":
                    names.pop(op.path, None)
        for directory in sorted(directories):
            (folder / Path(directory).relative_to(self.root)).mkdir(mode=0o700, exist_ok=True)
        for name, inode in names.items():
            file = folder / Path(name).relative_to(self.root)
            file.write_bytes(contents[inode])
            file.chmod(0o600)

    def _lasting(self, random: Random) -> list[Op]:
        """The changes that last: all that were flushed, and any first part of the others."""
        waiting: dict[int | str, list[int]] = defaultdict(list)
        for number, op in enumerate(self.ops):
            if op.kind == "flush":
                waiting.pop(op.place, None)
            else:
                waiting[op.place].append(number)
        lost: set[int] = set()
        torn: dict[int, Op] = {}
        for numbers in waiting.values():
            kept = random.randint(0, len(numbers))
            lost.update(numbers[kept:])
            first = self.ops[numbers[kept]] if kept < len(numbers) else None
            if first is not None and first.kind == "data" and random.random() < 0.7:
                part = first.content[: random.randint(1, len(first.content))]
                torn[numbers[kept]] = Op("data", first.place, content=part)
        return [
            torn.get(number, op)
            for number, op in enumerate(self.ops)
            if op.kind != "flush" and (number in torn or number not in lost)
        ]
