"""What the contract tests of a store are given, and what an author of a store overrides.

Rules: `make_store` opens the same place each time it is called, empty at the beginning of
each test; `tear` adds bytes to a log as a crash would leave them, where that can happen;
`expire` lets the time to live of a lease pass in which its holder is paused, where leases
have one. `laxities` maps names of tests that an emulator is known to fail to the reason:
those must then fail, so that the list cannot grow old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, TypeAlias

import pytest

from keyplan.sdk.store import Lease, LeaseInfo, Store

StoreFactory: TypeAlias = Callable[[], Store]
Tear: TypeAlias = Callable[[str, bytes], None]
Expire: TypeAlias = Callable[[], None]

_SINCE = datetime(2027, 1, 1, 12, tzinfo=UTC)


def lease_info(number: int = 1) -> LeaseInfo:
    """Somebody who wants to write; another number is somebody else."""
    return LeaseInfo(f"lease-{number}", f"user{number}@host", "apply", _SINCE)


def who(info: LeaseInfo | None) -> LeaseInfo | None:
    """What is shown of a holder, without when it ends."""
    return info and replace(info, expires_at=None)


class StoreFixtures:
    """Override `make_store`, and `tear` and `expire` where they apply."""

    laxities: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture
    def make_store(self) -> StoreFactory:
        """Opens the store under test, at one place for the whole test."""
        raise NotImplementedError("override make_store")

    @pytest.fixture
    def tear(self) -> Tear | None:
        """Adds bytes to a log behind the store's back; `None` where no log can be torn."""
        return None

    @pytest.fixture
    def expire(self) -> Expire | None:
        """Lets time pass that a paused holder sleeps away; `None` where leases have no end."""
        return None

    @pytest.fixture(autouse=True)
    def _known_laxities(self, request: pytest.FixtureRequest) -> None:
        name = getattr(request.node, "originalname", request.node.name)
        if reason := self.laxities.get(name):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture
    def store(self, make_store: StoreFactory) -> Store:
        """An empty store."""
        return make_store()

    @pytest.fixture
    def lease(self, store: Store) -> Lease:
        """The right to write to it."""
        return store.acquire(lease_info())
