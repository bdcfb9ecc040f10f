"""Two at once, a holder that is paused, a plan of yesterday: one wins, the other says why.

Real processes against each store. A paused holder is stopped with SIGSTOP in the middle
of its run, loses its lease to an operator, and is let go on with SIGCONT: it must not write.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.crash.conftest import MakeLand
from tests.crash.dying import Point
from tests.crash.killing import APPLY
from tests.crash.places import Land, Place
from tests.crash.processes import Ended, Started
from tests.crash.stacks import KEYS
from tests.support.postgres import PostgresServer

STORES = ("local", "s3", "postgres")
SLOW = "{store: .keyplan/hsm.db, faults: {latency: 0.3}}"
"""An HSM on which a run takes long enough to be met in the middle."""


def begun(land: Land, place: Place, *argv: str) -> Started:
    """A run of the slow HSM that has begun its first step."""
    started = land.forge.start(argv or APPLY, place.folder, place.environment)
    assert started.holds()
    until = time.monotonic() + 60
    while not place.begun:
        assert time.monotonic() < until, "the run does not begin"
        time.sleep(0.02)
    return started


def slow_place(land: Land) -> Place:
    place = land.place()
    place.declare("first")
    file = place.folder / "keyplan.yaml"
    file.write_text(file.read_text().replace("{store: .keyplan/hsm.db}", SLOW))
    return place


def quick(place: Place) -> None:
    file = place.folder / "keyplan.yaml"
    file.write_text(file.read_text().replace(SLOW, "{store: .keyplan/hsm.db}"))


def says(ended: Ended, *words: str) -> None:
    """It did nothing, and why."""
    assert ended.code == 1, str(ended)
    text = " ".join(ended.err.split())
    for word in words:
        assert word in text, str(ended)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("store", STORES)
def test_of_two_appliers_one_wins(land: MakeLand, store: str) -> None:
    there = land("hsm", store)
    place = slow_place(there)
    assert there.run(place, "plan", "--out", "saved.kplan").code == 0
    first = begun(there, place, "apply", "saved.kplan")
    first.signal(signal.SIGSTOP)  # so that it is still there, however slow the others are
    second = there.run(place, "apply", "saved.kplan")
    third = there.run(place, *APPLY)
    resumed = there.run(place, "resume", "--auto-approve")
    first.signal(signal.SIGCONT)
    assert first.wait().code == 0
    says(second, "locked by another run", "--lock-timeout")
    says(third, "is running keyplan apply on this state")
    says(resumed, "locked by another run")
    quick(place)
    found = there.picture(place)
    assert (found["count"], found["planned"]) == (KEYS["first"], 0)


@pytest.mark.parametrize("store", STORES)
def test_a_paused_holder_that_wakes_up_cannot_write(land: MakeLand, store: str) -> None:
    there = land("hsm", store)
    place = slow_place(there)
    paused = begun(there, place)
    paused.signal(signal.SIGSTOP)
    holder = place.store.holder()
    assert holder is not None
    unlocked = there.run(place, "state", "unlock", holder.id, "--auto-approve")
    assert unlocked.code == 0, str(unlocked)
    quick(place)
    for _ in range(3):  # what it had sent may still be on its way
        resumed = there.run(place, "resume", "--auto-approve", "--lock-timeout", "60s")
        if resumed.code == 0:
            break
    assert resumed.code == 0, str(resumed)
    before = place.store.load()
    serial, closed = place.serial, list(place.store.closed_logs())
    paused.signal(signal.SIGCONT)
    says(paused.wait(), "lease")
    assert place.store.load() == before
    assert (place.serial, list(place.store.closed_logs())) == (serial, closed)
    assert place.store.open_logs() == []
    found = there.picture(place)
    assert found["count"] == KEYS["first"] == len(found["keys"])
    assert not [name for name in found["keys"] if name.startswith("stranger")]
    assert found["planned"] == 0


@pytest.mark.parametrize("store", ["s3", "postgres"])
def test_a_lease_that_expires_is_taken_over(land: MakeLand, store: str) -> None:
    there = land("hsm", store)
    place = slow_place(there)
    file = place.folder / "keyplan.yaml"
    file.write_text(file.read_text().replace(f"{store}: {{", f"{store}: {{lease_ttl: 15s, "))
    paused = begun(there, place)
    paused.signal(signal.SIGSTOP)
    quick(place)
    refused = there.run(place, "resume", "--auto-approve")
    says(refused, "locked by another run", "it is free 15 seconds after it fell silent")
    ways = ("keyplan resume --lock-timeout", "keyplan rollback --lock-timeout", "state unlock")
    says(there.run(place, "plan"), "keyplan apply on this state", "Its lease", *ways)
    resumed = there.run(place, "resume", "--auto-approve", "--lock-timeout", "2m")
    assert resumed.code == 0, str(resumed)
    paused.signal(signal.SIGCONT)
    says(paused.wait(), "lease")
    found = there.picture(place)
    assert (found["count"], found["planned"]) == (KEYS["first"], 0)


@pytest.mark.parametrize("store", STORES)
def test_a_run_that_died_before_its_journal_was_archived_has_ended(
    land: MakeLand, store: str
) -> None:
    there = land("hsm", store)
    place = there.place()
    place.declare("first")
    assert there.run(place, *APPLY, point=Point("archive", 1, "before")).killed
    place.free()
    for command in (("plan", "--detailed-exitcode"), ("state", "verify")):
        ended = there.run(place, *command)
        assert ended.code == 0, str(ended)
    assert "waits to be archived" in " ".join(ended.out.split())
    assert place.store.open_logs()
    assert there.run(place, *APPLY).code == 0
    assert not place.store.open_logs()


def test_a_holder_whose_connections_break_goes_on(land: MakeLand, postgres: PostgresServer) -> None:
    """It is in a call to the provider meanwhile: nobody else may begin, and nothing is doubled."""
    there = land("hsm", "postgres")
    place = slow_place(there)
    first = begun(there, place)
    cut = postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyplan'"
    )
    first.signal(signal.SIGSTOP)  # it is there, and not connected
    assert len(cut) >= 2
    refused = there.run(place, "resume", "--auto-approve", "--lock-timeout", "3s")
    first.signal(signal.SIGCONT)
    says(refused, "locked by another run", "it is free 60 seconds after it fell silent")
    ended = first.wait()
    assert ended.code == 0, str(ended)
    assert (place.serial, list(place.store.open_logs())) == (1, [])
    quick(place)
    found = there.picture(place)
    assert (found["count"], found["planned"]) == (KEYS["first"], 0)


@pytest.mark.parametrize("store", STORES)
def test_a_plan_applies_once_and_not_on_another_state(land: MakeLand, store: str) -> None:
    there = land("hsm", store)
    place = there.place()
    place.declare("first")
    for name in ("one.kplan", "two.kplan"):
        assert there.run(place, "plan", "--out", name).code == 0
    assert there.run(place, "apply", "one.kplan").code == 0
    says(there.run(place, "apply", "one.kplan"), "serial 0, and the state has moved on to serial 1")
    says(there.run(place, "apply", "two.kplan"), "does not match the given state")
    assert there.picture(place)["count"] == KEYS["first"]


def test_a_state_that_was_put_back_is_refused(land: MakeLand) -> None:
    there = land("hsm", "local")
    place = there.place()
    place.declare("first")
    assert there.run(place, *APPLY).code == 0
    old = (place.folder / "keyplan.state.json").read_bytes()
    place.declare("changed")
    assert there.run(place, *APPLY).code == 0
    (place.folder / "keyplan.state.json").write_bytes(old)
    says(there.run(place, *APPLY), "the state is older than its journals")


def test_a_read_only_folder_stops_before_the_first_effect(land: MakeLand) -> None:
    there = land("hsm", "local")
    place = there.place()
    place.declare("first")
    (place.folder / ".keyplan").mkdir(mode=0o700)
    (place.folder / ".keyplan" / "journal").write_text("a file where a folder should be")
    says(there.run(place, *APPLY), "journal")
    assert _keys(place.folder) == 0
    if os.geteuid() != 0:  # nothing is read-only for root
        place.folder.chmod(0o500)
        try:
            says(there.run(place, *APPLY), "access")
        finally:
            place.folder.chmod(0o700)


def _keys(folder: Path) -> int:
    from keyplan_hsm import inspection  # noqa: PLC0415

    store = folder / ".keyplan" / "hsm.db"
    return inspection.keys(store, as_json=True).count('"id"') if store.exists() else 0
