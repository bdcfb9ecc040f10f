"""A family on a strict AWS: made, changed, its primary moved and back, on its way out, rescued."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyplan.model.address import Address
from keyplan.plans.plan import Plan
from keyplan.sdk.provider import OpenContext
from keyplan.session.session import ProviderSession
from keyplan.testing.bench import Bench, destroyable, key, replica
from keyplan.testing.clock import DAWN, ManualClock
from keyplan_aws.opening import open_provider
from keyplan_aws.plugin import PLUGIN
from keyplan_aws.settings import AwsSettings
from tests.aws_double import KmsDouble

KEY = Address("key.k")
DR = KEY.replica("dr")
PLACES = {"aws": "eu-west-1", "aws.dr": "eu-central-1"}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    clock = ManualClock()
    with KmsDouble(regions=tuple(PLACES.values())) as double:
        for name, value in double.environment().items():
            monkeypatch.setenv(name, value)
        bench = Bench()
        bench.sessions = {}
        for instance, region in PLACES.items():
            settings = AwsSettings(region=region, endpoint_url=double.endpoint_url)
            provider = open_provider(settings, OpenContext(tmp_path, DAWN), clock=clock)
            bench.sessions[instance] = ProviderSession(
                instance, PLUGIN, provider, settings=settings, clock=clock
            )
        yield bench
        for session in bench.sessions.values():
            session.close()


def family(**attributes: Any) -> tuple[Any, Any]:
    primary = key(
        "key.k", "root", "encrypt", provider="aws", multi_region=True, aliases=["acme/k"],
        **attributes,
    )  # fmt: skip
    return primary, replica(primary, "dr", "aws.dr", aliases=["acme/k"], labels={"place": "dr"})


def applied(bench: Bench, *keys: Any) -> list[tuple[str, str]]:
    """Plan, perform, see that nothing is left to do; the calls that were made."""
    plan = bench.plan(*keys)
    bench.perform(plan)
    again = bench.plan(*keys)
    assert (again.steps, again.drift) == ((), ())
    return calls(plan)


def calls(plan: Plan) -> list[tuple[str, str]]:
    return [(step.address, step.call) for step in plan.steps]


def test_a_family_lives_and_its_primary_moves(bench: Bench) -> None:
    assert applied(bench, *family(description="a", rotation={"every": "365d"})) == [
        (KEY, "CreateKey"),
        (KEY, "EnableKeyRotation"),
        (KEY, "CreateAlias"),
        (DR, "ReplicateKey"),
        (DR, "CreateAlias"),
    ]
    rotated: dict[str, Any] = {"rotation": {"every": "90d"}}
    assert applied(bench, *family(description="b", rotation={"every": "365d"})) == [
        (KEY, "UpdateKeyDescription"),
        (DR, "UpdateKeyDescription"),
    ]
    moved = family(description="b", rotation={"every": "365d"}, primary="dr")
    assert applied(bench, *moved) == [(KEY, "UpdatePrimaryRegion")]
    # AWS sets the rotation where the primary is, whatever the key is called.
    changed = applied(bench, *family(description="b", primary="dr", **rotated))
    assert changed == [(KEY, "EnableKeyRotation")]
    home = applied(bench, *family(description="b", primary=None, **rotated))
    assert home == [(KEY, "UpdatePrimaryRegion")]


def test_replicas_leave_first_and_are_rescued(bench: Bench) -> None:
    terms: dict[str, Any] = {"deletion": destroyable(), "state": "active"}
    applied(bench, *family(**terms))
    leaving = bench.plan()
    assert calls(leaving) == [
        (DR, "DisableKey"),
        (DR, "ScheduleKeyDeletion"),
        (KEY, "DisableKey"),
    ]
    bench.perform(leaving)
    assert bench.plan().steps == ()
    assert sorted(applied(bench, *family(**terms))) == [
        (KEY, "EnableKey"),
        (DR, "CancelKeyDeletion"),
        (DR, "EnableKey"),
    ]
