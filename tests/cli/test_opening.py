"""What stands in the way of opening a stack, and what must not."""

from __future__ import annotations

from pathlib import Path

from keyplan.cli.terminal import Terminal, terminal_of
from tests.cli.conftest import STACK, Run


def test_a_mistake_made_since_in_a_key_does_not_stop_a_saved_plan(
    keyplan: Run, stack: Path
) -> None:
    keyplan("plan", "--out", "kplan")
    (stack / "keyplan.yaml").write_text(STACK.replace("tier: root", "tier: rot"))
    assert keyplan("plan").code == 1
    assert keyplan("apply", "kplan").code == 0
    assert keyplan("output", "payments_id").code == 0


def test_a_mistake_in_where_the_state_is_stops_everything(keyplan: Run, stack: Path) -> None:
    keyplan("plan", "--out", "kplan")
    (stack / "keyplan.yaml").write_text("keyplan: {state: {nowhere: {}}}\n" + STACK)
    for argv in (("plan",), ("apply", "kplan"), ("show",), ("resume",)):
        result = keyplan(*argv)
        assert result.code == 1
        assert "nowhere" in result.err
        assert "keyplan.yaml:1" in result.err


def test_settings_that_a_store_refuses_point_at_the_block(keyplan: Run, stack: Path) -> None:
    (stack / "keyplan.yaml").write_text("keyplan: {state: {local: {paht: x}}}\n" + STACK)
    result = keyplan("show")
    assert result.code == 1
    assert "state.local.paht" in result.err
    assert "keyplan.yaml:1" in result.err


def test_a_provider_that_went_away_is_asked_back(keyplan: Run, stack: Path) -> None:
    keyplan("apply", "--auto-approve")
    rest = STACK[STACK.index("variable:") : STACK.index("key:\n  root")].replace("hsm:", "aws:")
    (stack / "keyplan.yaml").write_text(rest)
    result = keyplan("plan")
    assert result.code == 1
    assert "the provider hsm is not declared" in result.err
    assert "provider: {hsm: ...}" in result.err


def test_an_empty_folder_is_explained(keyplan: Run, stack: Path) -> None:
    (stack / "keyplan.yaml").unlink()
    result = keyplan("plan")
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert stack.name in "".join(result.err.split())  # a dot says nobody where they are


def test_commands_of_adapters_find_a_terminal_even_without_ours() -> None:
    assert isinstance(terminal_of(None), Terminal)


def test_adapters_commands_are_listed_and_run(keyplan: Run) -> None:
    keyplan("apply", "--auto-approve")
    assert keyplan("hsm", "status").code == 0
    assert keyplan("hsm", "no-such-tool").code == 64


def test_a_state_outside_the_stack_is_refused_in_plain_words(keyplan: Run, stack: Path) -> None:
    (stack / "keyplan.yaml").write_text("keyplan: {state: {local: {path: ../x}}}\n" + STACK)
    result = keyplan("plan")
    assert result.code == 1
    assert "below the stack" in result.err
    assert "value error" not in result.err
