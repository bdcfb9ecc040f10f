"""Addresses, durations, dates, canonical text, secrets, key states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.errors import UnauthenticatedError
from keyplan.model.address import Address, matches
from keyplan.model.canonical import canonical_json, digest
from keyplan.model.hierarchy import tier_may_follow
from keyplan.model.keys import ALGORITHMS, TRANSITIONS, KeyState, Tier
from keyplan.model.secrets import Secret, SecretReference
from keyplan.model.timing import (
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(st.text(min_size=0, max_size=30))
def test_any_text_can_be_an_index_and_comes_back(index: str) -> None:
    if "\n" in index:
        return
    address = Address.of("key", "master", index)
    assert address.instance == index
    assert Address(str(address)) == address


def test_addresses_come_apart() -> None:
    address = Address('module.tenant["acme"].module.inner.key.data["x"].replicas["dr"]')
    assert address.parts.modules == (("tenant", "acme"), ("inner", None))
    assert (address.kind, address.name, address.instance) == ("key", "data", "x")
    assert address.parts.replica == "dr"
    assert address.module == 'module.tenant["acme"].module.inner'


@pytest.mark.parametrize(
    "text", ["", "key", "key.", "key.A", "key.a.b", 'key.a["x', "key.a[x]", "table.a", "key.a b"]
)
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        Address(text)


def test_a_star_stands_for_any_text() -> None:
    assert matches('key.master["*"]', 'key.master["a.b"]')
    assert not matches('key.master["*"]', "key.master")
    assert not matches("key.a", "key.ab")


@given(json_values)
def test_canonical_text_does_not_depend_on_order(value: object) -> None:
    shuffled = dict(reversed(list(value.items()))) if isinstance(value, dict) else value
    assert canonical_json(shuffled) == canonical_json(value)  # type: ignore[arg-type]
    assert digest(shuffled) == digest(value)  # type: ignore[arg-type]


@given(st.integers(min_value=0, max_value=10**9))
def test_durations_read_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "5", "d", "1.5d", "-1d", "01d", "1w", "1 d"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 90s"):
        parse_duration(text)


def test_a_date_is_the_start_or_the_last_second_of_its_day() -> None:
    assert parse_instant("2027-06-30") == datetime(2027, 6, 30, tzinfo=UTC)
    assert format_instant(parse_instant("2027-06-30", end=True)) == "2027-06-30T23:59:59Z"
    assert parse_instant("2027-06-30T01:00:00+02:00") == datetime(2027, 6, 29, 23, tzinfo=UTC)
    with pytest.raises(ValueError, match="not a date"):
        parse_instant("June 30")


def test_tiers_stand_in_order() -> None:
    assert tier_may_follow(Tier.ROOT, Tier.SERVICE)
    assert tier_may_follow(Tier.SERVICE, Tier.SERVICE)
    assert not tier_may_follow(Tier.ROOT, Tier.ROOT)
    assert not tier_may_follow(Tier.DATA, Tier.SERVICE)


def test_only_active_and_suspended_lead_back_to_each_other() -> None:
    pairs = {
        (before, after)
        for before, targets in TRANSITIONS.items()
        for after in targets
        if before in TRANSITIONS[after]
    }
    assert pairs == {
        (KeyState.ACTIVE, KeyState.SUSPENDED),
        (KeyState.SUSPENDED, KeyState.ACTIVE),
    }


def test_strengths_are_those_of_sp_800_57() -> None:
    assert ALGORITHMS["rsa-2048"].strength == 112
    assert ALGORITHMS["ec-p256"].strength == 128
    assert ALGORITHMS["aes-256"].strength == 256
    assert not ALGORITHMS["ec-secp256k1"].nist


def test_a_secret_never_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pin"
    path.write_bytes(b"hunter2\n")
    secret = SecretReference(file=str(path)).resolve()
    assert secret.reveal() == b"hunter2"
    assert secret.matches(b"hunter2")
    assert "hunter2" not in f"{secret!r}{secret}"
    monkeypatch.delenv("KP_TEST_PIN", raising=False)
    with pytest.raises(UnauthenticatedError, match="KP_TEST_PIN is not set"):
        SecretReference(env="KP_TEST_PIN").resolve()
    with pytest.raises(UnauthenticatedError, match="cannot be read"):
        SecretReference(file=str(tmp_path / "absent")).resolve()
    assert isinstance(secret, Secret)
