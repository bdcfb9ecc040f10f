"""The musts about reading: batches, pages, and fingerprints that mean something."""

from __future__ import annotations

import pytest

from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    ChangeState,
    CreateAlias,
    CreateGrant,
    PutLabels,
    PutPolicy,
    RemoteOperation,
    RotateKey,
)
from keyplan.sdk.capabilities import Finding, Reading
from keyplan.sdk.provider import Page, Provider
from keyplan.testing.contract.harness import ContractHarness, offered
from keyplan.testing.contract.scenarios import (
    fresh_alias,
    policies,
    set_attribute,
    settable,
    terms,
)
from keyplan.testing.contract.trial import Made, Trial


class ReadingContract(ContractHarness):
    """How a provider tells what is there."""

    def test_identity_is_stable(self, provider: Provider) -> None:
        identity = provider.identify()
        assert provider.identify() == identity
        assert identity.place, "an identity must say where"
        assert identity.principal, "an identity must say who"
        assert "\n" not in identity.summary, "the summary is one line"

    def test_closing_twice_does_no_harm(self, provider: Provider) -> None:
        provider.close()
        provider.close()

    def test_a_batch_leaves_out_what_is_absent(self, trial: Trial) -> None:
        with offered():
            keys = [trial.create() for _ in range(min(trial.capabilities.read_batch, 3))]
        ids = [made.id for made in keys]
        absent = trial.samples.absent_id
        assert trial.look_at(ids).keys() == set(ids)
        mixed = [absent, *ids][: trial.capabilities.read_batch]
        assert trial.look_at(mixed).keys() == set(mixed) - {absent}
        assert trial.look_at([absent]) == {}
        assert trial.look_at([]) == {}

    def test_every_observation_is_canonical_and_complete(self, trial: Trial) -> None:
        with offered():
            made = trial.create()
        seen = trial.look(made)
        attributes = dict(seen.attributes)
        assert dict(trial.plugin.canonical(attributes)) == attributes, "read() must be canonical"
        observed = {
            name
            for name, facts in trial.capabilities.attributes.items()
            if facts.reading is Reading.OBSERVED
        }
        silent = observed - attributes.keys() - seen.unreadable
        assert not silent, f"neither reported nor named as unreadable: {sorted(silent)}"

    def test_fingerprints_are_stable_between_reads(self, trial: Trial) -> None:
        with offered():
            made = trial.create()
        first = trial.look(made)
        trial.create()
        assert trial.look(made) == first, "nothing was done to the key, and it reads otherwise"

    def test_read_scan_and_find_agree(self, trial: Trial) -> None:
        with offered():
            made = trial.create()
        read = trial.look(made)
        scanned = next(item for item in trial.all_pages() if item.id == made.id)
        assert scanned.fingerprint == read.fingerprint
        if trial.capabilities.finding is not Finding.NONE:
            found = trial.provider.find(made.owner.token)
            assert found is not None
            assert found.fingerprint == read.fingerprint

    def test_scanning_lists_everything_once(self, trial: Trial) -> None:
        with offered():
            keys = {trial.create().id for _ in range(5)}
        ids = [item.id for item in trial.all_pages()]
        assert keys <= set(ids), "scan() misses keys"
        assert len(ids) == len(set(ids)), "scan() lists a key twice"

    def test_a_page_can_be_asked_for_again(self, trial: Trial) -> None:
        with offered():
            keys = {trial.create().id for _ in range(5)}
        first = self._page(trial, None)
        assert _ids(self._page(trial, None)) == _ids(first)
        if first.cursor is not None:
            second = self._page(trial, first.cursor)
            assert _ids(self._page(trial, first.cursor)) == _ids(second), "not resumable"
            assert not set(_ids(first)) & set(_ids(second))
        assert keys

    def test_every_change_changes_the_fingerprint(self, trial: Trial) -> None:
        with offered():
            made = trial.create()
        before = trial.look(made)
        for operation in self._changes(trial, made):
            trial.perform(operation)
            after = trial.look(made)
            assert after.fingerprint != before.fingerprint, f"{operation.name} left no trace"
            before = after

    def test_labels_come_back_as_they_were_put(self, trial: Trial) -> None:
        with offered():
            trial.require("put_labels")
            made = trial.create()
        trial.perform(PutLabels(made.address, dict(trial.samples.labels), [], {}))
        assert trial.look(made).attributes["labels"] == dict(trial.samples.labels)

    def test_a_policy_comes_back_as_it_was_put(self, trial: Trial) -> None:
        with offered():
            trial.require("put_policy")
            made = trial.create()
        for policy in policies(trial, made):
            before = trial.look(made).attributes.get("policy")
            trial.perform(PutPolicy(made.address, before, policy))
            assert trial.look(made).attributes["policy"] == policy

    def test_no_policy_is_the_default_policy(self, trial: Trial) -> None:
        with offered():
            trial.require("put_policy")
            made = trial.create()
        default = trial.look(made).attributes.get("policy")
        narrow, _ = policies(trial, made)
        trial.perform(PutPolicy(made.address, default, narrow))
        trial.perform(PutPolicy(made.address, narrow, None))
        assert trial.look(made).attributes.get("policy") == default

    @staticmethod
    def _page(trial: Trial, cursor: str | None) -> Page:
        trial.settle()
        return trial.provider.scan(cursor)

    @staticmethod
    def _changes(trial: Trial, made: Made) -> list[RemoteOperation]:
        start = trial.look(made)
        changes: list[RemoteOperation] = [
            set_attribute(trial, made, name).operation for name in settable(trial)
        ]
        changes.append(PutLabels(made.address, dict(trial.samples.labels), [], {}))
        changes.append(CreateAlias(made.address, fresh_alias(trial)))
        changes.append(CreateGrant(made.address, "batch", terms(trial, made)))
        narrow, wide = policies(trial, made)
        changes.append(PutPolicy(made.address, start.attributes.get("policy"), narrow))
        changes.append(PutPolicy(made.address, narrow, wide))
        changes.append(RotateKey(made.address, max(start.latest_version, 1) + 1))
        changes.append(ChangeState(made.address, KeyState.ACTIVE, KeyState.SUSPENDED))
        offered_here = [change for change in changes if trial.performs(change.name)]
        if not offered_here:
            pytest.skip("not offered: any change of a key")
        return offered_here


def _ids(page: Page) -> list[str]:
    observations: list[Observation] = list(page.observations)
    return [item.id for item in observations]
