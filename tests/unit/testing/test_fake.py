"""The fake is strict where services are strict, and breaks when told to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from keyplan.access.atoms import Atom
from keyplan.errors import (
    ConflictError,
    DeniedError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnauthenticatedError,
)
from keyplan.model.address import Address
from keyplan.model.keys import KeyState, Relation, Tier, Usage
from keyplan.model.observations import OwnerMark
from keyplan.model.operations import (
    CancelDeletion,
    ChangeState,
    CreateAlias,
    CreateKey,
    DestroyKey,
    PutLabels,
    PutPolicy,
    RotateKey,
    ScheduleDeletion,
)
from keyplan.model.policies import (
    ADMINISTER,
    Effect,
    EffectivePolicy,
    Policy,
    Statement,
    Unenforced,
    merge,
)
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.resources import DesiredKey
from keyplan.sdk.capabilities import Deletion
from keyplan.sdk.provider import OpenContext, Provider
from keyplan.testing.clock import DAWN
from keyplan.testing.fake import FakePlugin, FakeSettings, fake_plugin
from keyplan.testing.fake_policy import OWNER
from keyplan.testing.faults import FaultKind, SimulatedCrash

KEY = Address("key.a")
OTHER = Address("key.b")


def connect(plugin: FakePlugin, *, place: str = "memory", read_only: bool = False) -> Provider:
    context = OpenContext(stack=Path(), now=DAWN, read_only=read_only)
    return plugin.open(FakeSettings(place=place), context)


def creation(
    target: Address = KEY,
    token: str = "t1",
    *,
    usage: str = "encrypt",
    parent: Address | None = None,
    relation: str | None = None,
) -> CreateKey:
    owner = OwnerMark("stack", token)
    return CreateKey(target, owner, usage, "aes-256", parent, relation, {})


def suspend(provider: Provider, key_id: str, target: Address = KEY) -> None:
    provider.execute(ChangeState(target, KeyState.ACTIVE, KeyState.SUSPENDED), {target: key_id})


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.THROTTLED, ThrottledError),
        (FaultKind.TRANSIENT, TransientError),
        (FaultKind.LOST_BEFORE, OutcomeUnknownError),
        (FaultKind.DENIED, DeniedError),
        (FaultKind.UNAUTHENTICATED, UnauthenticatedError),
        (FaultKind.QUOTA, QuotaError),
        (FaultKind.DEFECT, RuntimeError),
        (FaultKind.CRASH_BEFORE, SimulatedCrash),
    ],
)
def test_a_fault_before_the_effect_leaves_the_world_alone(
    kind: FaultKind, error: type[BaseException]
) -> None:
    plugin = fake_plugin()
    plugin.service().faults.add(kind, "create_key")
    provider = connect(plugin)
    with pytest.raises(error):
        provider.execute(creation(), {})
    assert plugin.service().current() == []
    assert [call.fault for call in plugin.service().calls] == [kind.value]


@pytest.mark.parametrize(
    ("kind", "error"),
    [(FaultKind.LOST_AFTER, OutcomeUnknownError), (FaultKind.CRASH_AFTER, SimulatedCrash)],
)
def test_a_lost_answer_leaves_a_key_that_its_token_finds(
    kind: FaultKind, error: type[BaseException]
) -> None:
    plugin = fake_plugin()
    plugin.service().faults.add(kind)
    provider = connect(plugin)
    with pytest.raises(error):
        provider.execute(creation(), {})
    found = connect(plugin).find("t1")
    assert found is not None
    assert provider.execute(creation(), {}).id == found.id
    assert len(plugin.service().current()) == 1


def test_a_fault_fires_at_the_call_it_names_and_as_often_as_it_says() -> None:
    plugin = fake_plugin()
    plugin.service().faults.add(FaultKind.THROTTLED, "read", nth=2, times=2)
    provider = connect(plugin)
    fates = []
    for _ in range(5):
        try:
            provider.read([])
            fates.append("ok")
        except ThrottledError:
            fates.append("throttled")
    assert fates == ["ok", "throttled", "throttled", "ok", "ok"]
    provider.scan()
    assert plugin.service().called("read") == 5
    plugin.service().forget_calls()
    assert plugin.service().calls == ()


def test_cleared_faults_do_not_fire() -> None:
    plugin = fake_plugin()
    plugin.service().faults.add(FaultKind.DENIED)
    plugin.service().faults.clear()
    assert connect(plugin).read([]) == {}


def test_a_window_ends_by_itself_and_frees_the_alias() -> None:
    plugin = fake_plugin()
    provider = connect(plugin)
    key_id = provider.execute(creation(), {}).id
    bindings = {KEY: key_id}
    provider.execute(CreateAlias(KEY, "acme/a"), bindings)
    suspend(provider, key_id)
    provider.execute(ScheduleDeletion(KEY, "7d"), bindings)
    plugin.clock.advance(timedelta(days=7, seconds=-1))
    assert key_id in provider.read([key_id])
    plugin.clock.advance(timedelta(seconds=1))
    assert provider.read([key_id]) == {}
    assert provider.find_alias("acme/a") is None
    assert provider.scan().observations == []


def test_a_cancelled_deletion_never_makes_a_compromised_key_milder() -> None:
    plugin = fake_plugin()
    provider = connect(plugin)
    key_id = provider.execute(creation(), {}).id
    bindings = {KEY: key_id}
    provider.execute(ChangeState(KEY, KeyState.ACTIVE, KeyState.COMPROMISED), bindings)
    provider.execute(ScheduleDeletion(KEY, "7d"), bindings)
    provider.execute(CancelDeletion(KEY, "7d"), bindings)
    assert provider.read([key_id])[key_id].state is KeyState.COMPROMISED


def test_an_active_key_cannot_be_destroyed_in_one_step() -> None:
    for deletion, operation in (
        (Deletion.SCHEDULED, ScheduleDeletion(KEY, "7d")),
        (Deletion.IMMEDIATE, DestroyKey(KEY)),
    ):
        provider = connect(fake_plugin(deletion=deletion))
        key_id = provider.execute(creation(), {}).id
        with pytest.raises(RejectedError, match="Suspend it first"):
            provider.execute(operation, {KEY: key_id})


def test_a_parent_goes_after_its_children() -> None:
    provider = connect(fake_plugin(deletion=Deletion.IMMEDIATE))
    parent = provider.execute(creation(usage="wrap"), {}).id
    child_call = creation(OTHER, "t2", parent=KEY, relation="wraps")
    child = provider.execute(child_call, {KEY: parent}).id
    suspend(provider, parent)
    with pytest.raises(RejectedError, match="still protects"):
        provider.execute(DestroyKey(KEY), {KEY: parent})
    suspend(provider, child, OTHER)
    provider.execute(DestroyKey(OTHER), {OTHER: child})
    provider.execute(DestroyKey(KEY), {KEY: parent})


def test_a_parent_must_be_usable_and_made_for_it() -> None:
    provider = connect(fake_plugin())
    parent = provider.execute(creation(usage="encrypt"), {}).id
    with pytest.raises(RejectedError, match="cannot be a parent"):
        provider.execute(creation(OTHER, "t2", parent=KEY, relation="wraps"), {KEY: parent})
    wrapping = provider.execute(creation(token="t3", usage="wrap"), {}).id
    suspend(provider, wrapping)
    with pytest.raises(RejectedError, match="cannot protect another"):
        provider.execute(creation(OTHER, "t4", parent=KEY, relation="wraps"), {KEY: wrapping})
    governed = creation(OTHER, "t5", parent=KEY, relation=Relation.GOVERNS.value)
    assert provider.execute(governed, {}).id


def test_an_alias_belongs_to_one_key() -> None:
    provider = connect(fake_plugin())
    bindings = {
        KEY: provider.execute(creation(), {}).id,
        OTHER: provider.execute(creation(OTHER, "t2"), {}).id,
    }
    provider.execute(CreateAlias(KEY, "acme/a"), bindings)
    with pytest.raises(ConflictError, match="acme/a"):
        provider.execute(CreateAlias(OTHER, "acme/a"), bindings)


def test_a_fingerprint_that_does_not_fit_is_a_conflict() -> None:
    provider = connect(fake_plugin())
    key_id = provider.execute(creation(), {}).id
    with pytest.raises(ConflictError):
        provider.execute(RotateKey(KEY, 2), {KEY: key_id}, expects="0" * 64)


def test_reads_lag_and_writes_do_not() -> None:
    plugin = fake_plugin(read_lag=timedelta(seconds=5))
    provider = connect(plugin)
    outcome = provider.execute(creation(), {})
    assert provider.read([outcome.id]) == {}
    assert provider.find("t1") is None
    plugin.clock.advance(timedelta(seconds=5))
    provider.execute(PutLabels(KEY, {"team": "a"}, [], {}), {KEY: outcome.id})
    assert provider.read([outcome.id])[outcome.id].attributes["labels"] == {}
    plugin.clock.advance(timedelta(seconds=5))
    assert provider.read([outcome.id])[outcome.id].attributes["labels"] == {"team": "a"}


def test_places_are_different_services_and_outlive_connections() -> None:
    plugin = fake_plugin()
    key_id = connect(plugin, place="one").execute(creation(), {}).id
    assert key_id in connect(plugin, place="one").read([key_id])
    assert connect(plugin, place="two").read([key_id]) == {}


def test_a_reading_connection_performs_nothing() -> None:
    provider = connect(fake_plugin(), read_only=True)
    with pytest.raises(RejectedError, match="reading only"):
        provider.execute(creation(), {})


def test_strangers_keys_and_accidents_are_not_in_the_log() -> None:
    plugin = fake_plugin()
    service = plugin.service()
    key_id = service.plant(aliases=["stranger/a"])
    service.edit(key_id, lambda key: key.having("description", "by hand"))
    provider = connect(plugin)
    seen = provider.read([key_id])[key_id]
    assert seen.owner is None
    assert seen.attributes["description"] == "by hand"
    assert provider.find_alias("stranger/a") == key_id
    service.vanish(key_id)
    assert provider.read([key_id]) == {}
    assert {call.name for call in service.calls} == {"read", "find_alias"}


# -- policies ----------------------------------------------------------------------------

APP = Address("principal.app")


def policy(*statements: Statement) -> EffectivePolicy:
    principals = {APP: Principal(APP, PrincipalKind.WORKLOAD, {"fake": ("app-1", "app-2")})}
    return merge([Policy(Address("policy.p"), (APP,), statements)], principals)


def desired(**fields: object) -> DesiredKey:
    key = DesiredKey(KEY, "fake", Tier.SERVICE, Usage.ENCRYPT, "aes-256")
    return key if not fields else DesiredKey(KEY, "fake", Tier.SERVICE, **fields)  # type: ignore[arg-type]


def test_without_a_policy_only_the_owner_administers() -> None:
    atoms = fake_plugin().access(None, {})
    assert {atom.principal for atom in atoms} == {OWNER}
    assert {atom.operation for atom in atoms} == set(ADMINISTER)


def test_statements_become_atoms_with_their_conditions() -> None:
    plugin = fake_plugin()
    statement = Statement(
        "Use", Effect.DENY, None, frozenset({"encrypt"}), unless={"mfa": True}, expires_at=DAWN
    )
    compiled = plugin.compile_policy(policy(statement), desired())
    atoms = [atom for atom in plugin.access(compiled, {}) if atom.source == "Use"]
    assert atoms == [
        Atom(
            Effect.DENY, "*", "encrypt", unless='{"mfa":true}',
            expires_at="2027-01-01T00:00:00Z", source="Use",
        )
    ]  # fmt: skip


def test_an_accepted_gap_skips_the_statement_or_drops_the_condition() -> None:
    plugin = fake_plugin(conditions={"context"})
    kept = {"context": {"tenant": "a"}}
    for then, expected in (("skip", []), ("drop", [{"when": kept}])):
        gap = Unenforced("fake", ("mfa",), then, "CHG-9", DAWN)
        statement = Statement(
            "Use", Effect.ALLOW, (APP,), frozenset({"use"}), {"mfa": True, **kept},
            unenforced=(gap,),
        )  # fmt: skip
        compiled = plugin.compile_policy(policy(statement), desired())
        assert isinstance(compiled, dict)
        statements = compiled["statements"]
        assert isinstance(statements, list)
        assert [{"when": item["when"]} for item in statements] == expected  # type: ignore[index, call-overload]


def test_a_condition_it_does_not_have_is_refused_by_name() -> None:
    statement = Statement("Use", Effect.ALLOW, (APP,), frozenset({"use"}), {"mfa": True})
    with pytest.raises(RejectedError, match="Use needs mfa"):
        fake_plugin(conditions=()).compile_policy(policy(statement), desired())


def test_policies_are_stored_in_one_spelling() -> None:
    plugin = fake_plugin()
    provider = connect(plugin)
    key_id = provider.execute(creation(), {}).id
    provider.execute(
        PutPolicy(KEY, None, {"statements": [], "administrators": ["b", "a"]}), {KEY: key_id}
    )
    stored = provider.read([key_id])[key_id].attributes["policy"]
    assert stored == {"administrators": ["a", "b"], "statements": []}


def test_an_alias_that_is_too_long_is_a_diagnostic() -> None:
    key = desired().with_attributes({"aliases": ["a" * 257, "b"]})
    assert [item.code for item in fake_plugin().check(key)] == ["KP-FAKE-001"]
