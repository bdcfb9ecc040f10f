"""A stack whose state is sealed, in files and in PostgreSQL, from plan to another passphrase."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from keyplan.app.rekey import rekey, unseal
from keyplan.app.workspace import Workspace
from keyplan.errors import StateError
from keyplan.session.sealed_settings import SealedSettings
from tests.cli.conftest import STACK, Result, Run

PASSPHRASE = "correct horse battery staple"
SEALED = "sealed: {passphrase: {env: STATE_PASSPHRASE}}"


@pytest.fixture
def write(stack: Path) -> Callable[[str], None]:
    def write(state: str) -> None:
        block = f"keyplan:\n  state:\n    {state}\n\n"
        (stack / "keyplan.yaml").write_text(block + STACK)

    return write


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"STATE_PASSPHRASE": PASSPHRASE, "XDG_STATE_HOME": str(tmp_path / "xdg")}


@pytest.fixture
def perform(keyplan: Run, environment: dict[str, str]) -> Run:
    def perform(*argv: str, **more: str) -> Result:
        return keyplan(*argv, env=environment | more)

    return perform


def kept(stack: Path) -> bytes:
    """Every byte that the local store keeps of this stack."""
    files = [*stack.glob("keyplan.state*"), *stack.glob(".keyplan/journal/**/*.jsonl")]
    files += stack.glob(".keyplan/history/**/*.json")
    return b"".join(file.read_bytes() for file in files if file.is_file())


def test_a_stack_from_plan_to_another_passphrase(
    stack: Path, write, perform: Run, environment: dict[str, str]
) -> None:
    write(f"local: {{path: keyplan.state.json}}\n    {SEALED}")
    assert perform("apply", "--auto-approve").code == 0
    assert perform("apply", "--auto-approve", "--var", "team=canary-of-labels").code == 0
    assert "No changes." in perform("plan", "--var", "team=canary-of-labels").out
    assert "key.payments" in perform("show").out
    assert b"canary-of-labels" not in kept(stack)
    assert b"key.payments" not in kept(stack)

    wrong = perform("plan", STATE_PASSPHRASE="another one that is wrong")
    assert wrong.code == 1
    assert "the passphrase does not open the sealed state" in wrong.err
    assert "another one that" not in wrong.err

    new = SealedSettings.model_validate({"passphrase": {"env": "NEW_PASSPHRASE"}})
    secrets = environment | {"NEW_PASSPHRASE": "an entirely different passphrase"}
    rekey(Workspace(stack, environment=secrets), new)
    assert perform("plan").code == 1
    assert perform("plan", STATE_PASSPHRASE=secrets["NEW_PASSPHRASE"]).code == 0


def test_a_plain_stack_is_sealed_and_goes_back(
    stack: Path, write, perform: Run, environment: dict[str, str]
) -> None:
    write("local: {path: keyplan.state.json}")
    assert perform("apply", "--auto-approve").code == 0
    write(f"local: {{path: keyplan.state.json}}\n    {SEALED}")
    for argv in (("plan",), ("apply", "--auto-approve", "--var", "team=other")):
        refused = perform(*argv)
        assert refused.code == 1
        assert "keyplan state rekey --sealed" in " ".join(refused.err.split())
    assert b"key.payments" in (stack / "keyplan.state.json").read_bytes()
    sealed = perform("state", "rekey", "--sealed")
    assert (sealed.code, sealed.out[:20]) == (0, "The state is sealed."), sealed.err
    assert b"key.payments" not in (stack / "keyplan.state.json").read_bytes()
    assert "No changes." in perform("plan").out
    assert perform("apply", "--auto-approve", "--var", "team=other").code == 0
    assert b"key.payments" not in (stack / "keyplan.state.json").read_bytes()

    write("local: {path: keyplan.state.json}")
    refused = perform("plan", "--var", "team=other")
    assert refused.code == 1
    assert "the state is sealed" in refused.err
    with pytest.raises(StateError, match="not sealed"):
        unseal(Workspace(stack, environment=environment))

    write(f"local: {{path: keyplan.state.json}}\n    {SEALED}")
    unseal(Workspace(stack, environment=environment))
    write("local: {path: keyplan.state.json}")
    assert "No changes." in perform("plan", "--var", "team=other").out
    assert perform("apply", "--auto-approve", "--var", "team=third").code == 0


def test_a_state_that_was_put_back(stack: Path, write, perform: Run) -> None:
    write(f"local: {{path: keyplan.state.json}}\n    {SEALED}")
    assert perform("apply", "--auto-approve").code == 0
    old = (stack / "keyplan.state.json").read_bytes()
    assert perform("apply", "--auto-approve", "--var", "team=other").code == 0
    (stack / "keyplan.state.json").write_bytes(old)
    refused = perform("plan")
    assert refused.code == 1
    assert "is not the newest one" in refused.err
    assert "KEYPLAN_ACCEPT_SERIAL=1" in refused.err
    elsewhere = perform("plan", XDG_STATE_HOME=str(stack / "elsewhere"))
    assert elsewhere.code == 1
    assert "older than its journals" in elsewhere.err


def test_a_stack_in_postgres_sealed(
    stack: Path, write, perform: Run, postgres_url: str, environment: dict[str, str]
) -> None:
    write(f"postgres: {{url: {{env: STATE_URL}}, stack: payments}}\n    {SEALED}")
    environment["STATE_URL"] = postgres_url
    assert perform("plan").code == 0
    assert perform("apply", "--auto-approve").code == 0
    assert "No changes." in perform("plan").out
    assert (
        "sealed postgres keyplan, stack payments"
        in Workspace(stack, environment=environment).store.describe()
    )
    assert list(stack.glob("keyplan.state*")) == []
    missing = perform("plan", STATE_URL="")
    assert missing.code == 1
    assert "STATE_URL" in missing.err


def test_the_command_seals_with_another_passphrase_and_unseals(
    stack: Path, write, perform: Run, environment: dict[str, str]
) -> None:
    write(f"local: {{path: keyplan.state.json}}\n    {SEALED}")
    assert perform("apply", "--auto-approve").code == 0
    assert perform("state", "rekey").code == 64
    done = perform("state", "rekey", "--passphrase-env", "NEW", NEW="another long passphrase")
    assert done.code == 0, done.err
    assert perform("plan").code == 1
    environment["STATE_PASSPHRASE"] = "another long passphrase"
    assert "No changes." in perform("plan").out
    assert perform("state", "rekey", "--unsealed").code == 0
    write("local: {path: keyplan.state.json}")
    assert "No changes." in perform("plan").out


def test_a_plain_state_has_no_secret_to_change(stack: Path, keyplan: Run) -> None:
    assert keyplan("apply", "--auto-approve").code == 0
    refused = keyplan("state", "rekey", "--unsealed")
    assert refused.code == 1
    assert "is not sealed" in refused.err
