"""What somebody else wrote cannot move the terminal, show a secret, or pass for a bug."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import STACK, Run

STORE = "{store: .keyplan/hsm.db}"


def rewrite(stack: Path, before: str, after: str) -> None:
    assert before in STACK
    (stack / "keyplan.yaml").write_text(STACK.replace(before, after))


@pytest.mark.parametrize("env", [{}, {"KEYPLAN_LOG": "warning"}])
def test_warnings_of_an_adapter_keep_to_the_page(
    keyplan: Run, stack: Path, env: dict[str, str]
) -> None:
    rewrite(stack, STORE, r'{store: "a\x1b[2J\u202eb.db"}')
    result = keyplan("apply", "--auto-approve", env=env)
    assert result.code == 0
    assert "No PIN is set" in result.err
    assert result.err.replace("\n", "").isprintable()
    assert env or result.err.startswith("warning: ")
    assert env or max(map(len, result.err.splitlines())) <= 80
    again = keyplan("apply", "--auto-approve", env=env)
    assert again.err.count("No PIN") == 0


def test_an_output_cannot_move_the_cursor_unless_it_is_asked_for_raw(
    keyplan: Run, stack: Path
) -> None:
    (stack / "keyplan.yaml").write_text(
        STACK.replace("default: payments", r'default: "\x1b[2J"').replace(
            "value: key.payments.id", "value: var.team"
        )
    )
    assert keyplan("apply", "--auto-approve").code == 0
    assert keyplan("output", "payments_id").out == "\\x1b[2J\n"
    assert keyplan("output", "payments_id", "--raw").out == "\x1b[2J"


def test_a_pin_written_where_its_place_belongs_is_not_repeated(keyplan: Run, stack: Path) -> None:
    rewrite(stack, STORE, "{store: a.db, pin: hunter2}")
    for argv in (("plan",), ("validate", "--json"), ("--debug", "plan")):
        result = keyplan(*argv)
        assert result.code == 1
        assert "hunter2" not in result.out + result.err
    assert "Write a map with env, file." in keyplan("plan").err


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_plan_needs_the_name_of_a_file(keyplan: Run, name: str) -> None:
    result = keyplan("plan", f"--out={name}")
    assert result.code == 64
    assert "is not the name of a file" in result.err


def test_arguments_in_another_encoding_are_wrong_usage(keyplan: Run) -> None:
    result = keyplan("plan", "--var", "team=\udcff")
    assert result.code == 64
    assert "UTF-8" in result.err
    assert result.err.isascii()


def test_an_answer_that_never_comes_is_explained(keyplan: Run) -> None:
    result = keyplan("apply", answer="")
    assert result.code == 1
    assert "--auto-approve" in result.err


def test_a_store_that_cannot_be_made_is_refused_and_leaves_no_open_run(
    keyplan: Run, stack: Path
) -> None:
    rewrite(stack, STORE, "{store: keyplan.yaml/hsm.db}")
    result = keyplan("apply", "--auto-approve")
    assert result.code == 1
    assert "cannot be made" in result.out
    assert "resume" not in result.out
    assert keyplan("plan").code == 0


def test_a_variable_in_another_encoding_is_named_and_not_shown(keyplan: Run) -> None:
    result = keyplan("plan", env={"KEYPLAN_VAR_team": "cards\udcff"})
    assert result.code == 1
    assert "KEYPLAN_VAR_team is not UTF-8 text" in result.err
    assert "cards" not in result.err


def test_a_plan_file_without_end_is_not_read_to_the_end(
    keyplan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyplan.app.files.LARGEST", 1000)
    result = keyplan("show", "/dev/zero")
    assert result.code == 1
    assert "too large" in result.err
