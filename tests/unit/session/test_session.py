from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keyplan.diagnostics import ConfigurationError, Position
from keyplan.errors import (
    DeniedError,
    OutcomeUnknownError,
    ProviderDefectError,
    ProviderError,
    RejectedError,
    StateError,
    ThrottledError,
    TransientError,
)
from keyplan.model.address import Address
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.operations import CreateKey, MoveAlias
from keyplan.model.stack import ProviderBlock
from keyplan.sdk.hidden import HiddenKeysError
from keyplan.sdk.provider import OpenContext, Outcome, Page
from keyplan.session.opening import open_session
from keyplan.session.session import IDENTIFY_DEADLINE, ProviderSession
from keyplan.testing.clock import ManualClock
from keyplan.testing.fake import FakePlugin, FakeSettings, fake_plugin
from keyplan.testing.faults import FaultKind

CONTEXT = OpenContext(stack=Path(), now=ManualClock().now())
KEY = Address("key.a")
CREATE = CreateKey(KEY, OwnerMark("stack", "token"), "encrypt", "aes-256", None, None, {})


def _session(plugin: FakePlugin, **methods: Any) -> ProviderSession:
    """A session with the fake, some of whose methods misbehave."""
    provider = plugin.open(FakeSettings(), CONTEXT)
    misbehaving = type("Misbehaving", (), {"__getattr__": lambda _, name: getattr(provider, name)})
    for name, method in methods.items():
        setattr(misbehaving, name, staticmethod(method))
    return ProviderSession("fake", plugin, misbehaving(), clock=plugin.clock, random=lambda: 0.0)


# -- reading -----------------------------------------------------------------------------


def test_reads_are_cut_into_batches_and_absent_keys_left_out() -> None:
    plugin = fake_plugin(read_batch=7, threads=3)
    ids = [plugin.service().plant() for _ in range(50)]
    found = _session(plugin).read([*ids, "nowhere", ids[0]])
    assert set(found) == set(ids)
    assert plugin.service().called("read") == 8


def test_a_hidden_key_does_not_cost_the_reading_of_the_others() -> None:
    plugin = fake_plugin(read_batch=7, threads=3)
    ids = [plugin.service().plant() for _ in range(30)]
    provider = plugin.open(FakeSettings(), CONTEXT)
    hidden = {ids[2], ids[25]}

    def read(asked: Sequence[str]) -> Mapping[str, Observation]:
        seen = provider.read([item for item in asked if item not in hidden])
        refused = {item: DeniedError("no", why="because") for item in asked if item in hidden}
        if refused:
            raise HiddenKeysError(refused, seen)
        return seen

    with pytest.raises(HiddenKeysError) as refusal:
        _session(plugin, read=read).read(ids)
    assert set(refusal.value.hidden) == hidden
    assert set(refusal.value.seen) == set(ids) - hidden
    assert refusal.value.target == f"{ids[2]} and 1 more"
    with pytest.raises(DeniedError, match="no"):
        _session(plugin, read=read).read([ids[25]])


def test_what_is_seen_beside_a_hidden_key_is_checked() -> None:
    plugin = fake_plugin()

    def read(asked: Sequence[str]) -> Mapping[str, Observation]:
        raise HiddenKeysError({asked[0]: DeniedError("no")}, {asked[1]: Observation("", {})})

    with pytest.raises(ProviderDefectError, match="must have an id"):
        _session(plugin, read=read).read(["a", "b"])


def test_nothing_is_asked_for_nothing() -> None:
    plugin = fake_plugin()
    assert _session(plugin).read([]) == {}
    assert not plugin.service().calls


def test_a_read_that_is_throttled_is_tried_again() -> None:
    plugin = fake_plugin()
    key_id = plugin.service().plant()
    plugin.service().faults.add(FaultKind.THROTTLED, "read", times=3)
    assert key_id in _session(plugin).read([key_id])


def test_a_read_whose_answer_was_lost_is_asked_again() -> None:
    plugin = fake_plugin()
    key_id = plugin.service().plant()
    plugin.service().faults.add(FaultKind.LOST_BEFORE, "read", times=3)
    assert key_id in _session(plugin).read([key_id])


