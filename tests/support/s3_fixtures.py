"""Fixtures with an S3 on this machine. The SDK and the server are only imported when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.s3_server import S3Place, S3Server

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE00",
    "AWS_SECRET_ACCESS_KEY": "secret-that-must-not-be-shown",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def s3_session() -> Iterator[S3Server]:
    """One server for all tests of a process."""
    from tests.support.s3_server import S3Server  # noqa: PLC0415  (moto: seconds)

    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def s3_server(s3_session: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with credentials that are good for nothing, and without faults."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    s3_session.faults.clear()
    s3_session.ignores_conditions = False
    s3_session.cut = None
    return s3_session


@pytest.fixture
def s3_place(s3_server: S3Server) -> S3Place:
    """An empty place. Requests are counted from here."""
    from tests.support.s3_server import S3Place  # noqa: PLC0415

    place = S3Place(s3_server)
    s3_server.requests.clear()
    return place
