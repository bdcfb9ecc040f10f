"""The must that nothing secret is ever shown: not in a repr, not in an error, not in a log."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest
from pydantic import BaseModel

from keyplan.errors import KeyplanError
from keyplan.model.address import Address
from keyplan.testing.contract.calls import calls
from keyplan.testing.contract.harness import ContractHarness, offered
from keyplan.testing.contract.trial import Trial

_MATERIAL = (
    "BEGIN PRIVATE KEY",
    "BEGIN RSA PRIVATE",
    "BEGIN EC PRIVATE",
    "BEGIN ENCRYPTED PRIVATE",
)


class DiscretionContract(ContractHarness):
    """What must never be seen."""

    def test_secrets_are_never_shown(
        self,
        settings: BaseModel,
        trial: Trial,
        secrets: tuple[bytes, ...],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        with offered():
            made = trial.create()
        seen = trial.look(made)
        shown = [
            repr(trial.plugin),
            repr(settings),
            str(settings),
            repr(trial.provider),
            repr(seen),
            repr(trial.provider.identify()),
            repr(_state_of(trial.provider)),
            *_errors(trial),
            caplog.text,
        ]
        for text in shown:
            for secret in secrets:
                assert secret.decode(errors="replace") not in text, "a secret was shown"
                assert secret.hex() not in text, "a secret was shown, in hexadecimal"
            assert not any(mark in text for mark in _MATERIAL), "key material was shown"

    def test_what_is_read_is_public_metadata(self, trial: Trial) -> None:
        with offered():
            made = trial.create()
        for value in _leaves(dict(trial.look(made).attributes)):
            assert value is None or isinstance(value, str | int | float | bool), (
                f"attributes hold JSON values, not {type(value).__name__}"
            )
            assert not any(mark in str(value) for mark in _MATERIAL)


def _errors(trial: Trial) -> list[str]:
    """The texts of errors that a provider raises about keys that are not there."""
    nowhere, elsewhere = Address("key.nowhere"), Address("key.elsewhere")
    texts: list[str] = []
    for operation in calls(nowhere, elsewhere, trial.mark()).values():
        try:
            trial.provider.execute(
                operation, dict.fromkeys((nowhere, elsewhere), trial.samples.absent_id)
            )
        except KeyplanError as error:
            texts += [str(error), repr(error), repr(error.__context__)]
    return texts


def _state_of(provider: object) -> Mapping[str, object]:
    """What `repr` of a provider's attributes shows, as a debugger or a crash report would."""
    return {
        name: value
        for name, value in getattr(provider, "__dict__", {}).items()
        if not isinstance(value, bytes | bytearray)
    }


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]
