"""The pages of the documentation, taken apart: fenced blocks, links, headings.

A page shows `console` blocks (commands and what they print), `yaml` blocks (whole stacks)
and `yaml fragment` blocks (parts of one). A block whose first line is `# name.yaml` or
`# name.py` is a file of the folder that the page works in. Anything else is for the reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (README, *sorted(DOCS.rglob("*.md")))

_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FILE = re.compile(r"# (\S+\.(?:yaml|py))\n")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is that of its fence, `info` what stands behind it."""

    page: Path
    line: int
    info: str
    text: str

    @property
    def language(self) -> str:
        """`console`, `yaml`, ..."""
        return self.info.partition(" ")[0]

    @property
    def fragment(self) -> bool:
        """Whether it is a part of a stack only."""
        return "fragment" in self.info.split()[1:]

    @property
    def file(self) -> str | None:
        """The name of the file that it shows, if it says so."""
        found = _FILE.match(self.text)
        return found[1] if found else None

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """The page as people call it: `docs/cli.md`."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["info"].strip(), found["text"])


def prose(page: Path) -> str:
    """The page without fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    """The target of every link."""
    yield from _LINK.findall(_CODE.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page can end in, as GitHub spells it."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        while (slug := f"{text}-{number}" if number else text) in found:
            number += 1
        found.add(slug)
    return found
