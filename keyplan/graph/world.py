"""What linking works with: everything declared, the plugins, and where mistakes go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keyplan.config.blocks import Block, Configuration
from keyplan.config.report import Report
from keyplan.diagnostics import Diagnostics
from keyplan.graph.instances import Declared, Home, Instance
from keyplan.model.address import Address
from keyplan.model.principals import Principal
from keyplan.sdk.capabilities import Capabilities
from keyplan.sdk.provider import Plugin


class Everything:
    """What is declared of one kind, in the stack and in every module."""

    def __init__(self, kind: str, homes: Mapping[str, Home]) -> None:
        self.kind = kind
        self._homes = homes
        self._instances: dict[Address, Instance] = {}

    def add(self, declared: Declared) -> None:
        """Take in what the stack or one module instance declares."""
        for instance in declared:
            self._instances[instance.address] = instance

    def get(self, address: Address) -> Instance | None:
        """An instance by its address."""
        return self._instances.get(address)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances.values())

    def __len__(self) -> int:
        return len(self._instances)

    def near(self, address: Address) -> Declared | None:
        """All that is declared where the address points to; `None` without such a module."""
        home = self._homes.get(address.module)
        return None if home is None else home.declared[self.kind]


@dataclass(frozen=True, slots=True)
class World:
    """One run of linking. `capabilities` is by provider type; `now`: the instant of the run.

    `homes` has the stack under the empty text, and every module instance.
    """

    configuration: Configuration
    plugins: Mapping[str, Plugin]
    capabilities: Mapping[str, Capabilities]
    homes: dict[str, Home]
    principals: Everything
    policies: Everything
    keys: Everything
    diagnostics: Diagnostics
    now: datetime | None = None
    principal_values: dict[Address, Principal] = field(default_factory=dict)

    def report(self, address: str) -> Report:
        """A report about one thing; in a module, with the places that use it."""
        home = self.homes.get(module_of(address)) if address.startswith("module.") else None
        within = () if home is None else home.within
        return Report(self.diagnostics, address, within=within)

    def capabilities_of(self, provider: str) -> Capabilities | None:
        """What an instance such as `aws.dr` can do."""
        return self.capabilities.get(provider.partition(".")[0])

    def block(self, address: Address) -> Block | None:
        """The block that declares a key, policy or principal."""
        declared = {"key": self.keys, "policy": self.policies, "principal": self.principals}
        instance = declared[address.kind].get(address)
        return None if instance is None else instance.block


def module_of(address: str) -> str:
    """The module that something is in; of a module, itself."""
    try:
        return Address(address).module
    except ValueError:
        return address
