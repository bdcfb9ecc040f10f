"""One command says what happened to a state, and the commands that it prints mend it."""

from __future__ import annotations

import json
import re
import resource
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from keyplan.errors import StoreError
from keyplan_state.local import LocalStore
from tests.cli.conftest import STACK, Result, Run
from tests.support.s3_server import S3Place

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


# -- another stack's state -----------------------------------------------------------------


@pytest.fixture
def other(stack: Path, keyplan: Run) -> bytes:
    """The state of another stack, of serial 1."""
    folder = stack.parent / "other"
    folder.mkdir()
    (folder / "keyplan.yaml").write_text(STACK)
    assert keyplan("--chdir", str(folder), "apply", "--auto-approve").code == 0
    return (folder / STATE).read_bytes()


def test_the_state_of_another_stack_is_named_and_ours_comes_back(
    stack: Path, keyplan: Run, other: bytes
) -> None:
    apply(keyplan, "payments", "ledger")
    before = resources(keyplan)
    (stack / STATE).write_bytes(other)
    refused = keyplan("plan", "--var", "team=ledger")
    assert refused.code == 1
    assert "the state is another stack's" in words(refused)
    verified = keyplan("state", "verify")
    assert verified.code == 1
    assert "pull --serial 1" not in words(verified)
    assert "serial 2 can be made again" in words(verified)
    assert (
        json.loads(keyplan("state", "pull", "--serial", "1").out)["lineage"]
        != json.loads(other)["lineage"]
    )
    follow(keyplan, words(refused), stack)
    assert resources(keyplan) == before
    assert keyplan("state", "verify").code == 0
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out


@pytest.mark.parametrize("swapped", [False, True])
def test_the_state_of_another_stack_is_pushed_with_force_only(
    stack: Path, keyplan: Run, other: bytes, *, swapped: bool
) -> None:
    apply(keyplan, "payments", "ledger")
    ours = (stack / STATE).read_bytes()
    (stack / "other.json").write_bytes(other)
    if swapped:
        (stack / STATE).write_bytes(other)
    refused = keyplan("state", "push", "other.json")
    assert refused.code == 1
    assert "this is the state of another stack" in words(refused)
    assert json.loads(ours)["lineage"] in words(refused)
    forced = keyplan("state", "push", "--force", "other.json")
    assert forced.code == 0, forced.err
    assert keyplan("state", "verify").code == 0
    back = json.loads(keyplan("state", "pull", "--serial", "2").out)
    assert back["resources"] == json.loads(ours)["resources"]


def test_a_first_run_that_broke_off_beside_the_state_of_another_stack(
    stack: Path, keyplan: Run, other: bytes
) -> None:
    apply(keyplan, "payments")
    break_off(stack)
    (stack / STATE).write_bytes(other)
    for argv in (("resume",), ("state", "verify")):
        refused = keyplan(*argv)
        assert refused.code == 1
        assert "pull --serial 0" in words(refused)
    follow(keyplan, words(refused), stack)
    assert keyplan("resume").code == 0
    assert keyplan("state", "verify").code == 0
    assert "No changes." in keyplan("plan").out


