"""The page on the command line and `--help` say the same."""

from __future__ import annotations

import re
from io import StringIO

import pytest

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from tests.docs.pages import DOCS

CLI = (DOCS / "cli.md").read_text(encoding="utf-8")
HSM = (DOCS / "hsm.md").read_text(encoding="utf-8")

_LISTED = re.compile(r"^  ([a-z][a-z-]*)  +(\S.*)$", re.MULTILINE)
_ROW = re.compile(r"^\| `([a-z][a-z-]*)` \| (.*) \|$", re.MULTILINE)
_FLAG = re.compile(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*")


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `keyplan WORDS --help` prints, to whichever stream."""
    out, err = StringIO(), StringIO()
    assert run([*words, "--help"], Terminal(out, err, {})) == 0
    return capsys.readouterr().out + out.getvalue()


def section(text: str, title: str) -> str:
    """A section of a page, up to the next heading of its level or above."""
    level = len(title.partition(" ")[0])
    after = text.split(f"\n{title}\n", 1)[1]
    return re.split(rf"^#{{1,{level}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_table_of_commands_is_that_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_of(capsys).partition("\nCommands:")[2]
    commands = dict(_LISTED.findall(shown))
    assert dict(_ROW.findall(section(CLI, "## Commands"))) == commands


@pytest.mark.parametrize("command", re.findall(r"^### keyplan ([a-z]+)$", CLI, re.MULTILINE))
def test_the_flags_of_a_command_are_those_of_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = set(_FLAG.findall(help_of(capsys, command).partition("Options:")[2])) - {"--help"}
    table = "\n".join(
        line.partition(" | ")[0]
        for line in section(CLI, f"### keyplan {command}").splitlines()
        if line.startswith("|")
    )
    assert set(_FLAG.findall(table)) == shown


def test_every_command_has_a_section(capsys: pytest.CaptureFixture[str]) -> None:
    built_in = help_of(capsys).partition("\nCommands:")[2].partition("Commands of installed")[0]
    for command, _ in _LISTED.findall(built_in):
        assert f"\n### keyplan {command}\n" in CLI


def test_the_table_of_hsm_commands_is_that_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    listed = _LISTED.findall(help_of(capsys, "hsm").partition("\nCommands:")[2])
    named = re.findall(r"^\| `([a-z][a-z-]*)", section(HSM, "## Commands"), re.MULTILINE)
    assert sorted(named) == sorted(name for name, _ in listed)


def test_what_is_not_there_yet_is_not_there() -> None:
    later = CLI.partition("Not there yet:")[2].partition("\n\n")[0]
    for name in re.findall(r"`([a-z]+)`", later):
        assert run([name], Terminal(StringIO(), StringIO(), {})) == 64
