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
