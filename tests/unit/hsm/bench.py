"""An HSM on the bench: opened at chosen instants, driven in few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation, OwnerMark
from keyplan.model.operations import ChangeState, CreateKey, RemoteOperation, ScheduleDeletion
from keyplan.sdk.provider import OpenContext
from keyplan_hsm.dataplane import DataPlane
from keyplan_hsm.device import Device
from keyplan_hsm.plugin import PLUGIN
from keyplan_hsm.provider import HsmProvider
from keyplan_hsm.settings import HsmSettings

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # a Monday
APP = "spiffe://acme.example/app"
ADMIN = "spiffe://acme.example/admin"


def policy(*statements: Mapping[str, Any], administrators: tuple[str, ...] = (ADMIN,)) -> Any:
    """A document in the emulator's own form."""
    return {
        "version": 1,
        "administrators": list(administrators),
        "statements": [
            {"sid": f"S{number}", "effect": "allow", "principals": [APP], **statement}
            for number, statement in enumerate(statements)
        ],
    }


@dataclass
class Bench:
    """One HSM in a folder. `bind` is where operations find ids by address."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    bind: dict[Address, str] = field(default_factory=dict)
    opened: list[HsmProvider] = field(default_factory=list)
    numbers: Any = field(default_factory=count)
    provider: HsmProvider = field(init=False)

    def __post_init__(self) -> None:
        self.provider = self.open()

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.folder / ".keyplan" / "hsm.db"

    def open(
        self, *, after: timedelta = timedelta(), read_only: bool = False, **settings: Any
    ) -> HsmProvider:
        """Another connection, at an instant after `NOW`, with settings changed."""
        model = HsmSettings.model_validate(self.settings | settings)
        context = OpenContext(self.folder, NOW + after, read_only)
        provider = PLUGIN.open(model, context)
        self.opened.append(provider)
        return provider

    def later(self, **duration: float) -> HsmProvider:
        """Close the HSM and open it again after a while; the bench goes on with that."""
        self.provider.close()
        self.provider = self.open(after=timedelta(**duration))
        return self.provider

    @property
    def device(self) -> Device:
        """What is behind the provider."""
        return self.provider._device

    def create(
        self,
        name: str,
        usage: str = "encrypt",
        algorithm: str = "aes-256",
        *,
        parent: str | None = None,
        relation: str | None = None,
        token: str = "",
        **attributes: Any,
    ) -> str:
        """Make a key; its id. `parent` is a name."""
        address = Address.of("key", name)
        operation = CreateKey(
            target=address,
            owner=OwnerMark("stack-1", token or f"token-{next(self.numbers)}"),
            usage=usage,
            algorithm=algorithm,
            parent=None if parent is None else Address.of("key", parent),
            relation=relation or (None if parent is None else "wraps"),
            attributes=attributes,
        )
        self.bind[address] = self.provider.execute(operation, self.bind).id
        return self.bind[address]

    def do(self, operation: RemoteOperation, **options: Any) -> Observation:
        """Execute; the key afterwards, which must be what a read shows."""
        outcome = self.provider.execute(operation, self.bind, **options)
        assert outcome.observation is not None
        assert self.provider.read([outcome.id]) == {outcome.id: outcome.observation}
        return outcome.observation

    def become(self, name: str, state: str) -> Observation:
        """Put a key into a state, by way of suspended for `pending`."""
        address = Address.of("key", name)
        before = self.read(name).state
        if state == "pending":
            if before is KeyState.ACTIVE:
                self.become(name, "suspended")
            return self.do(ScheduleDeletion(address, "30d"))
        if state == before.value:
            return self.read(name)
        return self.do(ChangeState(address, before, KeyState(state)))

    def read(self, name: str) -> Observation:
        """A key as it is now."""
        key_id = self.bind[Address.of("key", name)]
        return self.provider.read([key_id])[key_id]

    def plane(self, identity: str | None = None) -> DataPlane:
        """The data plane, as the security officer if nobody else."""
        return self.provider.data_plane(identity)

    def close(self) -> None:
        """Close everything that was opened."""
        for provider in self.opened:
            provider.close()


def key(name: str) -> Address:
    """`key.<name>`."""
    return Address.of("key", name)
