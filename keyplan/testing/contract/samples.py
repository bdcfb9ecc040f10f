"""What a trial says to a provider: policies, grants, labels, values of attributes.

Authors whose service accepts only its own kind of principal, label or document give
samples of their own by overriding the fixture `samples` (usually with `replace`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keyplan.model.address import Address
from keyplan.model.keys import Tier, Usage
from keyplan.model.policies import Effect, EffectivePolicy, Policy, Statement, merge
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import format_instant
from keyplan.model.values import Value
from keyplan.sdk.provider import Plugin

ADMINISTRATORS = Address("principal.trial_admins")
USERS = Address("principal.trial_users")
KEY = Address("key.trial")


@dataclass(frozen=True, slots=True)
class Samples:
    """Values that the service under trial accepts.

    `administrator` and `user` are identities as the provider spells them. `attributes`
    has two different values for each attribute that `SetAttribute` may set there.
    `document` is `(kind, name, body)` for providers with `put_document`. `absent_id`
    has the form of an id and is nobody's.
    """

    administrator: str
    user: str
    attributes: Mapping[str, tuple[Value, Value]]
    labels: Mapping[str, str] = field(
        default_factory=lambda: {"team": "payments", "cost-centre": "4711"}
    )
    alias: str = "keyplan/trial"
    certificate: Mapping[str, Value] = field(
        default_factory=lambda: {"subject": "CN=trial", "valid": "90d", "usages": ["code_signing"]}
    )
    document: tuple[str, str, Value] | None = None
    absent_id: str = "keyplan-trial-absent"

    @classmethod
    def usual(cls, now: datetime) -> Samples:
        """Samples that most services accept; dates lie after `now`."""
        dates = (format_instant(now + timedelta(days=365)), format_instant(now + timedelta(730)))
        return cls(
            administrator="spiffe://keyplan.example/key-admins",
            user="spiffe://keyplan.example/payments-api",
            attributes={
                "description": ("made on trial", "still on trial"),
                "rotation": ({"every": "365d"}, {"every": "180d"}),
                "expires_at": dates,
                "exportable": (True, False),
            },
        )

    def principals(self, provider: str) -> Mapping[Address, Principal]:
        """The two principals with their identities on a provider."""
        return {
            ADMINISTRATORS: Principal(
                ADMINISTRATORS, PrincipalKind.HUMAN, {provider: (self.administrator,)}
            ),
            USERS: Principal(USERS, PrincipalKind.WORKLOAD, {provider: (self.user,)}),
        }

    def desired(self, plugin: Plugin, usage: Usage, algorithm: str) -> DesiredKey:
        """A declared key of the plugin, with nothing but usage and algorithm."""
        return DesiredKey(
            address=KEY, provider=plugin.name, tier=Tier.SERVICE, usage=usage, algorithm=algorithm
        )

    def policy(self, provider: str, *, wider: bool = False) -> EffectivePolicy:
        """Administrators administer and users use; `wider`: administrators also audit."""
        statements = [
            Statement("TrialUse", Effect.ALLOW, (USERS,), frozenset({"use"})),
        ]
        if wider:
            audit = frozenset({"audit"})
            statements.append(Statement("TrialAudit", Effect.ALLOW, (ADMINISTRATORS,), audit))
        declared = Policy(Address("policy.trial"), (ADMINISTRATORS,), tuple(statements))
        return merge([declared], self.principals(provider))

    def grant(self, usage_operations: frozenset[str]) -> dict[str, Value]:
        """Terms that let the user do what the key is for."""
        operations: list[Value] = [*sorted(usage_operations)]
        return {"principal": [self.user], "operations": operations, "context": {}}
