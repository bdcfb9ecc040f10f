"""What linking works with: everything declared, the plugins, and where mistakes go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from keyplan.config.blocks import Block, Configuration
from keyplan.config.report import Report
from keyplan.diagnostics import Diagnostics
from keyplan.graph.instances import Declared
from keyplan.model.address import Address
from keyplan.model.principals import Principal
from keyplan.sdk.capabilities import Capabilities
from keyplan.sdk.provider import Plugin


@dataclass(frozen=True, slots=True)
class World:
    """One run of linking. `capabilities` is by provider type; `now`: the instant of the run."""

    configuration: Configuration
    plugins: Mapping[str, Plugin]
    capabilities: Mapping[str, Capabilities]
    principal_values: Mapping[Address, Principal]
    principals: Declared
    policies: Declared
    keys: Declared
    diagnostics: Diagnostics
    now: datetime | None = None

    def report(self, address: str) -> Report:
        """A report about one thing."""
        return Report(self.diagnostics, address)

    def capabilities_of(self, provider: str) -> Capabilities | None:
        """What an instance such as `aws.dr` can do."""
        return self.capabilities.get(provider.partition(".")[0])

    def block(self, address: Address) -> Block | None:
        """The block that declares a key, policy or principal."""
        declared = {"key": self.keys, "policy": self.policies, "principal": self.principals}
        family = declared[address.kind].families.get(address.name)
        return None if family is None else family.block
