"""A plan file that was touched is refused, and says what to do."""

from __future__ import annotations

import hashlib

import pytest

from keyplan.errors import PlanFileError
from keyplan.plans.planfile import read_plan, write_plan
from keyplan.testing.bench import Bench, key


@pytest.fixture
def written() -> bytes:
    return write_plan(Bench().plan(key("key.a", "root", "wrap")))


def test_an_altered_file_is_refused(written: bytes) -> None:
    altered = written.replace(b'"algorithm":"aes-256"', b'"algorithm":"aes-128"')
    assert altered != written
    with pytest.raises(PlanFileError, match="altered"):
        read_plan(altered)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\x00", b'{"digest": 1}'])
def test_what_is_not_a_plan_is_refused(content: bytes) -> None:
    with pytest.raises(PlanFileError, match="not a keyplan plan file"):
        read_plan(content)


def test_another_format_is_refused_by_name(written: bytes) -> None:
    body = written[len(b'{"digest":"') + 64 + len(b'",\n"body":') : -2]
    newer = body.replace(b'"format":1', b'"format":99', 1)
    digest = hashlib.sha256(newer).hexdigest().encode()
    with pytest.raises(PlanFileError, match="format 99"):
        read_plan(b'{"digest":"' + digest + b'",\n"body":' + newer + b"}\n")


def test_a_merge_conflict_is_refused(written: bytes) -> None:
    with pytest.raises(PlanFileError):
        read_plan(b"<<<<<<< HEAD\n" + written)


@pytest.mark.parametrize(
    "body",
    [
        b'{"checksum":"x","format":1,"plan":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"checksum":1,"format":1,"plan":{}}',
        b"\xff",
        b"[]",
    ],
)
def test_a_digest_does_not_make_a_plan(body: bytes) -> None:
    digest = hashlib.sha256(body).hexdigest().encode()
    with pytest.raises(PlanFileError):
        read_plan(b'{"digest":"' + digest + b'",\n"body":' + body + b"}\n")


def test_a_checksum_of_any_text_is_compared(written: bytes) -> None:
    body = written[written.index(b'"body":') + len(b'"body":') : -len(b"}\n")]
    start = body.index(b'"checksum":"') + len(b'"checksum":"')
    forged = body[:start] + "é".encode() * 32 + body[start + 64 :]
    digest = hashlib.sha256(forged).hexdigest().encode()
    with pytest.raises(PlanFileError, match="checksum"):
        read_plan(b'{"digest":"' + digest + b'",\n"body":' + forged + b"}\n")