def test_limits_on_reading_count_keys() -> None:
    plugin = fake_plugin(rates={"read": 10.0}, read_batch=5)
    ids = [plugin.service().plant() for _ in range(20)]
    session = _session(plugin)
    session.read(ids)
    session.read(ids[:1])
    assert plugin.clock.monotonic() >= 1.9


def test_scan_goes_through_every_page() -> None:
    plugin = fake_plugin(page_size=3)
    ids = [plugin.service().plant() for _ in range(10)]
    assert [item.id for item in _session(plugin).scan()] == ids


def test_find_by_token_and_alias() -> None:
    plugin = fake_plugin()
    session = _session(plugin)
    made = session.execute(CREATE, {})
    found = session.find("token")
    assert found is not None
    assert found.id == made.id
    assert session.find("other") is None
    named = plugin.service().plant(aliases=["acme/x"])
    assert session.find_alias("acme/x") == named
    assert session.find_alias("acme/y") is None


def test_identity_is_asked_once() -> None:
    plugin = fake_plugin()
    asked: list[int] = []
    session = _session(plugin, identify=lambda: asked.append(1) or "me")
    assert (session.identity, session.identity, len(asked)) == ("me", "me", 1)


# -- promises ----------------------------------------------------------------------------


def _seen(key_id: str = "k", **attributes: Any) -> Observation:
    return Observation(key_id, {"state": "active", **attributes})


@pytest.mark.parametrize(
    "answer",
    [
        {"other": _seen("other")},
        {"k": _seen("other")},
        {"k": Observation("k", {})},
        {"k": _seen(state="open")},
        {"k": _seen(aliases=["b", "a"])},
        {"k": "key"},
    ],
    ids=["not asked", "wrong id", "no state", "no such state", "not canonical", "no observation"],
)
def test_a_broken_promise_of_read_is_a_defect(answer: Mapping[str, Any]) -> None:
    with pytest.raises(ProviderDefectError) as caught:
        _session(fake_plugin(), read=lambda ids: answer).read(["k"])
    assert "bug in the provider" in caught.value.advice


@pytest.mark.parametrize(
    "answer",
    [None, Outcome(""), Outcome("k", _seen("other")), Outcome("k", Observation("k", {}))],
    ids=["nothing", "no id", "wrong key", "no state"],
)
def test_a_broken_promise_of_execute_is_a_defect(answer: object) -> None:
    session = _session(fake_plugin(), execute=lambda *_, **__: answer)
    with pytest.raises(ProviderDefectError):
        session.execute(CREATE, {})


def test_a_key_with_another_token_is_a_defect() -> None:
    stranger = replace(_seen(), owner=OwnerMark("stack", "another"))
    with pytest.raises(ProviderDefectError, match="token"):
        _session(fake_plugin(), find=lambda token: stranger).find("token")


def test_a_scan_that_goes_in_circles_is_a_defect() -> None:
    session = _session(fake_plugin(), scan=lambda cursor: Page([], "same"))
    with pytest.raises(ProviderDefectError, match="cursor"):
        list(session.scan())


@pytest.mark.parametrize("kind", [RuntimeError, builtins.KeyError, StateError])
def test_stray_exceptions_become_defects_without_their_text(kind: type[Exception]) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise kind("the PIN is 1234")

    session = _session(fake_plugin(), execute=fail, read=fail, identify=fail, close=fail)
    for call in (
        lambda: session.execute(CREATE, {}),
        lambda: session.read(["k"]),
        lambda: session.identity,
        session.close,
    ):
        with pytest.raises(ProviderDefectError) as caught:
            call()
        assert "1234" not in str(caught.value)
        assert isinstance(caught.value.__cause__, kind)


# -- writing -----------------------------------------------------------------------------


def test_lost_answers_are_not_tried_again() -> None:
    plugin = fake_plugin()
    plugin.service().faults.add(FaultKind.LOST_BEFORE, "create_key")
    with pytest.raises(OutcomeUnknownError):
        _session(plugin).execute(CREATE, {})
    assert plugin.service().called("create_key") == 1


def test_the_provider_is_told_the_time_that_is_left() -> None:
    plugin = fake_plugin()
    told: list[float] = []

    def execute(operation: Any, bindings: Any, *, expects: Any, deadline: float) -> Outcome:
        told.append(deadline)
        plugin.clock.sleep(10)
        if len(told) < 3:
            raise ThrottledError("slow down", retry_after=5)
        return Outcome("k")

    _session(plugin, execute=execute).execute(CREATE, {}, deadline=60.0)
    assert told == [60.0, 45.0, 30.0]


