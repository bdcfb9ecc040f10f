"""The musts about whether a key exists: creating, finding, leaving, coming back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from keyplan.errors import ConflictError, KeyplanError
from keyplan.model.keys import KeyState
from keyplan.model.operations import CancelDeletion, CreateAlias, CreateKey
from keyplan.sdk.capabilities import Finding, Reading
from keyplan.sdk.provider import OpenContext, Provider
from keyplan.testing.contract.effects import canonical, names
from keyplan.testing.contract.harness import ContractHarness, offered
from keyplan.testing.contract.scenarios import fresh_alias, policies
from keyplan.testing.contract.trial import Trial


class ExistenceContract(ContractHarness):
    """How keys come to be, are found, and go."""

    def test_a_new_key_is_active_and_marked(self, trial: Trial) -> None:
        with offered():
            made = trial.create()
        seen = trial.look(made)
        assert seen.id == made.id
        assert seen.state is KeyState.ACTIVE
        assert seen.owner == made.owner, "the mark must be written with the key, and read back"
        assert seen.deletion_at is None

    def test_a_new_key_carries_what_the_manifest_says_create_takes(self, trial: Trial) -> None:
        with offered():
            template = trial.creation()
            stand_in = trial.create()
        carried = {name: pair[0] for name, pair in trial.samples.attributes.items()}
        carried["labels"] = dict(trial.samples.labels)
        carried["policy"] = policies(trial, stand_in)[0]
        wanted = {
            name: canonical(trial.plugin, name, value)
            for name, value in carried.items()
            if (facts := trial.capabilities.attributes.get(name))
            and facts.at_create
            and facts.reading is Reading.OBSERVED
        }
        seen = trial.look(trial.perform_creation(replace(template, attributes=wanted)))
        got = {name: seen.attributes.get(name) for name in wanted}
        assert got == wanted

    def test_creating_again_with_the_same_token_makes_no_second_key(self, trial: Trial) -> None:
        with offered():
            operation = trial.creation()
        if trial.capabilities.finding is Finding.NONE:
            pytest.skip("not offered: finding a key again")
        first = trial.perform_creation(operation)
        trial.settle()
        again = trial.perform(operation)
        assert again.id == first.id, "a create that was answered already was done twice"
        carrying = [seen.id for seen in trial.all_pages() if seen.owner == operation.owner]
        assert carrying == [first.id]

    def test_a_create_never_adopts_what_is_there(self, trial: Trial) -> None:
        with offered():
            operation = trial.creation()
        first = trial.perform_creation(operation)
        trial.settle()
        stranger = replace(operation, owner=trial.mark())
        if trial.capabilities.finding is Finding.NAMED:
            with pytest.raises(ConflictError):
                trial.perform(stranger)
        else:
            assert trial.perform(stranger).id != first.id
        assert trial.look(first).owner == first.owner, "the first key lost its mark"

    def test_find_knows_every_token_and_no_other(self, trial: Trial) -> None:
        with offered():
            keys = [trial.create() for _ in range(3)]
        if trial.capabilities.finding is Finding.NONE:
            pytest.skip("not offered: finding a key again")
        trial.settle()
        for made in keys:
            found = trial.provider.find(made.owner.token)
            assert found is not None, "find() must know the token that a create has written"
            assert found.id == made.id
            assert found.fingerprint == trial.look(made).fingerprint
        assert trial.provider.find(trial.mark().token) is None

    def test_find_alias_knows_where_a_name_points(self, trial: Trial) -> None:
        with offered():
            trial.require("create_alias")
            made = trial.create()
        alias = fresh_alias(trial)
        assert trial.provider.find_alias(alias) is None
        trial.perform(CreateAlias(made.address, alias))
        trial.settle()
        assert trial.provider.find_alias(alias) == made.id
        assert alias in names(trial.look(made))

    def test_an_alias_is_never_taken_from_another_key(self, trial: Trial) -> None:
        with offered():
            trial.require("create_alias")
            first, second = trial.create(), trial.create()
        alias = fresh_alias(trial)
        trial.perform(CreateAlias(first.address, alias))
        with pytest.raises(ConflictError):
            trial.perform(CreateAlias(second.address, alias))
        trial.settle()
        assert trial.provider.find_alias(alias) == first.id

    def test_pending_deletion_is_not_absence(self, trial: Trial) -> None:
        with offered():
            made = trial.pending()
        seen = trial.look(made)
        assert seen.deletion_at is not None, "the date of destruction must be reported"
        assert seen.deletion_at.tzinfo is not None, "dates must be aware"
        listed = {item.id: item for item in trial.all_pages()}
        assert listed[made.id].deletion_at == seen.deletion_at
        if trial.capabilities.finding is not Finding.NONE:
            assert trial.provider.find(made.owner.token) is not None

    def test_a_cancelled_deletion_comes_back_suspended(self, trial: Trial) -> None:
        with offered():
            made = trial.pending()
        trial.perform(CancelDeletion(made.address, trial.window()))
        seen = trial.look(made)
        assert seen.deletion_at is None
        assert seen.state is KeyState.SUSPENDED, "it must not come back usable by itself"

    def test_threads_create_side_by_side(self, trial: Trial) -> None:
        with offered():
            operations = [trial.creation() for _ in range(2 * min(trial.capabilities.threads, 8))]
        threads = min(trial.capabilities.threads, 8)
        bindings = trial.bindings()

        def create(operation: CreateKey) -> str:
            return trial.provider.execute(operation, bindings).id

        with ThreadPoolExecutor(threads) as pool:
            ids = list(pool.map(create, operations))
        assert len(set(ids)) == len(operations), "two creates answered with the same id"
        seen = {item.id: item.owner for item in trial.all_pages()}
        assert [seen.get(key_id) for key_id in ids] == [item.owner for item in operations]

    @pytest.mark.usefixtures("no_secrets")
    def test_opening_for_reading_creates_nothing_and_needs_no_secret(
        self,
        open_provider: Callable[[OpenContext], Provider],
        context: OpenContext,
    ) -> None:
        before = sorted(context.stack.rglob("*"))
        reading = open_provider(replace(context, read_only=True, environment={}))
        try:
            reading.identify()
            assert not reading.read(["keyplan-trial-absent"])
            reading.scan()
        finally:
            reading.close()
        assert sorted(context.stack.rglob("*")) == before, "reading created files"

    def test_a_reading_connection_sees_what_a_writing_one_made(
        self,
        trial: Trial,
        open_provider: Callable[[OpenContext], Provider],
        context: OpenContext,
        request: pytest.FixtureRequest,
    ) -> None:
        with offered():
            made = trial.create()
        seen = trial.look(made)
        request.getfixturevalue("no_secrets")
        reading = open_provider(replace(context, read_only=True, environment={}))
        try:
            assert reading.read([made.id])[made.id].fingerprint == seen.fingerprint
            with pytest.raises(KeyplanError):
                reading.execute(trial.creation(), {})
        finally:
            reading.close()
