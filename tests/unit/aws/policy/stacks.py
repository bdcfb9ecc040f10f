"""Neutral policies to compile: short ways to write them."""

from __future__ import annotations

from typing import Any

from keyplan.model.address import Address
from keyplan.model.keys import Tier, Usage
from keyplan.model.policies import Effect, Policy, Statement, merge
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.resources import DesiredKey
from keyplan_aws.policy.compiling import compile_policy

HOME = "111122223333"
ADMIN_ARN = f"arn:aws:iam::{HOME}:role/key-admins"
API_ARN = f"arn:aws:iam::{HOME}:role/payments-api"

ADMINS, API, RDS, OUTSIDE, ODD = (
    Address.of("principal", name) for name in ("admins", "api", "rds", "outside", "odd")
)


def principals(**odd: Any) -> dict[Address, Principal]:
    """The declared principals; `odd` gives the odd one its identities."""
    identities: dict[Address, dict[str, tuple[str, ...]]] = {
        ADMINS: {"aws": (ADMIN_ARN,)},
        API: {"aws": (API_ARN,), "aws.dr": (API_ARN + "-dr",)},
        RDS: {"aws": ("rds.amazonaws.com",)},
        OUTSIDE: {"aws": ("444455556666",)},
        ODD: odd,
    }
    return {
        address: Principal(address, PrincipalKind.WORKLOAD, names)
        for address, names in identities.items()
    }


def statement(sid: str = "Use", **given: Any) -> Statement:
    """An allow of encryption for the application, unless said otherwise."""
    plain = {
        "effect": Effect.ALLOW,
        "principals": (API,),
        "operations": frozenset({"encrypt", "decrypt"}),
    }
    return Statement(sid, **(plain | given))


def key(usage: Usage | None = Usage.ENCRYPT, algorithm: str = "aes-256", **more: Any) -> DesiredKey:
    """A key on AWS."""
    return DesiredKey(
        Address("key.k"), more.pop("provider", "aws"), Tier.SERVICE, usage, algorithm, **more
    )


def compiled(
    *statements: Statement,
    share: str | None = "none",
    administrators: tuple[Address, ...] = (),
    on: DesiredKey | None = None,
    account: str | None = HOME,
    odd: tuple[str, ...] = (),
    **fields: Any,
) -> Any:
    """The document of one policy."""
    settings = {} if share is None else {"aws": {"account": share}}
    policy = Policy(Address("policy.p"), administrators, statements, settings=settings, **fields)
    declared = merge([policy], principals(aws=odd) if odd else principals())
    return compile_policy(declared, on or key(), account, "aws")


def only(document: Any) -> Any:
    """Its single statement."""
    (found,) = document["Statement"]
    return found
