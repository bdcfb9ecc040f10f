"""The in-memory provider keeps the contract, in each of the shapes that tests use it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from keyplan.sdk.capabilities import Deletion, Finding
from keyplan.sdk.provider import OpenContext, Provider
from keyplan.testing.clock import DAWN
from keyplan.testing.fake import FakePlugin, FakeSettings, fake_plugin
from keyplan.testing.provider_contract import ProviderContract, Samples


class FakeContract(ProviderContract):
    @pytest.fixture
    def plugin(self) -> FakePlugin:
        return fake_plugin(page_size=2)

    @pytest.fixture
    def settings(self) -> BaseModel:
        return FakeSettings()

    @pytest.fixture
    def context(self, tmp_path: Path) -> OpenContext:
        return OpenContext(stack=tmp_path, now=DAWN)

    @pytest.fixture
    def elsewhere(self, plugin: FakePlugin, context: OpenContext) -> Provider:
        return plugin.open(FakeSettings(place="elsewhere"), context)

    @pytest.fixture
    def settle(self, plugin: FakePlugin) -> Callable[[], None]:
        return lambda: plugin.clock.sleep(plugin.capabilities().read_lag.total_seconds())

    @pytest.fixture
    def samples(self, context: OpenContext) -> Samples:
        return replace(Samples.usual(context.now), document=("note", "trial", {"text": "seen"}))


class TestScheduledDeletion(FakeContract):
    pass


class TestImmediateDeletionByName(FakeContract):
    """Keys found by name, hard deletion, a one-way attribute, and no answers with the outcome."""

    @pytest.fixture
    def plugin(self) -> FakePlugin:
        return fake_plugin(
            deletion=Deletion.IMMEDIATE,
            finding=Finding.NAMED,
            one_way={"exportable"},
            answers=False,
            threads=1,
            read_batch=1,
        )


class TestLaggingReads(FakeContract):
    @pytest.fixture
    def plugin(self) -> FakePlugin:
        return fake_plugin(read_lag=timedelta(seconds=5), page_size=3)


class TestPoorService(FakeContract):
    """Hardly anything is offered, and what is asked for beyond it is refused."""

    @pytest.fixture
    def plugin(self) -> FakePlugin:
        return fake_plugin(
            deletion=Deletion.FORBIDDEN,
            recorded={"description", "labels"},
            without={"rotation", "certificate"},
            immutable={"expires_at", "exportable"},
            unsupported={
                "put_labels", "rotate_key", "activate_version", "retire_version",
                "accept_version", "destroy_version", "create_grant", "revoke_grant",
                "create_alias", "move_alias", "delete_alias", "issue_certificate",
                "rewrap_key", "replicate_key", "change_primary", "put_document", "set_attribute",
            },
        )  # fmt: skip
