from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from keyplan.errors import JournalError
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.operations import (
    AdoptKey,
    CancelDeletion,
    ChangeState,
    CreateAlias,
    DestroyKey,
    ForgetKey,
    MoveAlias,
    PutDocument,
    RecordAttributes,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
)
from keyplan.state.entries import (
    OutputsSet,
    RunStarted,
    Settlement,
    StepFailed,
    StepSkipped,
    StepSucceeded,
    StepUndecided,
    Verified,
)
from keyplan.state.fold import CLOSED_RUNS, fold
from keyplan.state.integrity import verify
from keyplan.state.model import Phase
from tests.unit.state import samples
from tests.unit.state.samples import (
    INSTANT,
    LEDGER,
    MASTER,
    ROOT,
    create,
    observation,
    resource,
    run_ended,
    run_started,
    state,
    step,
)

END = "2027-01-31T12:00:00Z"  # thirty days after the run began
RENAME = SetAttribute(ROOT, "description", None, "new")


def folded(before, *entries):
    """The state after a closed run of these entries."""
    after = fold(before, [run_started(serial=before.serial), *entries, run_ended()])
    verify(after)
    return after


def done(operation, *, seen=None, settlement=None, key_id="id-1"):
    """The two entries of one step that succeeded."""
    settled = step(operation, settlement=settlement or Settlement())
    return settled, StepSucceeded(1, key_id, seen)


def test_no_entries_change_nothing() -> None:
    before = samples.full_state()
    assert fold(before, []) is before


def test_closed_run_raises_the_serial_once_and_is_remembered() -> None:
    after = folded(state(serial=4, closed_runs=("run-1",)))
    assert after.serial == 5
    assert after.closed_runs == ("run-1", "run-3")
    assert after.lineage == samples.LINEAGE


def test_only_the_last_closed_runs_are_remembered() -> None:
    runs = tuple(f"old-{number}" for number in range(CLOSED_RUNS))
    assert folded(state(closed_runs=runs)).closed_runs == (*runs[1:], "run-3")


def test_open_run_shows_what_was_done_and_keeps_the_serial() -> None:
    before = state(resource())
    after = fold(before, [run_started(), *done(RENAME)])
    assert after.resources[ROOT].attributes["description"] == "new"
    assert (after.serial, after.closed_runs) == (before.serial, before.closed_runs)


def test_run_that_the_state_holds_is_not_folded_again() -> None:
    entries = [run_started(), *done(RENAME), run_ended()]
    after = fold(state(resource()), entries)
    assert fold(after, entries) is after


def test_created_key_enters_the_state() -> None:
    made = create(MASTER, parent=ROOT, relation="wraps")
    settlement = Settlement(
        record={"tier": "master"}, manage=("description", "labels:team"), dependencies=(ROOT,)
    )
    key = folded(state(), *done(made, settlement=settlement, key_id="id-9")).resources[MASTER]
    assert (key.address, key.provider, key.id, key.owner) == (MASTER, "hsm", "id-9", made.owner)
    assert key.attributes["tier"] == "master"
    assert key.attributes["state"] == "active"
    assert key.recorded == {"tier"}
    assert key.managed == {"description", "labels:team"}
    assert key.dependencies == (ROOT,)
    assert (key.phase, key.until) == (Phase.LIVE, "")


def test_observation_wins_over_what_the_operation_means() -> None:
    seen = observation(attributes={"state": "active", "description": "NEW", "arn": "arn:1"})
    before = state(resource(attributes={"tier": "root", "old": 1}, recorded=frozenset({"tier"})))
    key = folded(before, *done(RENAME, seen=seen)).resources[ROOT]
    assert key.attributes == {
        "state": "active",
        "description": "NEW",
        "arn": "arn:1",
        "tier": "root",
    }


def test_recreated_key_inherits_nothing() -> None:
    before = state(resource(attributes={"old": 1}, managed=frozenset({"old"})))
    key = folded(before, *done(create(), key_id="id-2")).resources[ROOT]
    assert key.id == "id-2"
    assert "old" not in key.attributes
    assert key.managed == frozenset()


def test_adopted_key_is_known_by_its_observation() -> None:
    seen = observation(attributes={"state": "suspended"})
    after = folded(state(), *done(AdoptKey(ROOT, "id-1"), seen=seen))
    assert after.resources[ROOT].id == "id-1"
    assert after.resources[ROOT].attributes == {"state": "suspended"}


@pytest.mark.parametrize("operation", [DestroyKey(ROOT), ForgetKey(ROOT, "id-1")])
def test_key_that_is_gone_leaves_the_state(operation) -> None:
    settlement = Settlement(record={"x": 1}, phase="live")
    after = folded(state(resource(), resource(LEDGER)), *done(operation, settlement=settlement))
    assert set(after.resources) == {LEDGER}


