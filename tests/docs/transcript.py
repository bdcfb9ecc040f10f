"""Running the commands that a page shows, and comparing what they print.

Rules of a `console` block: a line that begins with `$ ` is a command (a backslash at its
end continues it); what follows up to the next one is what it prints, both streams as a
terminal shows them. `# exit code 1` behind a command announces its exit code. A line that
is only `...` stands for any lines, `...` at the end of a line for the rest of it. Where no
output is shown, only the exit code is compared. What differs from run to run (ids, dates,
serials, checksums) is put into one form first. `keyplan mock aws` is started on a free port,
runs until the page ends, and is what later commands reach under its default address.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from keyplan_aws.mock import PORT
from tests.docs.pages import Block, blocks
from tests.support.aws_mock import aws_mock

ELSEWHERE = re.compile(r"^(git clone|make|\. \.venv/bin/activate)\b")
"""Commands that set up the checkout that these tests run in already."""

_MOCK = "keyplan mock aws"
_MOCK_URL = f"http://127.0.0.1:{PORT}"

_EXIT = re.compile(r"\s+# exit code (\d+)$")

_VARYING = (
    (re.compile(r"\bhk-[0-9a-f]{16}\b"), "hk-ID"),
    (re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{8}\b"), "RUN"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"), "TIME"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}( \d{2}:\d{2} UTC)?"), "DATE"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "LINEAGE"),
    (re.compile(r"\b[0-9a-f]{64}\b|\bhead [0-9a-f]{16}\b"), "DIGEST"),
    (re.compile(r"\b[0-9A-F]{8}\b"), "SERIAL"),
    (re.compile(r"\b([Cc]hecksum) [0-9a-f]{4} [0-9a-f]{4}\b"), r"\1 SUM"),
    (re.compile(r"\b\d+\.\d s\b"), "N s"),
    (re.compile(r"\bkeyplan \d+\.\d+\.\d+\S*"), "keyplan VERSION"),
    (re.compile(r"\bPython \d+\.\d+\.\d+\S*"), "Python VERSION"),
    (re.compile(r"\S+/\.keyplan/"), ".keyplan/"),
    (re.compile(r"^[A-Za-z0-9+/]{40,}=*$", re.MULTILINE), "BASE64"),
    (re.compile(r"(?<=\S) {2,}"), "  "),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page, with what it announces."""

    block: Block
    text: str
    code: int
    shown: str


def commands(block: Block) -> Iterator[Command]:
    """The commands of a `console` block."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"{block}: a console block begins with a command"
    for part in parts[1:]:
        lines = part.splitlines()
        count = 1
        while lines[count - 1].endswith("\\"):
            count += 1
        text = "\n".join(lines[:count])
        announced = _EXIT.search(text)
        code = int(announced[1]) if announced else 0
        yield Command(block, _EXIT.sub("", text), code, "\n".join(lines[count:]))


class Shell:
    """Runs the commands of one page as one session: folder and exported variables stay."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._where, self._exported = folder / ".where", folder / ".exported"
        self._exported.touch()
        self.here = folder
        self.mock_url = _MOCK_URL

    def write(self, block: Block) -> None:
        """The file that a `yaml` block shows."""
        assert block.file is not None
        (self.here / block.file).write_text(block.text, encoding="utf-8")

    def run(self, command: Command) -> None:
        """Run it; fails where exit code or output differ from what is shown."""
        after = f"code=$?\npwd > '{self._where}'\nexport -p > '{self._exported}'\nexit $code"
        text = command.text.replace(_MOCK_URL, self.mock_url)
        script = f". '{self._exported}'\n{text}\n{after}\n"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            cwd=self.here,
            env={
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(self._folder),
                "LANG": "C.UTF-8",
                "NO_COLOR": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        self.here = Path(self._where.read_text().strip())
        said = f"{command.block}: $ {command.text}\n{done.stdout}"
        assert done.returncode == command.code, f"exit code {done.returncode} of {said}"
        assert "Traceback" not in done.stdout, said
        if command.shown.strip() and not matches(command.shown, done.stdout):
            raise AssertionError(
                f"{command.block}: $ {command.text}\n{_diff(command, done.stdout)}"
            )


def perform(page: Path, folder: Path) -> int:
    """Follow a page from its beginning to its end; the number of commands that were run."""
    shell, count = Shell(folder), 0
    with ExitStack() as running:
        for block in blocks(page):
            if block.file is not None and not block.fragment:
                shell.write(block)
            for command in commands(block) if block.language == "console" else ():
                if ELSEWHERE.match(command.text) is not None:
                    continue
                count += 1
                if command.text == _MOCK:
                    shell.mock_url = running.enter_context(aws_mock())["AWS_ENDPOINT_URL"]
                else:
                    shell.run(command)
    return count


def normal(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    return text.strip("\n")


def matches(shown: str, printed: str) -> bool:
    """Whether a command printed what the page shows."""
    pattern = "".join(_pattern(line) for line in normal(shown).splitlines())
    return re.fullmatch(pattern, normal(printed) + "\n") is not None


def _pattern(line: str) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)*?"
    if line.endswith("..."):
        return re.escape(line.removesuffix("...").rstrip()) + r".*\n"
    return re.escape(line) + r"\n"


def _diff(command: Command, printed: str) -> str:
    shown, real = normal(command.shown).splitlines(), normal(printed).splitlines()
    return "\n".join(difflib.unified_diff(shown, real, "the page", "the command", lineterm=""))
