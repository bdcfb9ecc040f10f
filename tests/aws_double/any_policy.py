"""A double that takes any text for a policy, as AWS may one day take what nobody knows today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.aws_double import policies
from tests.aws_double.errors import ServiceError

_TEXT = "as it was put"


def taking_any_policy(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    """Text that the double does not take is kept as it stands, and does what the default does."""
    parse, serialise = policies.parse, policies.serialise

    def taken(text: str) -> dict[str, Any]:
        try:
            return parse(text)
        except (ServiceError, RecursionError):
            return {**policies.default(account), _TEXT: text}

    def shown(document: Mapping[str, Any]) -> str:
        return str(document.get(_TEXT) or serialise(document))

    monkeypatch.setattr(policies, "parse", taken)
    monkeypatch.setattr(policies, "serialise", shown)
