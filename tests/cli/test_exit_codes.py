"""Exit codes, exactly: 0 success, 1 error, 2 changes, 64 wrong usage, 130 interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_plan_with_changes_is_a_success(keyplan: Run) -> None:
    assert keyplan("plan").code == 0


def test_detailed_exit_codes(keyplan: Run) -> None:
    assert keyplan("plan", "--detailed-exitcode").code == 2
    assert keyplan("apply", "--auto-approve").code == 0
    assert keyplan("plan", "--detailed-exitcode").code == 0


def test_a_blocked_plan_is_an_error_with_and_without_details(keyplan: Run, stack: Path) -> None:
    keyplan("apply", "--auto-approve")
    text = (stack / "keyplan.yaml").read_text()
    start = text.index("  root:")
    (stack / "keyplan.yaml").write_text(
        text.replace(text[start : text.index("\n", start) + 1], "").replace(
            "    parent: key.root\n", "    tier: service\n"
        )
    )
    for flags in ((), ("--detailed-exitcode",)):
        result = keyplan("plan", *flags)
        assert result.code == 1
        assert "Blocked:" in result.out


def test_a_mistake_in_the_configuration_is_an_error(keyplan: Run, stack: Path) -> None:
    (stack / "keyplan.yaml").write_text("key:\n  a: {provider: hsm, usage: encript}\n")
    result = keyplan("plan")
    assert result.code == 1
    assert result.out == ""
    assert "error: " in result.err


def test_an_option_that_belongs_before_the_command_is_told_so(keyplan: Run) -> None:
    result = keyplan("plan", "--chdir", "elsewhere")
    assert result.code == 64
    assert "keyplan --chdir ..." in result.err


@pytest.mark.parametrize(
    "argv",
    [
        ("plan", "--no-such-flag"),
        ("plan", "surplus"),
        ("no-such-command",),
        ("plan", "--target", "key.root", "--exclude", "key.payments"),
        ("plan", "--destroy", "--refresh-only"),
        ("plan", "--refresh-only", "--no-refresh"),
        ("plan", "--parallelism", "0"),
        ("plan", "--parallelism", "many"),
        ("plan", "--format", "markdown"),
        ("plan", "--format", "pdf"),
        ("plan", "--json", "--format", "json"),
        ("apply", "--json"),
        ("apply", "--no-input"),
        ("apply", "--allow", "everything"),
        ("apply", "--on-failure", "panic"),
        ("apply", "--lock-timeout", "soon"),
        ("apply", "kplan", "--target", "key.root"),
        ("apply", "kplan", "--var", "team=x"),
        ("destroy", "--json"),
        ("output", "--raw"),
        ("show", "--output-file", "x"),
        (),
    ],
)
def test_wrong_usage_is_64_with_nothing_on_stdout(keyplan: Run, argv: tuple[str, ...]) -> None:
    result = keyplan(*argv)
    assert result.code == 64
    assert result.out == "" or argv == ("apply", "--no-input")
    assert result.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("output", "pyments"), "the state has no output pyments"),
        (("state", "show", "key.none"), "the state does not hold key.none"),
        (("state", "rm", "key.none", "--auto-approve"), "the state does not hold key.none"),
        (("state", "mv", "key.none", "key.other"), "the state does not hold key.none"),
        (("state", "mv", "key.payments", "key.root"), "the state holds key.root already"),
        (("state", "pull", "--serial", "9"), "serial 9"),
        (("rollback", "--to", "9"), "9"),
        (("rollback", "--run", "20270101T000000Z-00000000"), "there is no run"),
        (("rollback",), "there is no open run"),
        (("import", "key.none", "x"), "key.none is not declared"),
        (("import", "key.root", "x"), "already"),
        (("plan", "--target", "key.none"), "--target key.none names no key"),
        (("discover", "--provider", "hsn"), "there is no provider hsn"),
        (("providers", "hsn"), "Did you mean 'hsm'?"),
        (("show", "no-such-plan"), "no-such-plan"),
        (("--chdir", "no-such-folder", "plan"), "no-such-folder"),
    ],
)
def test_what_had_to_be_looked_up_and_is_not_there_is_1(
    stack: Path, keyplan: Run, argv: tuple[str, ...], said: str
) -> None:
    """Wrong usage is wrong whatever the stack says; a name may be right tomorrow."""
    assert keyplan("apply", "--auto-approve").code == 0
    result = keyplan(*argv)
    assert (result.code, result.out) == (1, "")
    assert said in " ".join(result.err.split())


def test_help_is_a_success(keyplan: Run) -> None:
    assert keyplan("plan", "--help").code == 0


def test_a_wrong_word_is_met_with_a_suggestion(keyplan: Run) -> None:
    assert "Did you mean plan?" in keyplan("plam").err


def test_formats_that_come_later_say_so(keyplan: Run) -> None:
    assert "the format markdown is not there yet" in keyplan("plan", "--format", "markdown").err
