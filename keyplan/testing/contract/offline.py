"""The musts of a `Plugin`: pure functions, a coherent manifest, honest policies."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from keyplan.access.atoms import Atom
from keyplan.diagnostics import Severity
from keyplan.errors import RejectedError
from keyplan.model.keys import ALGORITHMS, Usage
from keyplan.model.policies import USE, Effect, EffectivePolicy, Statement
from keyplan.model.resources import DesiredKey
from keyplan.sdk.capabilities import Deletion
from keyplan.sdk.provider import Plugin, Provider
from keyplan.testing.contract.harness import ContractHarness, offered
from keyplan.testing.contract.samples import USERS, Samples
from keyplan.testing.contract.scenarios import SCENARIOS
from keyplan.testing.contract.trial import NotOffered, Trial


def a_key(plugin: Plugin, samples: Samples) -> tuple[DesiredKey, Usage]:
    """A declared key that the manifest offers."""
    for usage in Usage:
        for algorithm, usages in sorted(plugin.capabilities().algorithms.items()):
            if usage in usages:
                return samples.desired(plugin, usage, algorithm), usage
    raise NotOffered("any algorithm")


class OfflineContract(ContractHarness):
    """What a plugin must do without talking to anybody."""

    def test_both_halves_implement_their_protocols(
        self, plugin: Plugin, provider: Provider
    ) -> None:
        assert isinstance(plugin, Plugin), "the plugin lacks a member of keyplan.sdk.Plugin"
        assert isinstance(provider, Provider), "open() must return a keyplan.sdk.Provider"
        assert plugin.name, "a plugin must have a name"
        assert plugin.summary, "a plugin must have a summary"

    def test_capabilities_are_constant(self, plugin: Plugin) -> None:
        assert plugin.capabilities() == plugin.capabilities()

    def test_capabilities_are_coherent(self, plugin: Plugin) -> None:
        offered_here = plugin.capabilities()
        unknown = offered_here.operations - SCENARIOS.keys()
        assert not unknown, f"not operations: {sorted(unknown)}"
        scheduled = {"schedule_deletion", "cancel_deletion"}
        match offered_here.deletion:
            case Deletion.SCHEDULED:
                assert scheduled <= offered_here.operations, "a scheduled deletion can be cancelled"
            case Deletion.IMMEDIATE:
                assert "destroy_key" in offered_here.operations
            case Deletion.FORBIDDEN:
                assert not (scheduled | {"destroy_key"}) & offered_here.operations
        for algorithm, usages in offered_here.algorithms.items():
            assert algorithm in ALGORITHMS, f"{algorithm} is not an algorithm of the language"
            beyond = usages - ALGORITHMS[algorithm].usages
            assert not beyond, f"{algorithm} cannot be used for {sorted(beyond)}"
        assert offered_here.default_relation in offered_here.relations
        assert offered_here.threads >= 1
        assert offered_here.read_batch >= 1
        assert all(rate >= 0 for rate in offered_here.rates.values())
        assert offered_here.max_window is None or offered_here.min_window <= offered_here.max_window

    def test_settings_models_forbid_unknown_keys(self, plugin: Plugin) -> None:
        for model in (plugin.settings_model, plugin.key_settings_model):
            if model is not None:
                assert model.model_config.get("extra") == "forbid", f"{model.__name__} must forbid"

    def test_canonical_is_pure_and_idempotent(self, plugin: Plugin, samples: Samples) -> None:
        for index in (0, 1):
            given = {name: pair[index] for name, pair in samples.attributes.items()}
            given |= {"labels": dict(samples.labels), "aliases": ["b", "a"], "unheard_of": "x"}
            kept = copy.deepcopy(given)
            once = plugin.canonical(given)
            assert given == kept, "canonical() changed what it was given"
            assert plugin.canonical(once) == once, "canonical() is not idempotent"

    def test_canonical_ignores_the_order_of_aliases(self, plugin: Plugin) -> None:
        assert plugin.canonical({"aliases": ["b", "a"]}) == plugin.canonical(
            {"aliases": ["a", "b"]}
        )

    def test_compiling_a_policy_is_deterministic(self, plugin: Plugin, samples: Samples) -> None:
        with offered():
            key, _ = a_key(plugin, samples)
        policy = samples.policy(plugin.name, wider=True)
        turned = replace(policy, statements=tuple(reversed(policy.statements)))
        first = plugin.compile_policy(policy, key)
        assert plugin.compile_policy(policy, key) == first
        assert plugin.compile_policy(turned, key) == first, (
            "the order of statements must not matter"
        )
        assert plugin.canonical({"policy": first}) == {"policy": first}, "it must be canonical"

    def test_a_compiled_policy_says_who_may_do_what(self, plugin: Plugin, samples: Samples) -> None:
        with offered():
            key, usage = a_key(plugin, samples)
        compiled = plugin.compile_policy(samples.policy(plugin.name), key)
        allowed = _allowed(plugin.access(compiled, {}))
        assert (samples.administrator, "set_policy") in allowed, "administrators must administer"
        for operation in USE[usage]:
            assert (samples.user, operation) in allowed, f"the user lost {operation}"
        assert not any(
            who == samples.user for who, operation in allowed if operation == "set_policy"
        )

    def test_a_grant_says_who_may_do_what(self, plugin: Plugin, samples: Samples) -> None:
        with offered():
            _, usage = a_key(plugin, samples)
        if "create_grant" not in plugin.capabilities().operations:
            pytest.skip("not offered: create_grant")
        allowed = _allowed(plugin.access(None, {"batch": samples.grant(USE[usage])}))
        assert {(samples.user, operation) for operation in USE[usage]} <= allowed

    def test_a_condition_that_cannot_be_honoured_is_rejected_by_name(
        self, plugin: Plugin, samples: Samples
    ) -> None:
        with offered():
            key, _ = a_key(plugin, samples)
        statement = Statement(
            "TrialPhase", Effect.ALLOW, (USERS,), frozenset({"use"}), when={"moon_phase": "full"}
        )
        policy = replace(samples.policy(plugin.name), statements=(statement,))
        with pytest.raises(RejectedError) as refusal:
            plugin.compile_policy(policy, key)
        assert "TrialPhase" in str(refusal.value), "the error must name the statement"
        assert "moon_phase" in str(refusal.value), "the error must name the condition"

    def test_a_principal_without_identity_is_rejected_by_name(
        self, plugin: Plugin, samples: Samples
    ) -> None:
        with offered():
            key, _ = a_key(plugin, samples)
        policy = samples.policy(plugin.name)
        nameless = {
            address: replace(principal, identities={})
            for address, principal in policy.principals.items()
        }
        stripped: EffectivePolicy = replace(policy, principals=nameless)
        with pytest.raises(RejectedError, match=r"principal\.trial_"):
            plugin.compile_policy(stripped, key)

    def test_check_has_nothing_against_a_plain_key(self, plugin: Plugin, samples: Samples) -> None:
        with offered():
            key, _ = a_key(plugin, samples)
        errors = [item for item in plugin.check(key) if item.severity is Severity.ERROR]
        assert not errors, f"check() refuses a key that the manifest offers: {errors}"

    def test_defaults_are_canonical(self, plugin: Plugin, samples: Samples) -> None:
        with offered():
            key, _ = a_key(plugin, samples)
        defaults = plugin.defaults(key)
        assert plugin.canonical(defaults) == defaults

    def test_permissions_say_what_for_and_why(self, plugin: Plugin) -> None:
        for permission in plugin.permissions():
            assert permission.name, "a permission must have a name"
            assert permission.why, f"{permission.name}: why?"
            assert set(permission.needed_for) <= {"plan", "apply", "drift"}

    def test_the_trial_can_make_keys(self, trial: Trial) -> None:
        with offered():
            made = trial.create()
        assert trial.look(made).id == made.id


def _allowed(atoms: object) -> set[tuple[str, str]]:
    assert isinstance(atoms, list | tuple)
    found = [atom for atom in atoms if isinstance(atom, Atom)]
    return {(atom.principal, atom.operation) for atom in found if atom.effect is Effect.ALLOW}
