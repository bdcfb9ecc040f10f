"""The HSM emulator keeps the contract, with a PIN and without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from keyplan.sdk.provider import OpenContext
from keyplan.testing.clock import DAWN
from keyplan.testing.provider_contract import ProviderContract
from keyplan_hsm.plugin import PLUGIN, HsmPlugin
from keyplan_hsm.settings import HsmSettings


class HsmContract(ProviderContract):
    @pytest.fixture
    def plugin(self) -> HsmPlugin:
        return PLUGIN

    @pytest.fixture
    def context(self, tmp_path: Path) -> OpenContext:
        return OpenContext(stack=tmp_path, now=DAWN)


class TestWithPin(HsmContract):
    @pytest.fixture
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaseModel:
        monkeypatch.setenv("TRIAL_PIN", "9f27c1d4-trial-pin")
        return HsmSettings.model_validate({"pin": {"env": "TRIAL_PIN"}})


class TestWithUnlockFile(HsmContract):
    @pytest.fixture
    def settings(self) -> BaseModel:
        return HsmSettings(store="hsm/keys.db")
