"""The musts of `execute`: done once, seen to be done, undone, refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keyplan.errors import ConflictError, KeyplanError, ProviderDefectError, RejectedError
from keyplan.model.address import Address
from keyplan.model.inverses import Grade, Inverse, inverse_of
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    STATE_OPERATIONS,
    ChangeState,
    CreateKey,
    DestroyKey,
    PutLabels,
    RemoteOperation,
    ReplicateKey,
    RotateKey,
    SetAttribute,
)
from keyplan.sdk.capabilities import Mutability, Reading
from keyplan.testing.contract.calls import calls
from keyplan.testing.contract.effects import undone, visible
from keyplan.testing.contract.harness import ContractHarness, offered
from keyplan.testing.contract.scenarios import SCENARIOS, Scenario
from keyplan.testing.contract.trial import Made, NotOffered, Trial

OPERATIONS = sorted(SCENARIOS)
NOWHERE = Address("key.nowhere")


class PerformingContract(ContractHarness):
    """How a provider performs the closed set of operations."""

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_operation(self, trial: Trial, name: str) -> None:
        """What the manifest names is performed, recognised and undone; the rest is refused."""
        if not trial.performs(name):
            self._is_refused(trial, name)
            return
        with offered():
            scenario = SCENARIOS[name](trial)
        before = {made: trial.look(made) for made in scenario.touched}
        subject, after = self._is_performed(trial, scenario, before)
        self._is_recognised(trial, scenario, subject, after, before)
        self._is_undone(trial, scenario, subject, before)

    @staticmethod
    def _is_refused(trial: Trial, name: str) -> None:
        try:
            made, other = trial.create(), trial.create()
        except NotOffered:
            made = other = Made(NOWHERE, trial.samples.absent_id, trial.mark(), trial.any_usage())
        operation = calls(made.address, other.address, trial.mark())[name]
        with pytest.raises(RejectedError):
            trial.perform(operation)

    @staticmethod
    def _is_performed(
        trial: Trial, scenario: Scenario, before: dict[Made, Observation]
    ) -> tuple[Made | None, Observation | None]:
        operation = scenario.operation
        if isinstance(operation, CreateKey):
            subject = trial.perform_creation(operation)
            after = trial.look(subject)
            assert visible(operation, after, trial.plugin)
            return subject, after
        expects = before[scenario.touched[0]].fingerprint if scenario.touched else None
        outcome = trial.perform(operation, expects=expects)
        if isinstance(operation, DestroyKey):
            assert outcome.id not in trial.look_at([outcome.id]), "it is still there"
            return None, None
        if isinstance(operation, ReplicateKey):
            subject = Made(operation.target, outcome.id, operation.owner, trial.any_usage())
            trial.made[subject.address] = subject
        else:
            subject = scenario.touched[0]
            assert outcome.id == subject.id, "the outcome must name the target"
        after = trial.look(subject)
        assert visible(operation, after, trial.plugin), f"{operation.name} cannot be seen"
        if outcome.observation is not None:
            assert outcome.observation.fingerprint == after.fingerprint, "the outcome misreports"
        return subject, after

    @staticmethod
    def _is_recognised(
        trial: Trial,
        scenario: Scenario,
        subject: Made | None,
        after: Observation | None,
        before: dict[Made, Observation],
    ) -> None:
        """The same call once more, as after a crash, with the same expectation."""
        expects = before[scenario.touched[0]].fingerprint if scenario.touched else None
        trial.perform(scenario.operation, expects=expects)
        if subject is not None and after is not None:
            again = trial.look(subject)
            assert again.fingerprint == after.fingerprint, "done twice, it did something more"
            assert again.deletion_at == after.deletion_at, "the window started again"

    @staticmethod
    def _is_undone(
        trial: Trial, scenario: Scenario, subject: Made | None, before: dict[Made, Observation]
    ) -> None:
        inverse = _inverse(trial, scenario.operation)
        if subject is None or inverse.grade is Grade.NONE:
            return
        for operation in inverse.operations:
            if not isinstance(operation, STATE_OPERATIONS):
                trial.perform(operation)
        for made, seen in before.items() or [(subject, trial.look(subject))]:
            now = trial.look(made)
            assert undone(scenario.operation, inverse, seen, now), (
                f"the inverse of {scenario.operation.name} is {inverse.grade.value}, and left"
                f" {made.id} otherwise"
            )

    @pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "create_key"])
    def test_operation_on_a_key_that_is_not_there(self, trial: Trial, name: str) -> None:
        """It fails with an error that says so, whoever catches it."""
        operation = calls(NOWHERE, Address("key.elsewhere"), trial.mark())[name]
        absent = {
            NOWHERE: trial.samples.absent_id,
            Address("key.elsewhere"): trial.samples.absent_id,
        }
        with pytest.raises(KeyplanError) as failure:
            trial.provider.execute(operation, absent)
        assert not isinstance(failure.value, ProviderDefectError)
        assert failure.value.what, "an error must say what happened"

    def test_what_is_not_offered_cannot_be_created(self, trial: Trial) -> None:
        with offered():
            operation = trial.creation()
        count = len(trial.all_pages())
        with pytest.raises(RejectedError):
            trial.perform(replace(operation, algorithm="rot-13"))
        with pytest.raises(RejectedError):
            trial.perform(replace(operation, owner=trial.mark(), usage="guess"))
        assert len(trial.all_pages()) == count, "a refused create left something behind"

    def test_nothing_leads_back_from_deactivated(self, trial: Trial) -> None:
        with offered():
            trial.require("change_state")
            if KeyState.DEACTIVATED not in trial.capabilities.states:
                raise NotOffered("deactivated keys")
            made = trial.create()
        trial.perform(ChangeState(made.address, KeyState.ACTIVE, KeyState.DEACTIVATED))
        for state in (KeyState.ACTIVE, KeyState.SUSPENDED):
            with pytest.raises((RejectedError, ConflictError)):
                trial.perform(ChangeState(made.address, KeyState.DEACTIVATED, state))
        assert trial.look(made).state is KeyState.DEACTIVATED

    def test_a_key_pending_deletion_cannot_be_used_again_but_by_cancelling(
        self, trial: Trial
    ) -> None:
        with offered():
            made = trial.pending()
        with pytest.raises(KeyplanError):
            trial.perform(ChangeState(made.address, KeyState.SUSPENDED, KeyState.ACTIVE))
        seen = trial.look(made)
        assert seen.deletion_at is not None
        assert seen.state is not KeyState.ACTIVE

    def test_one_way_attributes_are_never_taken_back(self, trial: Trial) -> None:
        one_way = [
            name
            for name, facts in trial.capabilities.attributes.items()
            if facts.mutability is Mutability.ONE_WAY
            and facts.reading is Reading.OBSERVED
            and name in trial.samples.attributes
        ]
        if not one_way:
            pytest.skip("not offered: a one-way attribute")
        for name in one_way:
            made = trial.create()
            before = trial.look(made).attributes.get(name)
            wanted = trial.samples.attributes[name][0]
            trial.perform(SetAttribute(made.address, name, before, wanted))
            with pytest.raises(RejectedError):
                trial.perform(SetAttribute(made.address, name, wanted, before))
            assert trial.look(made).attributes.get(name) == wanted

    def test_a_version_that_exists_is_not_made_again(self, trial: Trial) -> None:
        with offered():
            trial.require("rotate_key")
            made = trial.create()
        latest = max(trial.look(made).latest_version, 1)
        trial.perform(RotateKey(made.address, latest + 1))
        trial.perform(RotateKey(made.address, latest + 1))
        assert trial.look(made).latest_version == latest + 1

    def test_a_stale_expectation_changes_nothing_or_is_not_looked_at(self, trial: Trial) -> None:
        with offered():
            trial.require("put_labels")
            made = trial.create()
        before = trial.look(made)
        try:
            trial.perform(PutLabels(made.address, {"team": "stale"}, [], {}), expects="0" * 64)
        except ConflictError:
            assert trial.look(made) == before, "a conflict must change nothing"


def _inverse(trial: Trial, operation: RemoteOperation) -> Inverse:
    capabilities = trial.capabilities
    one_way = [
        name
        for name, facts in capabilities.attributes.items()
        if facts.mutability is Mutability.ONE_WAY
    ]
    return inverse_of(operation, supported=capabilities.operations, one_way=one_way)