def test_what_a_provider_does_not_offer_is_not_asked_of_it() -> None:
    plugin = fake_plugin(unsupported={"create_key"})
    with pytest.raises(RejectedError, match="does not perform create_key"):
        _session(plugin).execute(CREATE, {})
    assert not plugin.service().calls


def test_an_alias_that_moves_takes_both_keys() -> None:
    plugin = fake_plugin()
    held: list[Sequence[str]] = []
    session = _session(plugin, execute=lambda *_, **__: Outcome("k"))
    holding = session._locks.holding
    session._locks.holding = lambda keys, timeout: (held.append(keys), holding(keys))[1]  # type: ignore[method-assign]
    session.execute(MoveAlias(KEY, "x", Address("key.b")), {})
    assert held == [("key.a", "key.b")]


def test_rates_hold_for_writing_too() -> None:
    plugin = fake_plugin(rates={"create_key": 2.0})
    session = _session(plugin, execute=lambda *_, **__: Outcome("k"))
    for _ in range(11):
        session.execute(CREATE, {})
    assert plugin.clock.monotonic() == pytest.approx(5.0, abs=0.5)


# -- opening -----------------------------------------------------------------------------


def test_open_validates_settings_without_repeating_them() -> None:
    block = ProviderBlock(
        "fake.dr", {"place": 7, "pin": "s3cret"}, Position("a.yaml", 3, 1), "  fake:"
    )
    with pytest.raises(ConfigurationError) as caught:
        open_session(block, fake_plugin(), CONTEXT, clock=ManualClock())
    found = caught.value.diagnostics
    assert len(found) == 2
    assert found[0].position == block.position
    text = " ".join(item.summary for item in found)
    assert "fake.dr" in text
    assert "pin" in text
    assert "s3cret" not in text


def test_open_connects() -> None:
    session = open_session(ProviderBlock("fake"), fake_plugin(), CONTEXT)
    assert session.instance == "fake"
    assert session.identity.place == "fake memory"
    session.close()
    session.close()


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ModuleNotFoundError("no", name="boto3"), ProviderError, "keyplan[fake]"),
        (OSError("pin=1234"), ProviderDefectError, "OSError"),
        (RejectedError("no such region"), RejectedError, "no such region"),
    ],
)
def test_what_keeps_a_provider_from_opening(error: Exception, kind: type, words: str) -> None:
    class Closed:
        """A plugin that cannot be opened."""

        name = "fake"
        settings_model = FakeSettings

        def open(self, settings: object, context: object) -> object:
            raise error

    with pytest.raises(kind) as caught:
        open_session(ProviderBlock("fake"), Closed(), CONTEXT)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "1234" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["k", "arn:x:key/k-1", "k-1", "alias/acme/a", "arn:x:alias/acme/a"]
)
def test_a_key_may_be_asked_for_by_other_names_that_it_confirms(name: str) -> None:
    names = {"arn": "arn:x:key/k-1", "key_id": "k-1", "aliases": ["acme/a"]}
    seen = Observation("k", {"state": "active", **names})
    session = _session(fake_plugin(), read=lambda _: {name: seen})
    assert session.read([name]) == {name: seen}


def test_a_provider_that_paces_itself_is_not_held_back() -> None:
    waits = {}
    for paces in (False, True):
        plugin = fake_plugin(rates={"find_alias": 0.01}, paces_itself=paces)
        session = _session(plugin)
        for _ in range(3):
            session.find_alias("a")
        waits[paces] = sum(plugin.clock.slept)
    assert waits[True] == 0 < waits[False]


def test_a_service_that_is_not_there_is_said_within_seconds() -> None:
    plugin = fake_plugin()
    tries = []

    def identify() -> None:
        tries.append(plugin.clock.monotonic())
        plugin.clock.sleep(4)
        raise TransientError("it cannot be reached")

    session = _session(plugin, identify=identify)
    with pytest.raises(TransientError, match="cannot be reached"):
        _ = session.identity
    assert len(tries) > 1
    assert tries[-1] - tries[0] <= IDENTIFY_DEADLINE
