"""A stack whose state is in S3: planned, applied, resumed, and never by two at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keyplan.testing.store_contract import lease_info
from keyplan_hsm import inspection
from keyplan_state.s3_store import open_store
from tests.cli.conftest import STACK, Run
from tests.support.s3_server import Fault, S3Place, S3Server

CHILDREN = """
  child:
    provider: hsm
    for_each: [{names}]
    parent: key.root
    usage: encrypt
    algorithm: aes-256
"""


@pytest.fixture
def s3_stack(stack: Path, s3_place: S3Place) -> Path:
    """The stack of the other tests, its state in S3."""
    (stack / "keyplan.yaml").write_text(s3_place.block + STACK)
    return stack


def journal(place: S3Place, run: str) -> list[list[str]]:
    """The kinds of the entries of each flush."""
    objects = place.objects()
    return [
        [json.loads(line)["entry"]["kind"] for line in flush.body.splitlines()]
        for name in objects.names(f"journal/{run}")
        if (flush := objects.get(f"journal/{run}/{name}"))
    ]


def test_plan_apply_and_plan_again(keyplan: Run, s3_stack: Path, s3_place: S3Place) -> None:
    assert "Plan: 2 to add" in keyplan("plan").out
    assert keyplan("apply", "--auto-approve").code == 0
    assert "No changes." in keyplan("plan").out
    store = open_store(s3_place.settings)
    assert store.holder() is None
    assert store.open_logs() == []
    assert len(store.closed_logs()) == 1
    assert b'"key.payments"' in store.load().content
    assert not list(s3_stack.glob("keyplan.state*"))


def test_planning_writes_nothing(keyplan: Run, s3_stack: Path, s3_server: S3Server) -> None:
    keyplan("plan")
    assert s3_server.requests
    assert {method for method, _ in s3_server.requests} == {"GET"}


def test_wave_costs_at_most_two_puts(
    keyplan: Run, s3_stack: Path, s3_place: S3Place, s3_server: S3Server
) -> None:
    text = (s3_stack / "keyplan.yaml").read_text()
    names = ", ".join(f"k{number}" for number in range(40))
    child = CHILDREN.replace("{names}", names)
    (s3_stack / "keyplan.yaml").write_text(text.replace("\noutput:", f"{child}\noutput:"))
    s3_server.requests.clear()
    assert keyplan("apply", "--auto-approve").code == 0
    [run] = open_store(s3_place.settings).closed_logs()
    flushes = journal(s3_place, run)
    waves = sum("step_started" in kinds for kinds in flushes)
    assert waves >= 2  # the root, then its children
    puts = s3_server.puts()
    assert len(s3_server.puts("/journal/")) == len(flushes)
    assert len(puts) <= 2 * waves + 10  # and once: lease, proof of the endpoint, state, archive


def test_second_runner_is_told_who_works(keyplan: Run, s3_stack: Path, s3_place: S3Place) -> None:
    lease = open_store(s3_place.settings).acquire(lease_info())
    result = keyplan("apply", "--auto-approve")
    assert result.code == 1
    assert "user1@host holds it for `apply`" in result.err
    lease.release()
    assert keyplan("apply", "--auto-approve").code == 0


def test_state_that_could_not_be_saved_is_finished_by_resume(
    keyplan: Run, s3_stack: Path, s3_server: S3Server
) -> None:
    s3_server.faults.append(Fault("403", part="/state", count=99))
    result = keyplan("apply", "--auto-approve")
    assert result.code == 1
    text = " ".join(result.err.split())
    assert "access denied" in text
    assert "Finish the run with: keyplan resume" in text
    s3_server.faults.clear()
    assert keyplan("resume").code == 0
    assert "No changes." in keyplan("plan").out


def test_journal_that_cannot_be_written_stops_before_the_effect(
    keyplan: Run, s3_stack: Path, s3_server: S3Server
) -> None:
    s3_server.faults.append(Fault("403", part="/journal/", count=99))
    result = keyplan("apply", "--auto-approve")
    assert result.code == 1
    assert "access denied" in result.err
    s3_server.faults.clear()
    assert "Plan: 2 to add" in keyplan("plan").out


def test_lost_answers_are_not_noticed(keyplan: Run, s3_stack: Path, s3_server: S3Server) -> None:
    for part in ("/journal/", "/state", "/archive/"):
        s3_server.faults.append(Fault("answer lost", part=part))
    assert keyplan("apply", "--auto-approve").code == 0
    assert not any(fault.count for fault in s3_server.faults)
    assert "No changes." in keyplan("plan").out


def test_settings_that_are_wrong_are_pointed_at(keyplan: Run, stack: Path) -> None:
    (stack / "keyplan.yaml").write_text(
        "keyplan:\n  state:\n    s3: {bucket: acme, key: /k, secret_access_key: hunter2}\n" + STACK
    )
    result = keyplan("plan")
    assert result.code == 1
    assert "keyplan.yaml" in result.err
    assert "secret_access_key" in result.err
    assert "hunter2" not in result.err + result.out


def test_run_whose_lease_was_taken_away_stops_and_can_be_resumed(
    keyplan: Run, s3_stack: Path, s3_place: S3Place, s3_server: S3Server
) -> None:
    """Somebody unlocks it in the middle: it stops at its next write, and nothing is doubled."""
    store = open_store(s3_place.settings)

    def unlock() -> None:
        holder = store.holder()
        assert holder is not None
        store.unlock(holder.id)

    s3_server.faults.append(Fault("", part="/00000002", then=unlock))
    result = keyplan("apply", "--auto-approve")
    text = " ".join(result.err.split())
    assert result.code == 1
    assert "the lease was lost" in text
    assert "keyplan resume" in text
    assert keyplan("resume").code == 0
    assert keyplan("apply", "--auto-approve").code == 0
    assert "No changes." in keyplan("plan").out
    assert len(json.loads(inspection.keys(s3_stack / ".keyplan/hsm.db", as_json=True))) == 2
