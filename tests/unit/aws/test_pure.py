"""Pacing, grants, marks and observations: no network, no clock but a manual one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.testing.clock import ManualClock
from keyplan_aws import marks
from keyplan_aws.grants import GRANTABLE, as_attribute, canonical_grant, observe, request
from keyplan_aws.marks import Turn
from keyplan_aws.observing import Facts, observation
from keyplan_aws.pacing import FLOOR, Bucket, Pace

NOW = datetime(2027, 1, 1, tzinfo=UTC)
ARN = "arn:aws:kms:eu-west-1:111122223333:key/k-1"
ROLE = "arn:aws:iam::111122223333:role/batch"


# -- pacing ------------------------------------------------------------------------------


def test_a_bucket_lends_in_order() -> None:
    clock = ManualClock()
    bucket = Bucket(5, clock)
    assert [bucket.reserve() for _ in range(4)] == pytest.approx([0, 0.2, 0.4, 0.6])


def test_throttling_halves_the_rate_and_success_gives_it_back() -> None:
    bucket = Bucket(100, ManualClock())
    for _ in range(3):
        bucket.throttled()
    assert bucket.rate == 12.5
    for _ in range(20):
        bucket.throttled()
    assert bucket.rate == 100 * FLOOR
    for _ in range(100):
        bucket.passed()
    assert bucket.rate == 100


def test_a_turn_after_the_deadline_is_refused_at_once_and_costs_nothing() -> None:
    clock = ManualClock()
    pace = Pace({"CreateKey": 1}, clock)
    assert pace.turn("CreateKey", until=10)
    assert not pace.turn("CreateKey", until=0.5)
    assert clock.slept == ()
    assert pace.turn("CreateKey", until=10)
    assert clock.slept == (1.0,)


def test_calls_are_paced_apart() -> None:
    clock = ManualClock()
    pace = Pace({"CreateKey": 1, "CreateAlias": 1}, clock)
    assert pace.turn("CreateKey", until=10)
    assert pace.turn("CreateAlias", until=10)
    assert pace.turn("GetPublicKey", until=10)
    assert clock.slept == ()


# -- grants ------------------------------------------------------------------------------

TERMS = st.fixed_dictionaries(
    {
        "principal": st.sampled_from([[ROLE], ["backup.amazonaws.com"]]),
        "operations": st.lists(st.sampled_from(sorted(GRANTABLE)), min_size=1, max_size=6),
        "context": st.dictionaries(st.sampled_from("abc"), st.text("xyz", max_size=3), max_size=3),
    },
    optional={"expires_at": st.sampled_from(["2027-06-30", "2028-02-29T12:00:00+02:00"])},
)


def _listed(wanted: dict[str, Any], grant_id: str, created: str = "") -> dict[str, Any]:
    """What AWS lists for what was asked of it."""
    return {**wanted, "GrantId": grant_id, "CreationDate": created}


@given(name=st.from_regex(r"[a-z][a-z0-9_-]{0,60}", fullmatch=True), terms=TERMS)
def test_a_grant_reads_back_as_it_was_declared(name: str, terms: dict[str, Any]) -> None:
    wanted = request(name, terms)
    assert len(wanted["Name"]) <= 256
    seen = as_attribute(observe([_listed(wanted, "id-1")]))
    assert seen == {name: canonical_grant(terms)}
    assert canonical_grant(seen[name]) == seen[name]


def test_of_two_grants_with_one_name_the_newest_has_it() -> None:
    old = request("batch", {"principal": [ROLE], "operations": ["decrypt"], "context": {}})
    new = request("batch", {"principal": [ROLE], "operations": ["encrypt"], "context": {}})
    seen = as_attribute(
        observe([_listed(old, "g1", "2027-01-01"), _listed(new, "g2", "2027-01-02")])
    )
    assert seen["batch"]["operations"] == ["encrypt"]  # type: ignore[index,call-overload]
    assert seen["batch~g1"]["operations"] == ["decrypt"]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    "name", ["keyplan/", "keyplan/a/b", "keyplan/a/2027", "Keyplan/a", "", None]
)
def test_a_name_that_is_not_ours_is_somebody_elses(name: str | None) -> None:
    entry = {"GrantId": "g1", "Name": name, "GranteePrincipal": ROLE, "Operations": ["Decrypt"]}
    assert list(as_attribute(observe([entry]))) == ["g1"]


def test_a_foreign_grant_shows_what_is_special_about_it() -> None:
    entry = {
        "GrantId": "g1",
        "GranteePrincipal": ROLE,
        "RetiringPrincipal": "rds.amazonaws.com",
        "Operations": ["ReEncryptFrom", "Decrypt"],
        "Constraints": {"EncryptionContextEquals": {"db": "1"}},
    }
    assert as_attribute(observe([entry]))["g1"] == {
        "principal": [ROLE],
        "operations": ["ReEncryptFrom", "decrypt"],
        "context": {},
        "constraints": {"EncryptionContextEquals": {"db": "1"}},
        "retiring": "rds.amazonaws.com",
    }


# -- marks -------------------------------------------------------------------------------


def test_marks_are_read_back_and_are_no_labels() -> None:
    owner = OwnerMark("stack-1", "token-1")
    tags = {**marks.owner_tags(owner), "aws:x": "1", "team": "a", marks.STATE: "compromised"}
    assert marks.owner_of(tags) == owner
    assert marks.labels_of(tags) == {"team": "a"}
    assert marks.owner_of({marks.TOKEN: "half"}) is None


@pytest.mark.parametrize("text", [None, "", "2", "2:", "0:0", "2:0:0", "x:1", "2 :0"])
def test_a_turn_that_somebody_wrote_by_hand_is_ignored(text: str | None) -> None:
    assert Turn.parse(text) is None


@given(st.integers(2, 26), st.integers(0, 25), st.integers(0, 5))
def test_a_turn_counts_from_what_was_there(version: int, before: int, more: int) -> None:
    turn = Turn.parse(str(Turn(version, before)))
    assert turn == Turn(version, before)
    assert turn.latest(before + more) == version - 1 + more


# -- observations ------------------------------------------------------------------------


def _metadata(**more: Any) -> dict[str, Any]:
    return {
        "Arn": ARN,
        "KeyId": "k-1",
        "AWSAccountId": "111122223333",
        "CreationDate": NOW,
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
    } | more


def _seen(tags: dict[str, str] | None = None, **more: Any) -> Any:
    return observation(Facts(_metadata(**more), tags=tags or {}), NOW)


@pytest.mark.parametrize(
    ("aws", "neutral"),
    [
        ("Enabled", KeyState.ACTIVE),
        ("Updating", KeyState.ACTIVE),
        ("Disabled", KeyState.SUSPENDED),
        ("Unavailable", KeyState.SUSPENDED),
        ("PendingDeletion", KeyState.SUSPENDED),
        ("PendingReplicaDeletion", KeyState.SUSPENDED),
        ("PendingImport", KeyState.PRE_ACTIVATION),
        ("Creating", KeyState.ACTIVE),
        ("SomethingNew", KeyState.SUSPENDED),
    ],
)
def test_states(aws: str, neutral: KeyState) -> None:
    assert _seen(KeyState=aws).state is neutral


def test_a_primary_that_waits_for_its_replicas_is_pending_too() -> None:
    seen = _seen(KeyState="PendingReplicaDeletion", PendingDeletionWindowInDays=9)
    assert seen.deletion_at == datetime(2027, 1, 10, tzinfo=UTC)


def test_imported_material_and_custom_stores_are_observed() -> None:
    imported = _seen(Origin="EXTERNAL", ValidTo=NOW)
    assert imported.attributes["origin"] == "EXTERNAL"
    assert imported.attributes["material_ends"].startswith("2027-01-01")
    store = _seen(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId="cks-1")
    assert store.attributes["protection"] == "external"
    assert store.attributes["custom_key_store"] == "cks-1"
    assert "rotation" not in store.unreadable


def test_keys_of_aws_are_marked() -> None:
    assert _seen(KeyManager="AWS").attributes["manager"] == "aws"


def test_a_key_of_a_spec_without_a_name_is_observed() -> None:
    seen = _seen(KeySpec="NEW_SPEC_1", KeyUsage="NEW_USAGE")
    assert seen.attributes["algorithm"] == "new-spec-1"
    assert seen.attributes["usage"] == "new_usage"


def test_a_key_that_wraps_reads_back_as_one_that_encrypts() -> None:
    assert _seen().attributes["usage"] == "encrypt"
    assert _seen(KeySpec="RSA_2048").attributes["usage"] == "encrypt"


def test_an_unanswered_rotation_counts_while_it_runs_and_not_twice() -> None:
    begun = datetime(2027, 2, 1, tzinfo=UTC)
    running = {"KeyRotationEnabled": False, "OnDemandRotationStartDate": begun}
    done = {"RotationType": "ON_DEMAND", "RotationDate": datetime(2027, 2, 2, tzinfo=UTC)}
    automatic = {"RotationType": "AUTOMATIC", "RotationDate": datetime(2027, 1, 9, tzinfo=UTC)}
    tags = {marks.VERSION: "2:0"}

    def latest(*rotations: dict[str, Any]) -> int:
        facts = Facts(_metadata(), tags=tags, rotation=running, rotations=[automatic, *rotations])
        return observation(facts, NOW).latest_version

    assert latest() == 2
    assert latest(done) == 2


def test_versions_that_may_not_be_read_are_not_guessed() -> None:
    facts = Facts(_metadata(), tags={marks.VERSION: "2:0"}, unreadable={"versions"})
    assert observation(facts, NOW).versions == ()
