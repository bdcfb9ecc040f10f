"""Bringing states back: what the tests of recovery share."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.cli.conftest import STACK, Result, Run

STATE = "keyplan.state.json"
SEALED = "sealed: {passphrase: {env: STATE_PASSPHRASE}}"
LOCAL = "local: {path: keyplan.state.json}"


def write(stack: Path, state: str) -> None:
    (stack / "keyplan.yaml").write_text(f"keyplan:\n  state:\n    {state}\n\n{STACK}")


def words(result: Result) -> str:
    return " ".join((result.out + result.err).split())


def follow(keyplan: Run, text: str, folder: Path, *, index: int = 0) -> None:
    """Type the two commands that a message names, exactly as they stand there."""
    found = re.findall(
        r"(keyplan state pull[^>]*)> (\S+), then (keyplan state push (?:--force )?\S+json)", text
    )
    assert len(found) > index, text
    pull, file, push = found[index]
    pulled = keyplan(*shlex.split(pull)[1:])
    assert pulled.code == 0, pulled.err
    (folder / file).write_text(pulled.out)
    pushed = keyplan(*shlex.split(push)[1:])
    assert pushed.code == 0, pushed.err


def apply(keyplan: Run, *teams: str) -> None:
    for team in teams:
        assert keyplan("apply", "--auto-approve", "--var", f"team={team}").code == 0


def resources(keyplan: Run) -> object:
    return json.loads(keyplan("state", "pull").out)["resources"]
