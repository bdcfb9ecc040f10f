"""Rotations of AWS: its own are normal, those of others are told, at no call more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keyplan.model.observations import MATERIAL
from keyplan.model.operations import RotateKey, SetAttribute
from keyplan.planning.drift_versions import Rotated, rotated, version_changes
from keyplan.plans.changes import DriftKind
from keyplan.sdk.provider import OpenContext
from keyplan.state.effects import observed
from keyplan.state.model import ResourceState
from keyplan.testing.clock import ManualClock as Waiting
from keyplan_aws.opening import open_provider
from keyplan_aws.settings import AwsSettings
from tests.aws_double import KmsDouble, ManualClock
from tests.unit.aws.conftest import KEY, Bench


@pytest.fixture
def calendar() -> ManualClock:
    """The clock of AWS, by which keys rotate."""
    return ManualClock()


@pytest.fixture
def aws(calendar: ManualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    with KmsDouble(clock=calendar, regions=("eu-west-1",)) as double:
        for name, value in double.environment().items():
            monkeypatch.setenv(name, value)
        settings = AwsSettings(region="eu-west-1", endpoint_url=double.endpoint_url)
        waiting = Waiting()
        provider = open_provider(settings, OpenContext(tmp_path, calendar()), clock=waiting)
        yield Bench(double, provider, waiting)
        provider.close()


def applied(aws: Bench, *, every: str | None = None) -> ResourceState:
    """The key in the state, as it was read after an apply."""
    if not aws.ids:
        aws.create()
    if every is not None:
        aws.do(SetAttribute(KEY, "rotation", None, {"every": every}))
    return observed(ResourceState(KEY, "aws", aws.ids[KEY], {}), aws.look())


def told(
    aws: Bench, state: ResourceState, calendar: ManualClock
) -> tuple[list[tuple[str, DriftKind]], Rotated]:
    live, now = aws.look(), calendar()
    changes = [(one.path, one.kind) for one in version_changes(state, live, now)]
    return changes, rotated(state, live, now)


BY_HAND = ([("version", DriftKind.METADATA)], Rotated.BY_HAND)
NOTHING: tuple[list[Any], Rotated] = ([], Rotated.NOT)


@pytest.mark.parametrize("every", [None, "180d"])
def test_a_rotation_by_hand_is_told(aws: Bench, calendar: ManualClock, every: str | None) -> None:
    state = applied(aws, every=every)
    assert told(aws, state, calendar) == NOTHING
    calendar.advance(days=20)
    aws.double.client().rotate_key_on_demand(KeyId=state.id)
    assert told(aws, state, calendar) == BY_HAND
    assert told(aws, applied(aws), calendar) == NOTHING, "once the state has it, no more"


def test_the_declared_schedule_is_never_drift(aws: Bench, calendar: ManualClock) -> None:
    state = applied(aws, every="90d")
    for _ in range(40):
        calendar.advance(days=11)
        assert told(aws, state, calendar) == NOTHING
    assert aws.look().attributes[MATERIAL] != state.attributes[MATERIAL]


def test_what_a_changed_schedule_hides_is_said_to_be_unknown(
    aws: Bench, calendar: ManualClock
) -> None:
    state = applied(aws, every="180d")
    kms = aws.double.client()
    kms.enable_key_rotation(KeyId=state.id, RotationPeriodInDays=90)
    calendar.advance(days=91)
    assert told(aws, state, calendar) == ([], Rotated.UNKNOWN)


def test_keyplans_own_rotations_are_counted_and_those_of_others_beside_them(
    aws: Bench, calendar: ManualClock
) -> None:
    aws.double.world.rotation_takes = timedelta(minutes=5)
    applied(aws)
    aws.do(RotateKey(KEY, 2))
    state = applied(aws)
    assert told(aws, state, calendar) == NOTHING
    calendar.advance(seconds=360)
    assert told(aws, state, calendar) == NOTHING, "the new material came after the answer"
    aws.double.client().rotate_key_on_demand(KeyId=state.id)
    assert told(aws, state, calendar) == ([("version", DriftKind.METADATA)], Rotated.NOT)


def without_rotation_status(aws: Bench, state: ResourceState) -> None:
    aws.double.faults.deny("GetKeyRotationStatus")


def pending(aws: Bench, state: ResourceState) -> None:
    aws.double.client().schedule_key_deletion(KeyId=state.id, PendingWindowInDays=7)


@pytest.mark.parametrize("hidden", [without_rotation_status, pending])
def test_where_the_schedule_cannot_be_seen_nothing_is_guessed(
    aws: Bench, calendar: ManualClock, hidden: Callable[[Bench, ResourceState], None]
) -> None:
    state = applied(aws, every="90d")
    aws.double.client().rotate_key_on_demand(KeyId=state.id)
    hidden(aws, state)
    assert told(aws, state, calendar) == NOTHING
    assert MATERIAL not in aws.look().attributes


def test_no_plan_rests_on_the_material_and_no_call_more_is_made(
    aws: Bench, calendar: ManualClock
) -> None:
    applied(aws, every="90d")
    before = aws.look().fingerprint
    aws.double.calls.clear()
    aws.look()
    assert "ListKeyRotations" not in aws.double.calls.names()
    calendar.advance(days=91)
    assert aws.look().fingerprint == before