def test_recorded_attributes_need_no_call() -> None:
    change = RecordAttributes(ROOT, {"tier": "root"}, {"tier": "master"})
    before = state(resource(attributes={"tier": "root"}, recorded=frozenset({"tier"})))
    for seen in (None, observation()):
        key = folded(before, *done(change, seen=seen)).resources[ROOT]
        assert key.attributes["tier"] == "master"
        assert key.recorded == {"tier"}


def test_moved_alias_leaves_its_source_and_is_managed_there_no_more() -> None:
    before = state(
        resource(ROOT, attributes={"aliases": ["x"]}, managed=frozenset({"aliases:x", "state"})),
        resource(LEDGER, attributes={"aliases": []}),
    )
    for seen in (None, observation(attributes={"aliases": ["x"]})):
        settlement = Settlement(manage=("aliases:x",))
        move = MoveAlias(LEDGER, "x", ROOT)
        after = folded(before, *done(move, seen=seen, settlement=settlement)).resources
        assert after[ROOT].attributes["aliases"] == []
        assert after[ROOT].managed == {"state"}
        assert after[LEDGER].attributes["aliases"] == ["x"]
        assert after[LEDGER].managed == {"aliases:x"}


def test_alias_may_be_moved_from_a_key_that_is_not_ours() -> None:
    move = MoveAlias(LEDGER, "x", Address("key.stranger"))
    after = folded(state(resource(LEDGER)), *done(move))
    assert after.resources[LEDGER].attributes["aliases"] == ["x"]


def test_rotation_is_dated_by_the_run() -> None:
    key = folded(state(resource()), *done(RotateKey(ROOT, 2))).resources[ROOT]
    assert [(version.number, version.created_at) for version in key.versions] == [(2, INSTANT)]


def test_document_of_a_service_object_is_no_key() -> None:
    put = PutDocument(Address("key.mount"), "mount", "transit", None, {})
    assert folded(state(), *done(put)).resources == {}


@pytest.mark.parametrize(
    ("deletion_at", "until", "end"),
    [
        (INSTANT + timedelta(days=7), END, "2027-01-08T12:00:00Z"),
        (None, "2027-05-05T00:00:00Z", "2027-05-05T00:00:00Z"),
        (None, None, END),
    ],
    ids=["the service's date", "the plan's date", "the window's end"],
)
def test_scheduled_deletion_has_an_end(deletion_at, until, end) -> None:
    seen = observation(attributes={"state": "suspended"}, deletion_at=deletion_at)
    settlement = Settlement(until=until)
    schedule = ScheduleDeletion(ROOT, "30d")
    key = folded(state(resource()), *done(schedule, seen=seen, settlement=settlement))
    assert key.resources[ROOT].phase is Phase.PENDING_DELETION
    assert key.resources[ROOT].until == end


def test_scheduled_deletion_without_an_observation_has_an_end() -> None:
    key = folded(state(resource()), *done(ScheduleDeletion(ROOT, "30d"))).resources[ROOT]
    assert (key.phase, key.until) == (Phase.PENDING_DELETION, END)
    assert key.attributes["state"] == "suspended"


def test_cancelled_deletion_is_live_again() -> None:
    pending = resource(phase=Phase.PENDING_DELETION, until=END)
    key = folded(state(pending), *done(CancelDeletion(ROOT, "3d"))).resources[ROOT]
    assert (key.phase, key.until) == (Phase.LIVE, "")
    assert key.attributes["state"] == "suspended"


def test_soak_begins_and_ends_by_settlement() -> None:
    suspend = ChangeState(ROOT, KeyState.ACTIVE, KeyState.SUSPENDED)
    soak = Settlement(phase="soaking", until=END)
    key = folded(state(resource()), *done(suspend, settlement=soak)).resources[ROOT]
    assert (key.phase, key.until) == (Phase.SOAKING, END)
    resume = ChangeState(ROOT, KeyState.SUSPENDED, KeyState.ACTIVE)
    key = folded(state(key), *done(resume, settlement=Settlement(phase="live"))).resources[ROOT]
    assert (key.phase, key.until) == (Phase.LIVE, "")


def test_settlement_drops_and_unmanages() -> None:
    before = resource(
        attributes={"tier": "root", "scope": {}, "description": "x"},
        recorded=frozenset({"tier", "scope"}),
        managed=frozenset({"description", "labels:a"}),
        dependencies=(LEDGER,),
    )
    settlement = Settlement(
        record={"tier": "master"},
        drop=("scope",),
        manage=("labels:b",),
        unmanage=("labels:a",),
        dependencies=(),
    )
    key = folded(state(before), *done(RENAME, settlement=settlement)).resources[ROOT]
    assert key.attributes == {"tier": "master", "description": "new"}
    assert key.recorded == {"tier"}
    assert key.managed == {"description", "labels:b"}
    assert key.dependencies == ()


