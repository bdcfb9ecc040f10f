"""The fixtures of a contract suite, and how known laxities are expected to fail.

Authors override `plugin`, `settings` and `context`; where their service is particular
also `samples`, `settle`, `open_provider` and `laxities`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import BaseModel

from keyplan.model.secrets import SecretReference
from keyplan.sdk.provider import OpenContext, Plugin, Provider
from keyplan.testing.contract.samples import Samples
from keyplan.testing.contract.trial import NotOffered, Trial


@contextmanager
def offered() -> Iterator[None]:
    """Skip where the manifest does not offer what the test is about."""
    try:
        yield
    except NotOffered as missing:
        pytest.skip(f"not offered: {missing}")


def secret_references(value: object) -> Iterator[SecretReference]:
    """Every secret that a provider block refers to, however deep.

    A reference is a `SecretReference`, or whatever has `env` or `file` for a text.
    """
    if isinstance(value, SecretReference):
        yield value
    elif isinstance(value, BaseModel):
        yield from secret_references(dict(value))
    elif isinstance(value, Mapping):
        for place in ("env", "file"):
            if isinstance(value.get(place), str) and value[place]:
                yield SecretReference(**{place: value[place]})
        for item in value.values():
            yield from secret_references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secret_references(item)


class ContractHarness:
    """Fixtures that every part of the suite shares."""

    @pytest.fixture
    def plugin(self) -> Plugin:
        """The plugin under trial."""
        raise NotImplementedError("override the fixture `plugin`")

    @pytest.fixture
    def settings(self) -> BaseModel:
        """A valid provider block, as the plugin's own model."""
        raise NotImplementedError("override the fixture `settings`")

    @pytest.fixture
    def context(self) -> OpenContext:
        """Where and when the connection is opened; `stack` is a folder of the test's own."""
        raise NotImplementedError("override the fixture `context`")

    @pytest.fixture
    def laxities(self) -> Mapping[str, str]:
        """Tests that an emulator is known to fail, `test_x` or `test_x[param]`, and why.

        Each is a strict expected failure: one that passes fails the suite.
        """
        return {}

    @pytest.fixture
    def samples(self, context: OpenContext) -> Samples:
        """Values that the service accepts."""
        return Samples.usual(context.now)

    @pytest.fixture
    def settle(self, plugin: Plugin) -> Callable[[], None]:
        """Lets the declared read lag pass; override it where the test holds the clock."""
        lag = plugin.capabilities().read_lag.total_seconds()
        return lambda: time.sleep(lag)

    @pytest.fixture
    def open_provider(
        self, plugin: Plugin, settings: BaseModel
    ) -> Callable[[OpenContext], Provider]:
        """Opens one more connection to the same service."""
        return lambda context: plugin.open(settings, context)

    @pytest.fixture
    def provider(
        self, open_provider: Callable[[OpenContext], Provider], context: OpenContext
    ) -> Iterator[Provider]:
        """An open connection that may write."""
        provider = open_provider(context)
        yield provider
        provider.close()

    @pytest.fixture
    def elsewhere(self) -> Provider | None:
        """A connection to another place of the service, for replicas; `None`: not tried."""
        return None

    @pytest.fixture
    def trial(
        self,
        plugin: Plugin,
        provider: Provider,
        settle: Callable[[], None],
        samples: Samples,
        elsewhere: Provider | None,
    ) -> Trial:
        """The provider on trial."""
        return Trial(plugin, provider, settle, samples, elsewhere=elsewhere)

    @pytest.fixture(autouse=True)
    def _known_laxities(self, request: pytest.FixtureRequest, laxities: Mapping[str, str]) -> None:
        for name in (request.node.name, getattr(request.node, "originalname", "")):
            if name in laxities:
                mark = pytest.mark.xfail(reason=laxities[name], strict=True)
                request.node.add_marker(mark)

    @pytest.fixture
    def secrets(self, settings: BaseModel) -> tuple[bytes, ...]:
        """What must never be seen: the content of every secret that the settings refer to."""
        return tuple(
            reference.resolve().reveal()
            for reference in secret_references(settings)
            if reference.env in os.environ or Path(reference.file or ".").is_file()
        )

    @pytest.fixture
    def no_secrets(self, settings: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
        """Takes away every secret that the settings refer to."""
        for reference in secret_references(settings):
            if reference.env:
                monkeypatch.delenv(reference.env, raising=False)
            elif Path(reference.file).is_file():
                Path(reference.file).unlink()
