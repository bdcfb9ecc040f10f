"""A sealed state that is damaged, old or gone comes back by the commands that are printed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Result, Run
from tests.cli.recovering import LOCAL, SEALED, STATE, apply, follow, resources, words, write
from tests.support.s3_server import S3Place

Damage = Callable[[bytes], bytes | None]

DAMAGES: dict[str, Damage] = {
    "edited": lambda content: content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
    "cut off": lambda content: content[: len(content) // 2],
    "without its first line": lambda content: content.partition(b"\n")[2],
    "emptied": lambda _: b"",
    "deleted": lambda _: None,
}


@pytest.fixture
def perform(keyplan: Run, tmp_path: Path, postgres_url: str) -> Run:
    environment = {
        "STATE_PASSPHRASE": "correct horse battery staple",
        "XDG_STATE_HOME": str(tmp_path / "xdg"),
        "STATE_URL": postgres_url,
    }

    def perform(*argv: str, **more: str) -> Result:
        return keyplan(*argv, env=environment | more)

    return perform


class _Local:
    def __init__(self, stack: Path) -> None:
        self.path = stack / STATE
        write(stack, f"{LOCAL}\n    {SEALED}")

    def read(self) -> bytes:
        return self.path.read_bytes()

    def replace(self, content: bytes | None) -> None:
        self.path.unlink() if content is None else self.path.write_bytes(content)


class _S3:
    def __init__(self, stack: Path, place: S3Place) -> None:
        self.client = place.server.clients[1]
        settings = place.settings
        self.where = {"Bucket": settings.bucket, "Key": f"{settings.key}/state"}
        block = place.block.removeprefix("keyplan:\n  state:\n    ").rstrip()
        write(stack, f"{block}\n    {SEALED}")

    def read(self) -> bytes:
        content: bytes = self.client.get_object(**self.where)["Body"].read()
        return content

    def replace(self, content: bytes | None) -> None:
        if content is None:
            self.client.delete_object(**self.where)
        else:
            self.client.put_object(**self.where, Body=content)


class _Postgres:
    def __init__(self, stack: Path, url: str) -> None:
        self.url = url
        write(stack, f"postgres: {{url: {{env: STATE_URL}}, stack: payments}}\n    {SEALED}")

    def read(self) -> bytes:
        with psycopg.connect(self.url) as link:
            rows = link.execute("SELECT content FROM keyplan.states ORDER BY number DESC LIMIT 1")
            return bytes(rows.fetchall()[0][0])

    def replace(self, content: bytes | None) -> None:
        newest = "WHERE number = (SELECT max(number) FROM keyplan.states)"
        with psycopg.connect(self.url) as link:
            if content is None:
                link.execute("DELETE FROM keyplan.states")
            else:
                link.execute(f"UPDATE keyplan.states SET content = %s {newest}", [content])


_Place = _Local | _S3 | _Postgres


@pytest.fixture(params=["local", "s3", "postgres"])
def place(request: pytest.FixtureRequest, stack: Path, postgres_url: str) -> _Place:
    if request.param == "s3":
        return _S3(stack, request.getfixturevalue("s3_place"))
    return _Local(stack) if request.param == "local" else _Postgres(stack, postgres_url)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_sealed_state_comes_back(
    stack: Path, perform: Run, place: _Place, damage: str
) -> None:
    apply(perform, "payments", "ledger")
    before = resources(perform)
    place.replace(DAMAGES[damage](place.read()))
    refused = perform("plan")
    assert refused.code == 1
    assert "keyplan state verify" in words(refused)
    verified = perform("state", "verify")
    assert verified.code == 1
    follow(perform, words(verified), stack)
    assert resources(perform) == before
    assert perform("state", "verify").code == 0
    assert "No changes." in perform("plan", "--var", "team=ledger").out


def test_the_sealed_state_of_another_stack_is_replaced(stack: Path, perform: Run) -> None:
    place = _Local(stack)
    apply(perform, "payments", "ledger")
    before = resources(perform)
    folder = stack.parent / "other"
    folder.mkdir()
    _Local(folder)
    assert perform("--chdir", str(folder), "apply", "--auto-approve").code == 0
    place.replace((folder / STATE).read_bytes())
    verified = perform("state", "verify")
    assert verified.code == 1
    assert "another stack" in words(verified)
    follow(perform, words(verified), stack)
    assert resources(perform) == before
    assert perform("state", "verify").code == 0


def test_a_sealed_state_that_was_put_back_is_replaced_and_never_pushed(
    stack: Path, perform: Run, place: _Place
) -> None:
    apply(perform, "payments")
    old, plain = place.read(), perform("state", "pull").out
    apply(perform, "ledger")
    before = resources(perform)
    place.replace(old)
    refused = perform("plan")
    assert refused.code == 1
    assert "is not the newest one" in words(refused)
    (stack / "old.json").write_text(plain)
    older = perform("state", "push", "old.json")
    assert older.code == 1
    assert "older than the newest that is known: serial 1, not 2" in words(older)
    follow(perform, words(perform("state", "verify")), stack)
    assert resources(perform) == before
    assert perform("state", "verify").code == 0


def test_a_push_is_not_older_than_what_this_machine_has_seen(stack: Path, perform: Run) -> None:
    """Somebody put an old copy of the whole folder back: its journals know nothing newer."""
    place = _Local(stack)
    apply(perform, "payments")
    old = perform("state", "pull").out
    known = set(stack.glob(".keyplan/journal/archive/*"))
    content = place.read()
    apply(perform, "ledger", "third")
    for run in set(stack.glob(".keyplan/journal/archive/*")) - known:
        run.unlink()
    for kept in stack.glob(".keyplan/history/*/*"):
        kept.unlink()
    (stack / f"{STATE}.backup").unlink()
    place.replace(content)
    (stack / "old.json").write_text(old)
    refused = perform("state", "push", "old.json")
    assert refused.code == 1
    assert "serial 1, not 3" in words(refused)
    (stack / f"{STATE}.backup").write_text(old)
    verified = words(perform("state", "verify"))
    assert "this machine has seen serial 3" in verified
    follow(perform, verified, stack)
    assert json.loads(perform("state", "pull").out)["serial"] == 4
    assert perform("plan").code == 0
    assert perform("state", "verify").code == 0


def test_a_moved_stack_takes_no_older_state_either(stack: Path, perform: Run) -> None:
    """The folder was put back elsewhere: its lineage tells what this machine has seen."""
    place = _Local(stack)
    apply(perform, "payments")
    old, content = perform("state", "pull").out, place.read()
    apply(perform, "ledger", "third")
    shutil.rmtree(stack / ".keyplan" / "journal" / "archive")
    shutil.rmtree(stack / ".keyplan" / "history")
    (stack / f"{STATE}.backup").unlink()
    place.replace(content)
    (stack / "old.json").write_text(old)
    moved = stack.rename(stack.parent / "moved")
    refused = perform("--chdir", str(moved), "state", "push", str(moved / "old.json"))
    assert refused.code == 1
    assert "serial 1, not 3" in words(refused)


def test_what_was_sealed_before_is_a_note_afterwards(stack: Path, perform: Run) -> None:
    _Local(stack)
    apply(perform, "payments", "ledger")
    assert perform("state", "rekey", "--unsealed").code == 0
    write(stack, LOCAL)
    verified = perform("state", "verify")
    assert verified.code == 0, verified.out
    assert "note: 2 journals are sealed" in words(verified)
    assert "backup" not in words(verified)
    runs = perform("state", "history", "--json").document["runs"]
    assert [run["outcome"] for run in runs] == ["sealed", "sealed"]
    assert "unreadable" not in perform("state", "history").out
    back = perform("rollback", "--to", "1", "--auto-approve")
    assert back.code == 1
    assert "write `sealed` beside the store again" in words(back)
    _Local(stack)
    outcomes = [run["outcome"] for run in perform("state", "history", "--json").document["runs"]]
    assert outcomes == ["succeeded", "succeeded"]
    assert perform("rollback", "--to", "1", "--auto-approve").code == 0
    assert perform("state", "verify").code == 0


@pytest.mark.parametrize("sealed", [False, True])
def test_a_plain_state_sealed_keeps_its_journals(
    stack: Path, perform: Run, *, sealed: bool
) -> None:
    write(stack, f"{LOCAL}\n    {SEALED}" if sealed else LOCAL)
    apply(perform, "payments", "ledger")
    _Local(stack)
    argv = ("--passphrase-env", "NEW") if sealed else ("--sealed",)
    secret = "another long passphrase"
    assert perform("state", "rekey", *argv, NEW=secret).code == 0
    more = {"STATE_PASSPHRASE": secret} if sealed else {}
    verified = perform("state", "verify", **more)
    assert verified.code == 0, verified.out
    runs = perform("state", "history", "--json", **more).document["runs"]
    assert [run["outcome"] for run in runs] == ["succeeded", "succeeded"]
    assert perform("rollback", "--to", "1", "--auto-approve", **more).code == 0
