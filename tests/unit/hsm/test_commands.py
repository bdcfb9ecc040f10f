"""`keyplan hsm`: what people and scripts see of the emulator."""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from keyplan.errors import (
    DeniedError,
    NotFoundError,
    RejectedError,
    UnauthenticatedError,
    UsageError,
)
from keyplan.model.operations import CreateAlias, ScheduleDeletion
from keyplan_hsm.commands import app
from tests.unit.hsm.bench import APP, Bench, key, policy


class Console:
    """Runs commands in a folder."""

    def __init__(self) -> None:
        self._runner = CliRunner()

    def __call__(self, *arguments: str, stdin: bytes = b"", code: int = 0) -> Result:
        result = self._runner.invoke(app, list(arguments), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def decoded(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return base64.b64decode(self(*arguments, stdin=stdin).stdout, validate=False)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEYPLAN_HSM_PIN", raising=False)
    return Console()


@pytest.fixture
def keys(hsm: Bench, run: Console) -> Bench:
    """One key for each usage, its usage as alias."""
    for name, usage, algorithm in (
        ("data", "encrypt", "aes-256"),
        ("signer", "sign", "ed25519"),
        ("mac", "mac", "hmac-sha256"),
        ("wrapper", "wrap", "aes-256"),
        ("base", "derive", "hmac-sha256"),
    ):
        hsm.create(name, usage, algorithm)
        hsm.do(CreateAlias(key(name), name))
    hsm.later(minutes=1)
    return hsm


def test_a_store_is_made_and_described_without_hiding_that_it_is_software(run: Console) -> None:
    assert "not hardware" in run("init").stdout
    shown = run("status").stdout
    assert "not hardware" in shown
    assert "unlock file hsm.db.unlock" in shown
    status = json.loads(run("status", "--json").stdout)
    assert (status["emulator"], status["keys"], status["audit_records"]) == (True, {}, 1)
    assert status["serial"] in shown
    assert run("keys").stdout == "No keys.\n"
    with pytest.raises(RejectedError, match="already"):
        run("init")


def test_a_store_is_sealed_under_a_pin_from_a_file_or_variable(
    run: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pin").write_text("correct horse\n")
    assert "its PIN" in run("init", "--pin-file", "pin").stdout
    assert json.loads(run("status", "--json").stdout)["sealed_by"] == "pin"
    assert "NOT checked" in run("audit", "--verify").stdout
    monkeypatch.setenv("KEYPLAN_HSM_PIN", "correct horse")
    assert "seals checked" in run("audit", "--verify").stdout
    monkeypatch.setenv("OTHER", "wrong horse")
    with pytest.raises(UnauthenticatedError):
        run("audit", "--verify", "--pin-env", "OTHER")
    with pytest.raises(UsageError):
        run("audit", "--verify", "--pin-env", "OTHER", "--pin-file", "pin")


@pytest.mark.parametrize("command", ["status", "keys", "audit", "encrypt x", "audit --verify"])
def test_without_a_store_every_command_says_how_to_make_one(
    run: Console, tmp_path: Path, command: str
) -> None:
    with pytest.raises(NotFoundError, match="no HSM store") as raised:
        run(*command.split())
    assert "keyplan hsm init" in raised.value.advice
    assert list(tmp_path.iterdir()) == []


def test_keys_are_listed_for_people_and_programs(keys: Bench, run: Console) -> None:
    keys.become("data", "suspended")
    keys.do(ScheduleDeletion(key("data"), "36500d"))
    table = run("keys").stdout.splitlines()
    assert table[0].split() == ["ID", "USAGE", "ALGORITHM", "STATE", "VERSION", "ALIASES"]
    row = next(line for line in table if line.startswith(keys.bind[key("data")]))
    assert "suspended, destroyed on 2126-10-30" in row
    listed = {item["id"]: item for item in json.loads(run("keys", "--json").stdout)}
    assert listed[keys.bind[key("signer")]]["aliases"] == ["signer"]
    assert "1 pending deletion" in run("status").stdout


def test_octets_go_in_and_base64_comes_out(keys: Bench, run: Console, tmp_path: Path) -> None:
    context = ("--context", "tenant=acme", "--context", "app=pay")
    sealed = run("encrypt", "data", *context, stdin=b"message").stdout_bytes
    assert run.decoded("decrypt", "data", *context, stdin=sealed) == b"message"
    assert run("decrypt", "data", *context, "--raw", stdin=sealed).stdout_bytes == b"message"
    (tmp_path / "sealed").write_bytes(sealed)
    assert run.decoded("decrypt", "data", *context, "--in", "sealed") == b"message"
    with pytest.raises(RejectedError):
        run("decrypt", "data", stdin=sealed)


def test_wrapping_and_deriving(keys: Bench, run: Console) -> None:
    wrapped = run("wrap", "wrapper", stdin=b"own key").stdout_bytes
    assert run.decoded("unwrap", "wrapper", stdin=wrapped) == b"own key"
    first, second = (
        run("derive", "base", "--under", "wrapper", "--label", "x", "--length", "16").stdout_bytes
        for _ in range(2)
    )
    derived = run.decoded("unwrap", "wrapper", stdin=first)
    assert len(derived) == 16
    assert run.decoded("unwrap", "wrapper", stdin=second) == derived


@pytest.mark.parametrize(
    ("make", "check", "option", "name"),
    [("sign", "verify", "--signature", "signer"), ("mac", "verify-mac", "--mac", "mac")],
)
def test_a_check_is_an_exit_code(
    keys: Bench, run: Console, tmp_path: Path, make: str, check: str, option: str, name: str
) -> None:
    (tmp_path / "made").write_bytes(run(make, name, stdin=b"message").stdout_bytes)
    assert run(check, name, option, "made", stdin=b"message").stdout == "valid\n"
    assert run(check, name, option, "made", stdin=b"other", code=1).stdout == "NOT valid\n"


def test_a_public_key_is_printed_in_pem(keys: Bench, run: Console) -> None:
    assert run("public-key", "signer").stdout.startswith("-----BEGIN PUBLIC KEY-----")
    with pytest.raises(RejectedError, match="no certificate"):
        run("public-key", "signer", "--certificate")


def test_who_calls_is_named_and_policies_hold(hsm: Bench, run: Console) -> None:
    data = hsm.create("data", policy=policy({"operations": ["encrypt"]}))
    assert run("encrypt", data, "--as", APP, stdin=b"x").stdout
    with pytest.raises(DeniedError):
        run("encrypt", data, stdin=b"x")
    shown = run("audit", "--last", "2").stdout.splitlines()
    assert [line.split()[2] for line in shown] == ["ok", "denied"]
    assert [line.split()[-1] for line in shown] == [APP, "hsm:security-officer"]


def test_a_tampered_chain_is_an_exit_code_and_names_the_record(keys: Bench, run: Console) -> None:
    assert "unbroken; seals checked" in run("audit", "--verify").stdout
    keys.close()
    with sqlite3.connect(keys.store) as connection:
        connection.execute("UPDATE audit SET record = '{}' WHERE sequence = 3")
    connection.close()
    assert "BROKEN at record 3" in run("audit", "--verify", code=1).stdout
    result = json.loads(run("audit", "--verify", "--json", code=1).stdout)
    assert (result["intact"], result["broken_at"]) == (False, 3)


def test_audit_records_are_json_lines(keys: Bench, run: Console) -> None:
    lines = run("audit", "--json", "--last", "3").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines][-1] == "create_alias"
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("encrypt", "data", "--context", "tenant"), b"x"),
        (("encrypt", "data", "--in", "missing"), b""),
        (("decrypt", "data"), b"not base64!"),
    ],
)
def test_wrong_input_is_wrong_usage(
    keys: Bench, run: Console, arguments: tuple[str, ...], stdin: bytes
) -> None:
    with pytest.raises(UsageError):
        run(*arguments, stdin=stdin)


def test_what_others_chose_cannot_write_to_the_terminal(hsm: Bench, run: Console) -> None:
    data = hsm.create("data")
    hsm.do(CreateAlias(key("data"), "a\x1b[2Jb"))
    hsm.later(minutes=1)
    with pytest.raises(DeniedError):
        run("encrypt", data, "--as", "x\n  9  ok\x9b31m\u202e")
    for shown in (run("keys"), run("audit"), run("keys", "--json"), run("audit", "--json")):
        text = shown.stdout.replace("\n", "")
        assert text.isascii()
        assert text.isprintable()
    assert len(run("audit").stdout.splitlines()) == 4
