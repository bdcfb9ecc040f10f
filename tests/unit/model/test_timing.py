"""Durations and instants: what is too large to hold is refused, not a crash."""

from __future__ import annotations

import pytest

from keyplan.model.timing import parse_duration, parse_instant


@pytest.mark.parametrize("text", ["9999999999y", "9999999999d"])
def test_a_duration_beyond_what_can_be_held_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-01:00"])
def test_an_instant_that_has_no_utc_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        parse_instant(text)
