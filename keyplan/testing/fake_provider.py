"""The open connection to the fake: logs each call, meets its fault, reads and performs.

Rules: a fault before the effect leaves the world as it was; one after it is raised once
the effect is there; a connection for reading only performs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keyplan.errors import RejectedError
from keyplan.model.observations import Observation
from keyplan.model.operations import RemoteOperation
from keyplan.sdk.capabilities import Capabilities, Reading
from keyplan.sdk.provider import Bindings, Identity, Outcome, Page
from keyplan.testing import fake_policy
from keyplan.testing.fake_operations import Performer
from keyplan.testing.fake_service import FakeKey, FakeService
from keyplan.testing.faults import FaultKind, raise_fault


class FakeProvider:
    """An open connection to a `FakeService`."""

    def __init__(
        self, service: FakeService, capabilities: Capabilities, *, answers: bool, read_only: bool
    ) -> None:
        self._service = service
        self._capabilities = capabilities
        self._answers = answers
        self._read_only = read_only
        self._hidden = frozenset(
            name
            for name, facts in capabilities.attributes.items()
            if facts.reading is Reading.RECORDED
        )

    def identify(self) -> Identity:
        """The place, as the fake's owner."""
        place = f"fake {self._service.place}"
        return Identity(place, fake_policy.OWNER, f"{place} as {fake_policy.OWNER}")

    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Those of the ids that reads can see."""
        self._enter("read", ",".join(ids[:3]))
        return {key_id: self._observe(key) for key_id in ids if (key := self._service.view(key_id))}

    def scan(self, cursor: str | None = None) -> Page:
        """A page, by id; the cursor is the last id of the page before."""
        self._enter("scan", cursor or "")
        keys, more = self._service.page(cursor or "")
        return Page([self._observe(key) for key in keys], keys[-1].id if more else None)

    def find(self, token: str) -> Observation | None:
        """The key that reads can see with this token."""
        self._enter("find", token)
        if self._service.read_lag:
            seen = (key for key in self._service.views() if key.owner and key.owner.token == token)
            key = next(seen, None)
        else:
            key = self._service.with_token(token)
        return self._observe(key) if key else None

    def find_alias(self, alias: str) -> str | None:
        """The id that reads can see under this alias."""
        self._enter("find_alias", alias)
        if self._service.read_lag:
            seen = (key.id for key in self._service.views() if alias in key.aliases)
            return next(seen, None)
        return self._service.alias_owner(alias)

    def execute(
        self,
        operation: RemoteOperation,
        bindings: Bindings,
        *,
        expects: str | None = None,
        deadline: float | None = None,  # noqa: ARG002  (nothing here takes time)
    ) -> Outcome:
        """Perform one operation (`keyplan.testing.fake_operations`)."""
        fault = self._enter(operation.name, operation.target)
        if self._read_only or operation.name not in self._capabilities.operations:
            raise RejectedError(
                "this connection is for reading only"
                if self._read_only
                else "the fake service does not offer this operation",
                target=operation.target,
                operation=operation.name,
            )
        with self._service.lock:
            performer = Performer(
                self._service, self._capabilities, bindings, expects, self._unseen
            )
            result = performer.perform(operation)
        if fault is not None:
            raise_fault(fault, operation.name)
        if isinstance(result, str):
            return Outcome(result)
        return Outcome(result.id, self._observe(result) if self._answers else None)

    def close(self) -> None:
        """Nothing is held."""

    def _observe(self, key: FakeKey) -> Observation:
        seen = key.observation(self._unseen)
        forbidden = frozenset(self._service.forbidden)
        return replace(seen, unreadable=forbidden) if forbidden else seen

    @property
    def _unseen(self) -> frozenset[str]:
        return self._hidden | self._service.forbidden

    def _enter(self, name: str, target: str) -> FaultKind | None:
        """Log the call; raise its fault now, or return it if it comes after the effect."""
        fault = self._service.faults.draw(name)
        self._service.log(name, str(target), fault.value if fault else "")
        if fault is None or fault.after_effect:
            return fault
        raise_fault(fault, name)
        return None
