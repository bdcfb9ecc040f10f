"""The value of a sensitive variable is nowhere: not in output, files, errors or the console."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Result, Run

CANARY = "canary-5f3c9a"

STACK = """\
provider:
  hsm: {store: .keyplan/hsm.db}
variable:
  token: {type: string, sensitive: true}
  other: {type: {map: string}, sensitive: true, default: {a: canary-5f3c9a}}
locals:
  url: "https://x/${var.token}"
key:
  root: {provider: hsm, tier: root, usage: wrap, algorithm: aes-256}
  more:
    declare: length(local.url) > 3
    provider: hsm
    parent: key.root
    usage: encrypt
    algorithm: aes-256
module:
  m: {source: ./m, inputs: {secret: "${local.url}"}}
output:
  direct: {value: var.token}
  through: {value: module.m.secret}
  whole: {value: var.other}
"""

MODULE = "variable: {secret: {type: string}}\noutput: {secret: {value: '${var.secret}'}}\n"

COMMANDS = (
    ("validate", "--json"),
    ("plan",),
    ("plan", "--json"),
    ("plan", "--out", "kplan"),
    ("show", "kplan"),
    ("show", "--json", "kplan"),
    ("graph",),
    ("apply", "--auto-approve"),
    ("output",),
    ("output", "--json"),
    ("show",),
    ("show", "--json"),
    ("console", "-c", "var.token"),
    ("console", "-c", "local.url"),
)


@pytest.fixture
def secretive(stack: Path) -> Path:
    (stack / "keyplan.yaml").write_text(STACK)
    (stack / "m").mkdir()
    (stack / "m" / "keyplan.yaml").write_text(MODULE)
    return stack


def clean(result: Result) -> bool:
    return CANARY not in result.out and CANARY not in result.err


def test_no_command_and_no_file_shows_it(keyplan: Run, secretive: Path) -> None:
    for command in COMMANDS:
        result = keyplan(*command, env={"KEYPLAN_VAR_token": CANARY})
        assert clean(result), command
    assert keyplan("output", "direct").out.strip() == "(sensitive value)"
    assert keyplan("output", "through").out.strip() == "(sensitive value)"
    for path in secretive.rglob("*"):
        if path.is_file() and path.name != "keyplan.yaml":
            assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    "change",
    [
        ("type: string,", "type: number,"),
        ("type: string,", "type: key,"),
        (
            "sensitive: true}",
            "sensitive: true, validation: [{condition: false, error_message: no}]}",
        ),
        ("tier: root", 'tier: root, labels: {a: "${var.token}"}'),
        ("tier: root", 'tier: "${var.token}"'),
        ("tier: root", 'tier: root, description: "${local.url}"'),
        ("tier: root", "tier: root, for_each: var.other"),
        ("tier: root", 'tier: root, scope: {tenant: "${jsondecode(var.token)}"}'),
    ],
)
def test_no_error_shows_it(keyplan: Run, secretive: Path, change: tuple[str, str]) -> None:
    text = (secretive / "keyplan.yaml").read_text()
    (secretive / "keyplan.yaml").write_text(text.replace(*change, 1))
    for form in ((), ("--json",)):
        result = keyplan("validate", *form, env={"KEYPLAN_VAR_token": CANARY})
        assert result.code == 1
        assert clean(result)


@pytest.mark.parametrize("line", [f"tokn: {CANARY}", f"token: [{CANARY}", f"token: !x {CANARY}"])
def test_a_slip_in_a_file_of_values_does_not_show_its_line(
    keyplan: Run, secretive: Path, line: str
) -> None:
    (secretive / "keyplan.vars.yaml").write_text(line + "\n")
    result = keyplan("validate", env={"KEYPLAN_VAR_token": "x"})
    assert result.code == 1
    assert clean(result)


def test_an_input_that_is_made_of_it_cannot_become_a_label(keyplan: Run, secretive: Path) -> None:
    key = "{provider: hsm, tier: root, usage: wrap, algorithm: aes-256"
    label = ', labels: {a: "${var.secret}"}}'
    (secretive / "m" / "keyplan.yaml").write_text(MODULE + f"key: {{a: {key}{label}}}\n")
    result = keyplan("validate", env={"KEYPLAN_VAR_token": CANARY})
    assert "KP-DECL-036" in result.err + result.out
    assert clean(result)


def test_a_script_never_takes_the_placeholder_for_the_value(keyplan: Run, secretive: Path) -> None:
    assert secretive.is_dir()
    keyplan("apply", "--auto-approve", "--var", f"token={CANARY}")
    done = keyplan("output", "--raw", "direct")
    assert (done.code, done.out) == (1, "")
    assert "keeps no sensitive value" in done.err
