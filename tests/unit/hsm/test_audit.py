"""The audit chain: a record for each call, and the first one that was tampered with is named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from keyplan.errors import DeniedError, NotFoundError, RejectedError
from keyplan.model.operations import PutLabels, RotateKey
from keyplan_hsm.audit import Verification, genesis, link, records, verify
from tests.unit.hsm.bench import ADMIN, APP, Bench, key, policy


def entries(hsm: Bench) -> list[tuple[str, str, str, str]]:
    with hsm.device.reading() as rows:
        assert rows is not None
        return [(r.actor, r.event, r.key, r.outcome) for r in records(rows.connection)]


def check(hsm: Bench, *, unlocked: bool = True) -> Verification:
    audit_key = hsm.device.unlock().audit_key if unlocked else None
    facts = hsm.device.facts()
    assert facts is not None
    with hsm.device.reading() as rows:
        assert rows is not None
        return verify(rows.connection, facts.serial, audit_key)


@pytest.fixture
def tampered(hsm: Bench) -> Iterator[sqlite3.Connection]:
    """A chain of six records, and somebody with a database tool."""
    data = hsm.create("data", policy=policy({"operations": ["encrypt"]}))
    for _ in range(3):
        hsm.plane(APP).encrypt(data, b"x")
    with pytest.raises(DeniedError):
        hsm.plane(ADMIN).encrypt(data, b"x")
    with closing(sqlite3.connect(hsm.store, isolation_level=None)) as connection:
        yield connection


def test_each_call_leaves_a_record_whatever_becomes_of_it(hsm: Bench) -> None:
    data = hsm.create("data", policy=policy({"operations": ["encrypt"]}))
    hsm.plane(APP).encrypt(data, b"x", {"tenant": "acme"})
    with pytest.raises(DeniedError):
        hsm.plane(ADMIN).encrypt(data, b"x")
    with pytest.raises(RejectedError):
        hsm.plane(APP).sign(data, b"x")
    with pytest.raises(NotFoundError):
        hsm.plane(APP).encrypt("nobody", b"x")
    with pytest.raises(DeniedError):
        hsm.open(identity=APP).execute(RotateKey(key("data"), 2), hsm.bind)
    officer = "hsm:security-officer"
    assert entries(hsm) == [
        (officer, "initialise", "", "ok"),
        (officer, "create_key", data, "ok"),
        (APP, "encrypt", data, "ok"),
        (ADMIN, "encrypt", data, "denied"),
        (APP, "sign", data, "rejected"),
        (APP, "encrypt", "nobody", "not_found"),
        (APP, "rotate_key", data, "denied"),
    ]


def test_a_record_says_what_was_asked_and_never_the_data(hsm: Bench) -> None:
    mac = hsm.create("mac", "mac", "hmac-sha256")
    tag = hsm.plane().mac(mac, b"message-canary", {"tenant": "acme"})
    assert hsm.plane().verify_mac(mac, b"message-canary", tag)
    hsm.do(PutLabels(key("mac"), {"team": "label-canary"}, ["old"], {}))
    with hsm.device.reading() as rows:
        assert rows is not None
        made, checked, labelled = list(records(rows.connection))[-3:]
    assert made.detail == {"context": {"tenant": "acme"}}
    assert checked.detail == {"valid": True}
    assert labelled.detail == {"target": "key.mac", "put": ["team"], "remove": ["old"]}
    text = json.dumps([made.detail, checked.detail, labelled.detail])
    assert "canary" not in text
    assert tag.hex() not in text


def test_an_untouched_chain_is_unbroken(hsm: Bench, tampered: sqlite3.Connection) -> None:
    for unlocked in (True, False):
        result = check(hsm, unlocked=unlocked)
        assert (result.records, result.broken_at, result.sealed) == (6, None, unlocked)


@pytest.mark.parametrize("unlocked", [True, False])
def test_an_altered_record_is_named(
    hsm: Bench, tampered: sqlite3.Connection, unlocked: bool
) -> None:
    tampered.execute("UPDATE audit SET record = replace(record, 'app', 'bob') WHERE sequence = 4")
    result = check(hsm, unlocked=unlocked)
    assert (result.broken_at, result.records) == (4, 6)


@pytest.mark.parametrize("unlocked", [True, False])
@pytest.mark.parametrize("column", ["digest", "seal"])
def test_an_altered_digest_or_seal_is_named(
    hsm: Bench, tampered: sqlite3.Connection, column: str, unlocked: bool
) -> None:
    tampered.execute(f"UPDATE audit SET {column} = zeroblob(32) WHERE sequence = 4")
    expected = None if column == "seal" and not unlocked else 4
    assert check(hsm, unlocked=unlocked).broken_at == expected


@pytest.mark.parametrize("unlocked", [True, False])
def test_a_removed_record_is_named(
    hsm: Bench, tampered: sqlite3.Connection, unlocked: bool
) -> None:
    tampered.execute("DELETE FROM audit WHERE sequence = 3")
    result = check(hsm, unlocked=unlocked)
    assert result.broken_at == 3
    assert "missing" in result.problem


@pytest.mark.parametrize("unlocked", [True, False])
def test_a_chain_that_was_cut_off_is_found_out(
    hsm: Bench, tampered: sqlite3.Connection, unlocked: bool
) -> None:
    tampered.execute("DELETE FROM audit WHERE sequence > 4")
    result = check(hsm, unlocked=unlocked)
    assert result.broken_at == 5
    assert "cut off" in result.problem


def test_a_cut_off_chain_with_a_forged_end_is_found_out_once_unlocked(
    hsm: Bench, tampered: sqlite3.Connection
) -> None:
    tampered.execute("DELETE FROM audit WHERE sequence > 4")
    tampered.execute(
        "UPDATE head SET (sequence, digest, seal) = "
        "(SELECT sequence, digest, seal FROM audit WHERE sequence = 4)"
    )
    assert check(hsm, unlocked=False).broken_at is None
    result = check(hsm)
    assert result.broken_at == 5
    assert "end is wrong" in result.problem


def test_a_removed_end_is_found_out(hsm: Bench, tampered: sqlite3.Connection) -> None:
    tampered.execute("DELETE FROM head")
    assert check(hsm).broken_at == 1


def test_a_chain_that_was_recomputed_from_a_record_on_names_that_record(
    hsm: Bench, tampered: sqlite3.Connection
) -> None:
    facts = hsm.device.facts()
    assert facts is not None
    rewrite(tampered, facts.serial, first=4)
    assert check(hsm, unlocked=False).broken_at is None
    result = check(hsm)
    assert result.broken_at == 4
    assert "seal" in result.problem


def rewrite(connection: sqlite3.Connection, serial: str, first: int) -> None:
    """What somebody without the key can do: every digest right again, no seal."""
    digest = genesis(serial)
    rows = connection.execute("SELECT sequence, record FROM audit ORDER BY sequence").fetchall()
    for sequence, record in rows:
        text = record.replace("denied", "ok") if sequence >= first else record
        if sequence == first:
            text = text.replace("encrypt", "decrypt")
        digest = link(digest, sequence, text)
        connection.execute(
            "UPDATE audit SET record = ?, digest = ? WHERE sequence = ?", (text, digest, sequence)
        )
    connection.execute("UPDATE head SET digest = ?", (digest,))


def test_an_invented_record_is_named(hsm: Bench, tampered: sqlite3.Connection) -> None:
    tampered.execute(
        "INSERT INTO audit SELECT 7, record, digest, seal FROM audit WHERE sequence = 4"
    )
    assert check(hsm).broken_at == 7


def test_another_stores_chain_does_not_pass(hsm: Bench, tampered: sqlite3.Connection) -> None:
    tampered.execute("UPDATE meta SET value = '00000000' WHERE name = 'serial'")
    with hsm.device.reading() as rows:
        assert rows is not None
        assert verify(rows.connection, "00000000", None).broken_at == 1


def test_refused_work_leaves_its_record_and_nothing_else(hsm: Bench) -> None:
    hsm.create("data")
    before = hsm.read("data")
    with pytest.raises(RejectedError):
        hsm.create("child", "sign", "ed25519", parent="data", relation="derives")
    assert hsm.provider.scan().observations == [before]
    assert entries(hsm)[-1][1:] == ("create_key", "", "rejected")
    assert check(hsm).broken_at is None


def test_calls_after_a_chain_was_cut_off_do_not_make_it_whole_again(
    hsm: Bench, tampered: sqlite3.Connection
) -> None:
    tampered.execute("DELETE FROM audit WHERE sequence > 4")
    tampered.execute(
        "UPDATE head SET (sequence, digest) = "
        "(SELECT sequence, digest FROM audit WHERE sequence = 4)"
    )
    with pytest.raises(RejectedError, match="audit chain"):
        hsm.plane(APP).encrypt(hsm.bind[key("data")], b"x")
    assert check(hsm).broken_at == 5


def test_a_chain_that_was_wiped_is_found_out_and_not_begun_anew(
    hsm: Bench, tampered: sqlite3.Connection
) -> None:
    tampered.execute("DELETE FROM audit")
    tampered.execute("DELETE FROM head")
    assert check(hsm).broken_at == 1
    assert check(hsm, unlocked=False).broken_at == 1
    with pytest.raises(RejectedError, match="audit chain"):
        hsm.plane(APP).encrypt(hsm.bind[key("data")], b"x")
    assert check(hsm).broken_at == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET seal = 'text' WHERE sequence = 3",
        "UPDATE audit SET digest = 'text' WHERE sequence = 3",
        "UPDATE audit SET record = x'ff' WHERE sequence = 3",
        "UPDATE head SET sequence = 'text'",
        "UPDATE head SET digest = 7",
        "UPDATE head SET seal = 'text'",
    ],
)
def test_a_column_of_another_type_is_tampering_and_no_crash(
    hsm: Bench, tampered: sqlite3.Connection, statement: str
) -> None:
    tampered.execute(statement)
    assert check(hsm).broken_at is not None


@pytest.mark.parametrize("text", ["no json", "{}", "[]", '{"at": 1, "detail": {}}'])
def test_a_record_that_cannot_be_read_is_said_so(
    hsm: Bench, tampered: sqlite3.Connection, text: str
) -> None:
    tampered.execute("UPDATE audit SET record = ? WHERE sequence = 3", (text,))
    with pytest.raises(RejectedError, match="audit record 3"):
        entries(hsm)
