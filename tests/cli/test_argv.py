"""Terraform's spellings mean what they mean there."""

from __future__ import annotations

import pytest

from keyplan.cli.argv import assignments, normalise
from keyplan.errors import UsageError

COMMANDS = ("plan", "apply", "version")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["plan", "-out=kplan"], ["plan", "--out=kplan"]),
        (["plan", "-out", "kplan"], ["plan", "--out", "kplan"]),
        (["-chdir=x", "plan", "-json"], ["--chdir=x", "plan", "--json"]),
        (["-chdir", "x", "plan"], ["--chdir", "x", "plan"]),
        (["plan", "-var", "a=-b"], ["plan", "--var", "a=-b"]),
        (["plan", "-detailed-exitcode"], ["plan", "--detailed-exitcode"]),
        (["plan", "-refresh=false", "-input=false"], ["plan", "--no-refresh", "--no-input"]),
        (["apply", "-auto-approve", "kplan"], ["apply", "--auto-approve", "kplan"]),
        (["apply", "--", "-out"], ["apply", "--", "-out"]),
        (["--version"], ["version"]),
        (["hsm", "keys", "-abc"], ["hsm", "keys", "-abc"]),
        ([], []),
    ],
)
def test_spellings(given: list[str], wanted: list[str]) -> None:
    assert normalise(given, {}, COMMANDS) == wanted


def test_arguments_from_the_environment_stand_right_after_the_command() -> None:
    found = normalise(["plan", "--json"], {"KEYPLAN_CLI_ARGS": "-no-color --var 'a=b c'"}, COMMANDS)
    assert found == ["plan", "--no-color", "--var", "a=b c", "--json"]


def test_arguments_from_the_environment_stand_behind_the_command_of_a_group() -> None:
    environment = {"KEYPLAN_CLI_ARGS": "--no-color"}
    found = normalise(["state", "list", "key.*"], environment, ("state",))
    assert found == ["state", "list", "--no-color", "key.*"]


def test_arguments_that_cannot_be_split_are_wrong_usage() -> None:
    with pytest.raises(UsageError):
        normalise(["plan"], {"KEYPLAN_CLI_ARGS": "'"}, COMMANDS)


def test_variables_and_files_keep_the_order_given() -> None:
    arguments = ["plan", "--var", "a=1", "--var-file=x.yaml", "--var=b=2", "--", "--var", "c=3"]
    assert assignments(arguments) == (("var", "a=1"), ("file", "x.yaml"), ("var", "b=2"))