def break_off(stack: Path) -> Path:
    """Make the only run look as if it had died before its end."""
    (journal,) = stack.glob(".keyplan/journal/archive/*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.unlink()
    (stack / STATE).unlink(missing_ok=True)
    opened = stack / ".keyplan" / "journal" / journal.name
    opened.write_bytes(b"".join(line for line in lines if b'"run_ended"' not in line))
    return opened


def test_the_journal_of_another_stack_is_put_away(stack: Path, keyplan: Run) -> None:
    folder = stack.parent / "other"
    folder.mkdir()
    (folder / "keyplan.yaml").write_text(STACK)
    assert keyplan("--chdir", str(folder), "apply", "--auto-approve").code == 0
    journal = break_off(folder)
    apply(keyplan, "payments")
    (stack / ".keyplan" / "journal" / journal.name).write_bytes(journal.read_bytes())
    refused = keyplan("resume")
    assert refused.code == 1
    assert "does not belong to this state" in words(refused)
    assert "pull --serial" not in words(refused)
    follow(keyplan, words(refused), stack)
    assert keyplan("state", "verify").code == 0
    assert "No changes." in keyplan("plan").out
    runs = keyplan("state", "history", "--json").document["runs"]
    outcomes = {run["id"]: (run["outcome"], run["serial_after"]) for run in runs}
    assert outcomes[journal.stem] == ("put_away", None)
    assert "put away without an end" in words(keyplan("state", "history"))


def test_an_open_run_of_a_later_serial_ends(stack: Path, keyplan: Run) -> None:
    """The state of serial 1 was put back; of the runs since then one journal is left, open."""
    apply(keyplan, "payments")
    first = (stack / STATE).read_bytes()
    archive = stack / ".keyplan" / "journal" / "archive"
    known = set(archive.iterdir())
    apply(keyplan, "interim")
    for item in set(archive.iterdir()) - known:
        item.unlink()
    apply(keyplan, "ledger")
    (last,) = set(archive.iterdir()) - known
    lines = last.read_bytes().splitlines(keepends=True)
    last.unlink()
    (archive.parent / last.name).write_bytes(
        b"".join(line for line in lines if b'"run_ended"' not in line)
    )
    (stack / STATE).write_bytes(first)
    (stack / f"{STATE}.backup").unlink()
    for item in stack.glob(".keyplan/history/*/*"):
        item.unlink()
    refused = keyplan("resume")
    assert refused.code == 1
    assert "state of serial 2" in words(refused)
    follow(keyplan, words(refused), stack)
    assert keyplan("resume").code == 1  # what it did is decided, and the keys are compared again
    assert keyplan("state", "verify").code == 0
    assert keyplan("apply", "--auto-approve", "--var", "team=ledger").code == 0


def test_the_later_state_itself_ends_such_a_run(stack: Path, keyplan: Run) -> None:
    """As before, and its state is still kept."""
    apply(keyplan, "payments", "ledger")
    runs = sorted(stack.glob(".keyplan/journal/archive/*.jsonl"))
    first, last = (json.loads(run.read_bytes().splitlines()[0])["entry"]["serial"] for run in runs)
    journal = runs[last > first]
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.unlink()
    runs[last < first].unlink()
    (stack / ".keyplan" / "journal" / journal.name).write_bytes(b"".join(lines[:-1]))
    (stack / STATE).write_text(keyplan("state", "pull", "--serial", "0").out)
    refused = keyplan("state", "verify")
    assert refused.code == 1
    follow(keyplan, words(refused), stack)
    assert keyplan("resume").code == 0
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out


# -- a sealed state ------------------------------------------------------------------------

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
    forced = perform("state", "push", "--force", "old.json")
    assert "State serial 4" in forced.out
    assert perform("plan").code == 0
    assert perform("state", "verify").code == 0


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


# -- a newer format ------------------------------------------------------------------------


def test_the_state_of_a_newer_keyplan_is_left_alone(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments", "ledger")
    (stack / "kept.json").write_text(keyplan("state", "pull").out)
    newer = re.sub(r'"format": \d+', '"format": 99', (stack / STATE).read_text())
    newer = re.sub(r'"keyplan_version": "[^"]*"', '"keyplan_version": "9.0.0"', newer)
    (stack / STATE).write_text(newer)
    verified = keyplan("state", "verify")
    assert verified.code == 1
    assert "keyplan 9.0.0" in words(verified)
    assert "state push" not in words(verified)
    refused = keyplan("state", "push", "kept.json")
    assert refused.code == 1
    assert "9.0.0" in words(refused)
    assert (stack / STATE).read_text() == newer
    assert keyplan("state", "push", "--force", "kept.json").code == 0
    assert keyplan("state", "verify").code == 0


# -- journals ------------------------------------------------------------------------------


def edit(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"seq":2,', b'"seq": 2,', 1))


def test_an_edited_journal_of_a_run_that_ended_is_named(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments", "ledger")
    journal = min(stack.glob(".keyplan/journal/archive/*.jsonl"))
    edit(journal)
    verified = keyplan("state", "verify")
    assert verified.code == 1
    assert "The state is sound without it" in words(verified)
    assert "Do not apply" not in words(verified)
    apply(keyplan, "third")
    journal.unlink()
    assert keyplan("state", "verify").code == 0


def test_an_edited_journal_of_an_open_run_has_a_way_out(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments")
    state, known = (stack / STATE).read_bytes(), set(stack.glob(".keyplan/journal/archive/*"))
    apply(keyplan, "ledger")
    (journal,) = set(stack.glob(".keyplan/journal/archive/*")) - known
    opened = stack / ".keyplan" / "journal" / journal.name
    journal.rename(opened)
    edit(opened)
    (stack / STATE).write_bytes(state)
    assert keyplan("resume").code == 1
    refused = keyplan("state", "push", STATE)
    assert "did not end" in words(refused)
    follow(keyplan, words(keyplan("state", "verify")), stack)
    assert keyplan("apply", "--auto-approve", "--var", "team=ledger").code == 0
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out


def test_the_backup_alone_brings_a_state_back(stack: Path, keyplan: Run) -> None:
    """The folder of journals and history is gone, and the state is damaged."""
    apply(keyplan, "payments", "ledger")
    shutil.rmtree(stack / ".keyplan" / "journal")
    shutil.rmtree(stack / ".keyplan" / "history")
    (stack / STATE).write_text("{")
    verified = keyplan("state", "verify")
    assert "serial 1 can be made again" in words(verified)
    follow(keyplan, words(verified), stack)
    apply(keyplan, "ledger")
    assert keyplan("state", "verify").code == 0


# -- where nothing can be written ----------------------------------------------------------


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk that is full: no file of this process grows beyond that size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_named(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments")
    with files_of_at_most(1024):
        refused = keyplan("apply", "--auto-approve", "--var", "team=ledger")
    assert refused.code == 1
    assert "the disk is full" in words(refused)
    assert "ulimit -f" in words(refused)
    assert "Another process" not in words(refused)
    keyplan("resume")
    apply(keyplan, "ledger")
    assert keyplan("state", "verify").code == 0


def test_metrics_make_no_folder(stack: Path, keyplan: Run) -> None:
    apply(keyplan, "payments")
    refused = keyplan("drift", "--metrics", "nowhere/m.prom")
    assert refused.code == 1
    assert "There is no folder nowhere: make it first" in words(refused)
    assert not (stack / "nowhere").exists()


def test_a_state_kept_in_a_file_comes_back_as_printed(
    stack: Path, keyplan: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(keyplan, "payments")

    def full(*_: object, **__: object) -> str:
        raise StoreError("cannot write the state: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "commit", full)
        refused = keyplan("apply", "--auto-approve", "--var", "team=ledger")
    assert refused.code == 1
    (run,) = stack.glob(".keyplan/journal/*.jsonl")
    run.unlink()
    pushed = re.search(r"keyplan (state push errored\S+json)", words(refused))
    assert pushed
    done = keyplan(*pushed[1].split())
    assert done.code == 0, done.err
    assert keyplan("state", "verify").code == 0
    assert "No changes." in keyplan("plan", "--var", "team=ledger").out
