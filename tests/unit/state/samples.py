"""Values that the tests of states and journals share."""

from __future__ import annotations

from datetime import UTC, datetime

from keyplan.model.address import Address
from keyplan.model.inverses import Grade, Inverse
from keyplan.model.keys import KeyState
from keyplan.model.observations import KeyVersion, Observation, OwnerMark
from keyplan.model.operations import CreateKey, Operation
from keyplan.state.codec import encode_state
from keyplan.state.entries import (
    Entry,
    OutputsSet,
    RunEnded,
    RunPlanned,
    RunStarted,
    Settlement,
    StateReplaced,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepUndecided,
    Verified,
)
from keyplan.state.model import Phase, ResourceState, State

LINEAGE = "3f0c9a4e-1b9d-4c59-9e1f-0a2b3c4d5e6f"
NOW = "2027-01-01T12:00:00Z"
INSTANT = datetime(2027, 1, 1, 12, tzinfo=UTC)
ROOT = Address("key.root")
MASTER = Address('key.master["prod"]')
LEDGER = Address("key.ledger")


def resource(address: Address = ROOT, /, **changes) -> ResourceState:
    """A live key; keywords replace its fields."""
    fields = {
        "provider": "hsm",
        "id": f"id-of-{address.name}-{address.instance}",
        "attributes": {"state": "active"},
    }
    return ResourceState(address, **{**fields, **changes})


def state(*resources: ResourceState, **changes) -> State:
    """A state of these keys."""
    return State(
        **{
            "lineage": LINEAGE,
            "resources": {item.address: item for item in resources},
            **changes,
        }
    )


def full_state() -> State:
    """A state in which everything occurs that can."""
    return state(
        resource(
            ROOT,
            attributes={
                "state": "active",
                "usage": "wrap",
                "tier": "root",
                "description": 'Straße "1" \\ ключ\n',
                "expires_at": None,
                "exportable": False,
                "strength": 256,
                "share": 0.5,
                "rotation": {"every": "365d", "overlap": "30d"},
                "labels": {},
                "aliases": ["acme/root", "root"],
                "policy": {"statements": [{"principals": ["*"], "effect": "deny"}, []]},
            },
            owner=OwnerMark(LINEAGE, "t0001"),
            managed=frozenset({"description", "aliases:acme/root", "aliases:root"}),
            recorded=frozenset({"tier"}),
            fingerprint="5e3c" * 16,
            versions=(
                KeyVersion(1, datetime(2026, 1, 1, tzinfo=UTC), KeyState.DEACTIVATED),
                KeyVersion(2, datetime(2027, 1, 1, 0, 0, 0, 125000, tzinfo=UTC), KeyState.ACTIVE),
            ),
        ),
        resource(
            MASTER,
            attributes={"state": "suspended"},
            dependencies=(ROOT,),
            phase=Phase.SOAKING,
            until="2027-02-01T00:00:00Z",
        ),
        resource(
            LEDGER,
            provider="aws.dr",
            attributes={"state": "suspended"},
            dependencies=(MASTER, ROOT),
            phase=Phase.PENDING_DELETION,
            until="2027-03-01T00:00:00Z",
        ),
        serial=7,
        outputs={"ledger_arn": "arn:ledger", "shape": {"keys": [1, None, True]}},
        closed_runs=("run-1", "run-2"),
    )


def observation(**changes) -> Observation:
    """A key as it is read back."""
    return Observation(**{"id": "id-of-root-None", "attributes": {"state": "active"}, **changes})


def run_started(**changes) -> RunStarted:
    """The head of a journal on `full_state` or, with `serial=0`, on `state`."""
    return RunStarted(
        **{
            "run": "run-3",
            "operation": "apply",
            "checksum": "9c4107d2",
            "lineage": LINEAGE,
            "serial": 0,
            "holder": "ada@host",
            "allowed": ("root",),
            "at": NOW,
            "places": {"hsm": "serial 7F3A19C2"},
            "on_failure": "stop",
            **changes,
        }
    )


def run_ended() -> RunEnded:
    return RunEnded("succeeded", NOW)


def step(operation: Operation, number: int = 1, **changes) -> StepStarted:
    """A step that starts. Its inverse is none that makes sense, but one that has every part."""
    return StepStarted(
        **{
            "step": number,
            "provider": "hsm",
            "operation": operation,
            "inverse": Inverse(Grade.COMPENSATING, (operation,), "a residue"),
            "settlement": Settlement(),
            **changes,
        }
    )


def create(address: Address = ROOT, **changes) -> CreateKey:
    """The creation of a key."""
    return CreateKey(
        **{
            "target": address,
            "owner": OwnerMark(LINEAGE, "t0001"),
            "usage": "wrap",
            "algorithm": "aes-256",
            "parent": None,
            "relation": None,
            "attributes": {},
            **changes,
        }
    )


def every_entry() -> list[Entry]:
    """A journal in which each kind of entry occurs, with every part filled."""
    return [
        run_started(),
        RunPlanned({"steps": [{"number": 1, "operation": {"op": "create_key"}}], "refs": {}}),
        StateReplaced(encode_state(state(), keyplan_version="0.1.0").decode(), edited=True),
        step(
            create(
                MASTER,
                parent=ROOT,
                relation="wraps",
                attributes={"description": "größer", "rotation": None},
                settings={"slot": 3},
            ),
            1,
            expects="",
            settlement=Settlement(
                record={"tier": "master", "deletion": {"protection": True}},
                drop=("scope",),
                manage=("description", "labels:team"),
                unmanage=("aliases:old",),
                dependencies=(ROOT,),
                phase="soaking",
                until="2027-02-01T00:00:00Z",
            ),
        ),
        StepSucceeded(
            1,
            "id-1",
            Observation(
                id="id-1",
                attributes={"state": "active", "description": "größer"},
                owner=OwnerMark(LINEAGE, "t0001"),
                versions=(KeyVersion(1, INSTANT, KeyState.ACTIVE),),
                deletion_at=INSTANT,
                unreadable=frozenset({"policy", "labels"}),
            ),
        ),
        step(create(LEDGER), 2),
        StepFailed(2, "denied", "not allowed"),
        step(create(LEDGER), 3),
        StepUndecided(3, "outcome_unknown", "the answer was lost"),
        StepSucceeded(3, "id-3"),
        StepSkipped(4, "step 2 failed"),
        Verified(MASTER, observation(id="id-1")),
        OutputsSet({"ledger": "id-3"}),
        RunEnded("failed", NOW),
    ]
