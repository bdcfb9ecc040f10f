"""What the authors of `keyplan_acme` run: keyplan's own contract of a provider."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from keyplan_acme.plugin import PLUGIN, AcmePlugin, AcmeSettings
from pydantic import BaseModel

from keyplan.sdk.provider import OpenContext
from keyplan.testing.provider_contract import ProviderContract


class TestAcme(ProviderContract):
    @pytest.fixture
    def plugin(self) -> AcmePlugin:
        return PLUGIN

    @pytest.fixture
    def settings(self) -> BaseModel:
        return AcmeSettings()

    @pytest.fixture
    def context(self, tmp_path: Path) -> OpenContext:
        return OpenContext(stack=tmp_path, now=datetime(2027, 1, 1, tzinfo=UTC))
