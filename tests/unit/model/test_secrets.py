"""Secrets are found where they are said to be, and told to nobody."""

from __future__ import annotations

import pytest

from keyplan.errors import UnauthenticatedError
from keyplan.model.secrets import Secret, SecretReference


def test_a_secret_prints_as_nothing() -> None:
    secret = Secret(b"correct horse")
    assert "horse" not in f"{secret} {secret!r} {[secret]}"
    assert secret.matches(b"correct horse")


def test_a_variable_may_hold_any_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYPLAN_TEST_PIN", "pin\udcff")
    assert SecretReference(env="KEYPLAN_TEST_PIN").resolve().reveal() == b"pin\xff"


def test_a_path_that_no_file_can_have_is_said() -> None:
    with pytest.raises(UnauthenticatedError, match="cannot be read"):
        SecretReference(file="pin\0").resolve()
