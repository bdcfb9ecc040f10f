"""A state that was edited by hand is recognised, whatever was edited."""

from __future__ import annotations

import pytest

from keyplan.errors import StateError
from keyplan.state.codec import decode_state, encode_state
from tests.unit.state import samples


@pytest.fixture
def content() -> bytes:
    return encode_state(samples.full_state(), keyplan_version="0.1.0")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"serial": 7', b'"serial": 8'),
        (b'"state": "suspended"', b'"state": "active"'),
        (b'"strength": 256', b'"strength": 128'),
        (b"\n", b"\r\n"),
        (b'"closed_runs": ["run-1", ', b'"closed_runs": ['),
    ],
)
def test_an_edit_is_recognised(content: bytes, old: bytes, new: bytes) -> None:
    edited = content.replace(old, new, 1)
    assert edited != content
    with pytest.raises(StateError, match="is not what keyplan wrote") as raised:
        decode_state(edited)
    assert "keyplan state push" in raised.value.advice


@pytest.mark.parametrize("digest", ["", "0" * 64, "f" * 64, "x"])
def test_another_digest_is_recognised(content: bytes, digest: str) -> None:
    start = content.index(b'"digest": "') + len(b'"digest": "')
    with pytest.raises(StateError, match="is not what keyplan wrote"):
        decode_state(content[:start] + digest.encode() + content[start + 64 :])


def test_an_edit_can_be_meant(content: bytes) -> None:
    edited = content.replace(b'"strength": 256', b'"strength": 128')
    assert decode_state(edited, edited=True).resources[samples.ROOT].attributes["strength"] == 128


def test_every_byte_counts(content: bytes) -> None:
    for at in range(0, len(content), 7):
        flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        with pytest.raises(StateError):
            decode_state(flipped)
