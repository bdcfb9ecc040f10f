"""Faults on request: what is refused was not done, what is lost was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from keyplan.errors import OutcomeUnknownError, ThrottledError, TransientError
from keyplan.model.operations import CreateAlias
from keyplan.sdk.provider import OpenContext
from keyplan_hsm.opening import open_provider
from keyplan_hsm.settings import HsmSettings
from tests.unit.hsm.bench import NOW, Bench, key


def test_a_lost_answer_is_found_by_its_token(hsm: Bench) -> None:
    hsm.provider = hsm.open(faults={"lose_answer_every": 1})
    with pytest.raises(OutcomeUnknownError):
        hsm.create("data", token="t")
    found = hsm.provider.find("t")
    assert found is not None
    hsm.provider = hsm.open()
    assert hsm.create("data", token="t") == found.id
    assert len(hsm.provider.scan().observations) == 1


@pytest.mark.parametrize(
    ("fault", "error"), [("throttle_every", ThrottledError), ("fail_every", TransientError)]
)
def test_every_second_operation_is_refused_and_not_done(
    hsm: Bench, fault: str, error: type[Exception]
) -> None:
    hsm.provider = hsm.open(faults={fault: 2})
    hsm.create("one")
    with pytest.raises(error):
        hsm.create("two", token="t")
    assert hsm.provider.find("t") is None
    hsm.create("two", token="t")


def test_faults_may_concern_some_operations_only(hsm: Bench) -> None:
    hsm.provider = hsm.open(faults={"lose_answer_every": 1, "operations": ["create_alias"]})
    data = hsm.create("data")
    with pytest.raises(OutcomeUnknownError):
        hsm.do(CreateAlias(key("data"), "name"))
    assert hsm.provider.find_alias("name") == data


def test_an_outage_refuses_everything(hsm: Bench) -> None:
    out = hsm.open(faults={"outage": True})
    for call in (
        lambda: out.read(["x"]),
        out.scan,
        lambda: out.find("t"),
        lambda: out.find_alias("n"),
        lambda: out.execute(CreateAlias(key("data"), "name"), {}),
    ):
        with pytest.raises(TransientError):
            call()


def test_latency_is_waited_for_and_injected(hsm: Bench) -> None:
    slept: list[float] = []
    provider = open_provider(
        HsmSettings.model_validate({"faults": {"latency": 0.25}}),
        OpenContext(hsm.folder, NOW),
        sleep=slept.append,
    )
    hsm.opened.append(provider)
    provider.scan()
    provider.find("t")
    assert slept == [0.25, 0.25]


@pytest.mark.parametrize(("offset", "hours"), [("36h", 36), ("-36h", -36)])
def test_the_hsms_clock_may_be_wrong(hsm: Bench, offset: str, hours: int) -> None:
    hsm.provider = hsm.open(faults={"clock_offset": offset})
    hsm.create("data")
    made = hsm.read("data").versions[0].created_at
    assert abs(made - NOW - timedelta(hours=hours)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"stores": "x"},
        {"store": ""},
        {"pin": {}},
        {"pin": {"env": "A", "file": "b"}},
        {"pin": "1234"},
        {"faults": {"latency": -1}},
        {"faults": {"clock_offset": "tomorrow"}},
        {"identity": ""},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HsmSettings.model_validate(settings)
