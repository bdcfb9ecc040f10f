"""Answers of status 200 that are not AWS's: a proxy's page, half an answer, nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from keyplan.errors import OutcomeUnknownError, TransientError
from keyplan.testing.clock import ManualClock
from keyplan_aws.api import READ_TRIES, Api
from keyplan_aws.clients import Clients
from keyplan_aws.pacing import Pace
from keyplan_aws.settings import AwsSettings

STRANGE = {
    "a page": b"<html><body>Sign in to the network</body></html>",
    "nothing": b"",
    "half an answer": b'{"KeyMetadata": {"KeyId": "1234abcd", "Policy": "',
    "another service's": b'{"status": "ok"}',
    "a list": b"[]",
    "null": b"null",
    "no text": b"\xff\xfe\x00",
    "a hole": b"[" * 100_000,
}


class Stranger(ThreadingHTTPServer):
    """Answers everything with the same."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body, self.status = b"", 200
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Stranger

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger() as server:
        serving = Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture
def api(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    clients = Clients(AwsSettings(region="eu-west-1", endpoint_url=stranger.url), 1)
    clock = ManualClock()
    yield Api(clients, Pace({}, clock), clock)
    clients.close()


READS: dict[str, Callable[[Api], object]] = {
    "DescribeKey": lambda api: api.work("k").read("DescribeKey", KeyId="k"),
    "GetKeyPolicy": lambda api: api.work("k").read("GetKeyPolicy", KeyId="k"),
    "ListGrants": lambda api: list(api.work("k").pages("ListGrants", "Grants", KeyId="k")),
    "GetResources": lambda api: api.work("k").read("GetResources"),
    "GetCallerIdentity": lambda api: api.work().read("GetCallerIdentity"),
    "GetRole": lambda api: api.work("r").read("GetRole", RoleName="role"),
}


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("kind", STRANGE)
def test_a_read_is_asked_again_and_the_endpoint_named(
    stranger: Stranger, api: Api, call: str, kind: str
) -> None:
    stranger.body = STRANGE[kind]
    with pytest.raises(TransientError, match=f"the answer to {call} was lost") as caught:
        READS[call](api)
    assert stranger.asked == READ_TRIES
    assert f"{stranger.url} did not answer as AWS does" in caught.value.why
    assert "proxy" in caught.value.advice


def test_of_a_page_with_a_status_of_failure_only_the_place_is_told(
    stranger: Stranger, api: Api
) -> None:
    stranger.body, stranger.status = STRANGE["a page"], 502
    with pytest.raises(TransientError, match="DescribeKey was lost") as caught:
        READS["DescribeKey"](api)
    assert caught.value.why == f"{stranger.url} did not answer as AWS does (status 502)."


@pytest.mark.parametrize("kind", STRANGE)
def test_of_a_write_nobody_knows_what_it_did(stranger: Stranger, api: Api, kind: str) -> None:
    stranger.body = STRANGE[kind]
    with pytest.raises(OutcomeUnknownError, match="CreateKey was lost") as caught:
        api.work("k").write("CreateKey")
    assert stranger.asked == 1
    assert stranger.url in caught.value.why


@pytest.mark.parametrize("kind", ["a page", "half an answer", "no text", "a hole"])
def test_also_of_one_that_aws_answers_with_nothing(stranger: Stranger, api: Api, kind: str) -> None:
    api.work("k").write("PutKeyPolicy", KeyId="k", Policy="{}")
    stranger.body = STRANGE[kind]
    with pytest.raises(OutcomeUnknownError, match="PutKeyPolicy was lost"):
        api.work("k").write("PutKeyPolicy", KeyId="k", Policy="{}")