@pytest.mark.parametrize(
    "decision",
    [StepFailed(1, "denied", "no"), StepSkipped(1, "stopped")],
    ids=lambda entry: entry.kind,
)
def test_step_without_effect_changes_nothing(decision) -> None:
    before = state(resource())
    after = folded(before, step(RENAME), decision)
    assert after.resources == before.resources


def test_undecided_step_changes_nothing_until_it_is_decided() -> None:
    before = state(resource())
    undecided = [run_started(), step(RENAME), StepUndecided(1, "outcome_unknown", "lost")]
    assert fold(before, undecided).resources == before.resources
    after = fold(before, [*undecided, StepSucceeded(1, "id-1"), run_ended()])
    assert after.resources[ROOT].attributes["description"] == "new"


def test_failed_step_may_be_tried_again() -> None:
    after = folded(state(resource()), step(RENAME), StepFailed(1, "transient", "x"), *done(RENAME))
    assert after.resources[ROOT].attributes["description"] == "new"


def test_verified_key_is_as_it_was_read() -> None:
    before = state(resource(attributes={"tier": "root"}, recorded=frozenset({"tier"})))
    seen = observation(attributes={"state": "active", "arn": "arn:1"})
    key = folded(before, Verified(ROOT, seen)).resources[ROOT]
    assert key.attributes == {"state": "active", "arn": "arn:1", "tier": "root"}


def test_verified_key_pending_deletion_has_the_service_date() -> None:
    seen = observation(attributes={"state": "suspended"}, deletion_at=INSTANT)
    key = folded(state(resource()), Verified(ROOT, seen)).resources[ROOT]
    assert (key.phase, key.until) == (Phase.PENDING_DELETION, "2027-01-01T12:00:00Z")


def test_verified_key_keeps_a_clock_that_is_ours() -> None:
    pending = resource(phase=Phase.PENDING_DELETION, until=END)
    key = folded(state(pending), Verified(ROOT, observation())).resources[ROOT]
    assert (key.phase, key.until) == (Phase.PENDING_DELETION, END)


def test_verified_key_that_is_gone_stays_gone() -> None:
    assert folded(state(), Verified(ROOT, observation())).resources == {}


def test_outputs_are_replaced() -> None:
    after = folded(state(outputs={"old": 1}), OutputsSet({"new": 2}))
    assert after.outputs == {"new": 2}


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([run_ended()], "begins with run_started"),
        ([step(RENAME)], "begins with run_started"),
        ([run_started(), run_started()], "begins with run_started"),
        ([run_started(), StepSucceeded(1, "x")], "Step 1 did not start"),
        ([run_started(), *done(RENAME), StepSucceeded(1, "x")], "Step 1 did not start"),
        ([run_started(), step(RENAME, 5), run_ended()], "Step 5 is not decided"),
        (
            [run_started(), step(RENAME), StepUndecided(1, "x", "y"), run_ended()],
            "Step 1 is not decided",
        ),
        ([run_started(), run_ended(), OutputsSet({})], "ends with run_ended"),
        ([run_started(), *done(CreateAlias(LEDGER, "x"))], "state does not hold key.ledger"),
        ([run_started(serial=3)], "began with serial 3"),
        ([run_started(lineage="another")], "lineage another"),
    ],
)
def test_entries_that_do_not_belong_are_refused(entries, why) -> None:
    with pytest.raises(JournalError) as raised:
        fold(state(resource()), entries)
    assert why in str(raised.value)
    assert raised.value.advice


def test_fold_is_pure() -> None:
    before = samples.full_state()
    copy = samples.full_state()
    entries = [
        run_started(serial=7),
        *done(
            SetAttribute(ROOT, "description", None, "new"), settlement=Settlement(drop=("tier",))
        ),
        *done(MoveAlias(LEDGER, "root", ROOT)),
        *done(DestroyKey(MASTER)),
        run_ended(),
    ]
    first, second = fold(before, entries), fold(before, entries)
    assert first == second
    assert before == copy


def test_time_grows_with_the_entries_not_with_the_state() -> None:
    keys = [Address.of("key", "k", str(number)) for number in range(20_000)]
    large = state(*(resource(key) for key in keys))
    head = run_started()
    assert isinstance(head, RunStarted)
    entries = [head]
    for number, key in enumerate(keys[:3_000], 1):
        entries += [
            replace(step(RENAME, number), operation=replace(RENAME, target=key)),
            StepSucceeded(number, "x"),
        ]
    began = time.process_time()
    fold(large, [*entries, run_ended()])
    assert time.process_time() - began < 2.0  # copying the state for each entry takes minutes
