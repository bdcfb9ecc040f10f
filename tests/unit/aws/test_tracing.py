"""The log of single calls: enough to follow one at AWS, and nothing that is secret."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from keyplan.cli.main import run
from keyplan.cli.terminal import Terminal
from keyplan.errors import TransientError
from keyplan_aws.api import READ_TRIES
from keyplan_aws.provider import AwsProvider
from tests.aws_double import KmsDouble
from tests.unit.aws.conftest import Bench

LINE = re.compile(
    r"(?P<call>\w+) (?P<region>[a-z0-9-]+) (?P<key>\S+): (?P<outcome>\w+),"
    r" request (?P<request>\S+), (?P<ms>\d+) ms, try (?P<number>\d+)"
)


def _lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    said = [item.getMessage() for item in caplog.records if item.name == "keyplan.aws"]
    matches = [LINE.fullmatch(line) for line in said]
    assert all(matches), said
    return [match.groupdict() for match in matches if match]


def test_each_call_is_a_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    arn = bench.create()
    bench.double.calls.clear()
    with caplog.at_level(logging.DEBUG, "keyplan.aws"):
        bench.look()
    lines = _lines(caplog)
    assert [line["call"] for line in lines] == bench.double.calls.names()
    for line in lines:
        assert (line["region"], line["outcome"], line["number"]) == ("eu-west-1", "ok", "1")
        assert len(line["request"]) == 36
        assert line["key"] in (arn, arn.rpartition("/")[2])


def test_each_try_has_its_number_and_its_code(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.create()
    bench.double.faults.throttle("GetKeyPolicy", times=READ_TRIES)
    with caplog.at_level(logging.DEBUG, "keyplan.aws"), pytest.raises(TransientError):
        bench.look()
    tries = [line for line in _lines(caplog) if line["call"] == "GetKeyPolicy"]
    assert [line["number"] for line in tries] == [str(n + 1) for n in range(READ_TRIES)]
    assert {line["outcome"] for line in tries} == {"ThrottlingException"}
    assert len({line["request"] for line in tries}) == READ_TRIES


def test_without_debug_there_is_none(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "keyplan.aws"):
        bench.create()
    assert not _lines(caplog)


def test_nothing_of_credentials_signatures_or_policies_is_in_it(
    bench: Bench,
    connect: Callable[..., AwsProvider],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hidden-session")
    secret = Bench(bench.double, connect(), bench.clock)
    with caplog.at_level(logging.DEBUG, "keyplan"):
        secret.create(description="hidden-description", labels={"team": "hidden-label"})
        secret.look()
        bench.double.faults.error("DescribeKey", "IncompleteSignature", "x\nhidden-signature")
        with pytest.raises(Exception, match="IncompleteSignature"):
            secret.look()
    assert len(_lines(caplog)) > 5
    assert "hidden" not in caplog.text
    for word in ("Signature=", "AWS4-HMAC", "Authorization", "Credential="):
        assert word not in caplog.text


STACK = """\
provider: {aws: {region: eu-west-1}}
key: {root: {provider: aws, tier: root, usage: encrypt, algorithm: aes-256}}
"""


def test_who_asks_for_debug_sees_the_calls_and_never_the_session(
    double: KmsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hidden-session")
    (tmp_path / "keyplan.yaml").write_text(STACK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    out, err = io.StringIO(), io.StringIO()
    try:
        assert run(["plan", "--no-input"], Terminal(out, err, {"KEYPLAN_LOG": "debug"})) == 0
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
        logging.getLogger("keyplan").setLevel(logging.NOTSET)
    said = err.getvalue()
    assert "DEBUG keyplan.aws: GetCallerIdentity eu-west-1 -: ok, request " in said
    for word in ("hidden", "Signature", "AWS4-HMAC", "Authorization"):
        assert word not in said + out.getvalue()
