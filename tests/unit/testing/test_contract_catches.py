"""The contract suite is worth something only if broken providers fail it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keyplan.errors import ProviderDefectError, RejectedError
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
from keyplan.model.operations import (
    CancelDeletion,
    CreateKey,
    DestroyKey,
    PutLabels,
    PutPolicy,
    RemoteOperation,
    RotateKey,
    ScheduleDeletion,
    SetAttribute,
)
from keyplan.sdk.capabilities import Deletion
from keyplan.sdk.provider import Bindings, OpenContext, Outcome, Page
from keyplan.testing.clock import DAWN
from keyplan.testing.contract.harness import secret_references
from keyplan.testing.contract.samples import Samples
from keyplan.testing.contract.trial import Trial
from keyplan.testing.fake import FakePlugin, FakeSettings, fake_plugin
from keyplan.testing.fake_provider import FakeProvider
from keyplan.testing.provider_contract import ProviderContract

SUITE = ProviderContract()


class Wrapped:
    """The fake, to be broken in one place."""

    def __init__(self, plugin: FakePlugin) -> None:
        self.plugin = plugin
        self.inner = FakeProvider(plugin.service(), plugin.manifest, answers=True, read_only=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        return self.inner.read(ids)

    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        return self.inner.execute(operation, bindings, **options)


class HidesPending(Wrapped):
    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        found = self.inner.read(ids)
        return {name: seen for name, seen in found.items() if seen.deletion_at is None}


class ForgetsMarks(Wrapped):
    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        return {name: replace(seen, owner=None) for name, seen in self.inner.read(ids).items()}


class CreatesTwice(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        if isinstance(operation, CreateKey):
            fresh = replace(operation.owner, token=operation.owner.token + "x" * len(self.calls()))
            operation = replace(operation, owner=fresh)
        return self.inner.execute(operation, bindings, **options)

    def calls(self) -> Sequence[object]:
        return [call for call in self.plugin.service().calls if call.name == "create_key"]


class RotatesAgain(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        if isinstance(operation, RotateKey):
            key = self.plugin.service().get(bindings[operation.target])
            assert key is not None
            operation, options = replace(operation, version=len(key.versions) + 1), {}
        return self.inner.execute(operation, bindings, **options)


class RestartsWindow(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        if isinstance(operation, ScheduleDeletion):
            service = self.plugin.service()
            service.clock.advance(timedelta(minutes=1))
            service.edit(bindings[operation.target], lambda key: replace(key, deletion_at=None))
            options = {}
        return self.inner.execute(operation, bindings, **options)


class ComesBackActive(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        outcome = self.inner.execute(operation, bindings, **options)
        if isinstance(operation, CancelDeletion):
            service = self.plugin.service()
            service.edit(outcome.id, lambda key: replace(key, state=KeyState.ACTIVE))
        return outcome


class IgnoresLabels(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        if isinstance(operation, PutLabels):
            return Outcome(bindings[operation.target])
        return self.inner.execute(operation, bindings, **options)


class LosesPolicies(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        if isinstance(operation, PutPolicy) and operation.after is not None:
            operation = replace(operation, after={"administrators": [], "statements": []})
        return self.inner.execute(operation, bindings, **options)


class RaisesItsOwn(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        try:
            return self.inner.execute(operation, bindings, **options)
        except Exception as error:
            raise LookupError(str(error)) from error


class CallsItADefect(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        try:
            return self.inner.execute(operation, bindings, **options)
        except Exception as error:
            raise ProviderDefectError("something") from error


class NeverEnds(Wrapped):
    def scan(self, cursor: str | None = None) -> Page:
        return replace(self.inner.scan(None), cursor="again")


class ScansHalf(Wrapped):
    def scan(self, cursor: str | None = None) -> Page:
        return replace(self.inner.scan(cursor), cursor=None)


class WobblyReads(Wrapped):
    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        count = len(self.plugin.service().calls)
        return {
            name: replace(seen, attributes={**seen.attributes, "etag": count})
            for name, seen in self.inner.read(ids).items()
        }


class MisspeltReads(Wrapped):
    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        return {
            name: replace(seen, attributes={**seen.attributes, "aliases": ["b", "a"]})
            for name, seen in self.inner.read(ids).items()
        }


class TakesBack(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        try:
            return self.inner.execute(operation, bindings, **options)
        except RejectedError:
            if not isinstance(operation, SetAttribute):
                raise
            return Outcome(bindings[operation.target])


class TellsSecrets(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        try:
            return self.inner.execute(operation, bindings, **options)
        except Exception as error:
            raise RejectedError("refused with the PIN 70b1a5e1") from error


class Lingers(Wrapped):
    def execute(self, operation: RemoteOperation, bindings: Bindings, **options: Any) -> Outcome:
        if isinstance(operation, DestroyKey):
            return Outcome(bindings[operation.target])
        return self.inner.execute(operation, bindings, **options)


def on_trial(broken: type[Wrapped], plugin: FakePlugin) -> Trial:
    return Trial(plugin, broken(plugin), lambda: None, Samples.usual(DAWN))


def _put_policy_on_nothing(trial: Trial) -> None:
    SUITE.test_operation_on_a_key_that_is_not_there(trial, "put_policy")


CASES: list[tuple[type[Wrapped], Callable[[Trial], object]]] = [
    (HidesPending, SUITE.test_pending_deletion_is_not_absence),
    (ForgetsMarks, SUITE.test_a_new_key_is_active_and_marked),
    (CreatesTwice, SUITE.test_creating_again_with_the_same_token_makes_no_second_key),
    (RotatesAgain, SUITE.test_a_version_that_exists_is_not_made_again),
    (RotatesAgain, lambda trial: SUITE.test_operation(trial, "rotate_key")),
    (RestartsWindow, lambda trial: SUITE.test_operation(trial, "schedule_deletion")),
    (ComesBackActive, SUITE.test_a_cancelled_deletion_comes_back_suspended),
    (ComesBackActive, lambda trial: SUITE.test_operation(trial, "cancel_deletion")),
    (IgnoresLabels, lambda trial: SUITE.test_operation(trial, "put_labels")),
    (IgnoresLabels, SUITE.test_every_change_changes_the_fingerprint),
    (LosesPolicies, SUITE.test_a_policy_comes_back_as_it_was_put),
    (LosesPolicies, lambda trial: SUITE.test_operation(trial, "put_policy")),
    (CallsItADefect, _put_policy_on_nothing),
    (NeverEnds, SUITE.test_scanning_lists_everything_once),
    (ScansHalf, SUITE.test_scanning_lists_everything_once),
    (WobblyReads, SUITE.test_fingerprints_are_stable_between_reads),
    (WobblyReads, SUITE.test_read_scan_and_find_agree),
    (MisspeltReads, SUITE.test_every_observation_is_canonical_and_complete),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "must"), CASES)
def test_a_broken_provider_fails_the_suite(
    broken: type[Wrapped], must: Callable[[Trial], object]
) -> None:
    plugin = fake_plugin(page_size=2)
    must(on_trial(Wrapped, fake_plugin(page_size=2)))
    with pytest.raises(AssertionError):
        must(on_trial(broken, plugin))


def test_an_error_of_its_own_fails_the_suite() -> None:
    with pytest.raises(LookupError):
        _put_policy_on_nothing(on_trial(RaisesItsOwn, fake_plugin()))


def test_taking_back_what_is_one_way_fails_the_suite() -> None:
    trial = on_trial(TakesBack, fake_plugin(one_way={"exportable"}))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        SUITE.test_one_way_attributes_are_never_taken_back(trial)


def test_performing_what_the_manifest_does_not_name_fails_the_suite() -> None:
    plugin = fake_plugin()
    quiet = replace(
        plugin,
        manifest=replace(plugin.manifest, operations=plugin.manifest.operations - {"put_labels"}),
    )
    trial = Trial(quiet, Wrapped(plugin), lambda: None, Samples.usual(DAWN))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        SUITE.test_operation(trial, "put_labels")


def test_a_secret_in_an_error_fails_the_suite(caplog: pytest.LogCaptureFixture) -> None:
    trial = on_trial(TellsSecrets, fake_plugin())
    SUITE.test_secrets_are_never_shown(FakeSettings(), trial, (b"another",), caplog)
    with pytest.raises(AssertionError, match="a secret was shown"):
        SUITE.test_secrets_are_never_shown(FakeSettings(), trial, (b"70b1a5e1",), caplog)


def test_files_made_by_reading_fail_the_suite(tmp_path: Path) -> None:
    plugin = fake_plugin()
    context = OpenContext(stack=tmp_path, now=DAWN)

    def careless(context: OpenContext) -> FakeProvider:
        (context.stack / "cache").write_text("")
        return FakeProvider(plugin.service(), plugin.manifest, answers=True, read_only=True)

    with pytest.raises(AssertionError, match="reading created files"):
        SUITE.test_opening_for_reading_creates_nothing_and_needs_no_secret(careless, context)


def test_secrets_are_found_however_deep_the_settings_are() -> None:
    settings = {"pin": {"env": "PIN"}, "nested": [{"token": {"file": "/t"}}], "env": ""}
    found = {str(reference) for reference in secret_references(settings)}
    assert found == {"env PIN", "file /t"}


def test_a_policy_that_depends_on_order_fails_the_suite() -> None:
    class Careless(FakePlugin):
        def compile_policy(self, policy: Any, key: Any) -> Any:
            return {"statements": [{"sid": item.sid} for item in policy.statements]}

    plain = fake_plugin()
    careless = Careless(plain.name, plain.manifest, plain.clock)
    with pytest.raises(AssertionError):
        SUITE.test_compiling_a_policy_is_deterministic(careless, Samples.usual(DAWN))


def test_canonical_that_changes_its_argument_fails_the_suite() -> None:
    class Impure(FakePlugin):
        def canonical(self, attributes: Any) -> Any:
            attributes["aliases"].sort()
            return attributes

    plain = fake_plugin()
    impure = Impure(plain.name, plain.manifest, plain.clock)
    with pytest.raises(AssertionError, match="changed what it was given"):
        SUITE.test_canonical_is_pure_and_idempotent(impure, Samples.usual(DAWN))


def test_a_key_that_lingers_after_its_destruction_fails_the_suite() -> None:
    trial = on_trial(Lingers, fake_plugin(deletion=Deletion.IMMEDIATE))
    with pytest.raises(AssertionError, match="still there"):
        SUITE.test_operation(trial, "destroy_key")
