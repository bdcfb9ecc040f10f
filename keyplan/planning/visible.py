"""What of a key may be seen and touched: attributes that cannot be read, keys of the service.

Rules: what cannot be read is said once per provider and attribute, with the permission
that is missing where the provider knows it; it is compared with what was last applied. A
value that was never seen nor applied is not overwritten, because nothing could bring it
back. A key of which nothing can be read is an error, for that key alone, and a warning where
it would only be looked at; it can always be forgotten. A key that its service manages is
looked at, and nothing else. A key that nobody can use, and that nothing will enable, is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from keyplan.diagnostics import Severity
from keyplan.errors import DeniedError
from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import Observation
from keyplan.model.resources import DesiredKey, Manage
from keyplan.planning.compare import ignored
from keyplan.planning.wanted import Wanted
from keyplan.plans.changes import AttributeChange
from keyplan.plans.findings import IDLE, UNREADABLE, Finding
from keyplan.sdk.provider import Plugin
from keyplan.state.model import Phase, ResourceState

CUSTOMER = "customer"
"""The attribute `manager` of a key that its owner manages; absent is the same."""


def unreadable(
    providers: Mapping[Address, str],
    live: Mapping[Address, Observation],
    plugins: Mapping[str, Plugin],
    wanted: Mapping[Address, Wanted],
    resources: Mapping[Address, ResourceState],
) -> Iterator[Finding]:
    """What is said of each provider and attribute that cannot be read on some keys.

    `providers` are the instances of the keys that the plan looks at. To be blind for what
    is declared or was applied is a warning.
    """
    found: dict[tuple[str, str], list[Address]] = {}
    for address in sorted(providers.keys() & live.keys()):
        seen = live[address]
        for name in seen.unreadable if seen.deletion_at is None else ():
            found.setdefault((providers[address], name), []).append(address)
    for (provider, name), addresses in sorted(found.items()):
        needed = [item.name for item in plugins[provider].permissions() if name in item.reads]
        keys = "1 key" if len(addresses) == 1 else f"{len(addresses)} keys"
        missing = f": {', '.join(needed)}" if needed else ""
        blind = any(
            name in _cared_for(wanted.get(address), resources.get(address)) for address in addresses
        )
        yield Finding(
            UNREADABLE,
            Severity.WARNING if blind else Severity.NOTE,
            f"{name} of {keys} on {provider} cannot be read{missing}",
            addresses[0],
            None,
            "It is compared with what was last applied; nobody's change of it would be seen.",
        )


def _cared_for(wanted: Wanted | None, resource: ResourceState | None) -> frozenset[str]:
    """The attributes of a key that are declared, or were applied."""
    declared = wanted.attributes.keys() if wanted else frozenset[str]()
    applied = resource.managed if resource else frozenset[str]()
    return frozenset({*declared, *(path.partition(":")[0] for path in applied)})


def hidden(address: Address, refusal: DeniedError, *, looked_at: bool = False) -> Finding:
    """A key of which nothing may be read: what it is now, nobody can tell."""
    return Finding(
        UNREADABLE,
        Severity.WARNING if looked_at else Severity.ERROR,
        f"{address} cannot be read: {refusal.why or refusal.what}".rstrip("."),
        address,
        None,
        f"{refusal.advice} Or plan the other keys alone, with `--target` or `--exclude"
        f" '{address}'`. If it was given up: take it out of the configuration and write"
        f" `removed: [{{from: '{address}', mode: forget}}]`, or run"
        f" `keyplan state rm '{address}'`; no call is made.".strip(),
    )


def idle(
    keys: Iterable[DesiredKey],
    resources: Mapping[Address, ResourceState],
    live: Mapping[Address, Observation],
) -> Iterator[Finding]:
    """A warning of keys that are suspended while nothing declares in which state they are.

    A rollback leaves such keys, and the rescue of one that somebody would have destroyed:
    applying the declaration does not enable them.
    """
    found = [
        key
        for key in keys
        if key.address in live
        and live[key.address].state is KeyState.SUSPENDED
        and live[key.address].deletion_at is None
        and (key.address not in resources or resources[key.address].phase is Phase.LIVE)
        and "state" not in key.attributes
        and key.lifecycle.manage is Manage.FULL
        and not ignored(key, "state")
    ]
    if found:
        first, others = found[0], len(found) - 1
        which = f"{first.address} and {others} more are" if others else f"{first.address} is"
        yield Finding(
            IDLE,
            Severity.WARNING,
            f"{which} suspended, and nobody can use {'them' if others else 'it'}",
            first.address,
            first.position(),
            "No `state` is declared, so this stays. Write `state: active` to enable a key, or"
            " `state: suspended` to say that it is meant so.",
        )


def overwrites(
    key: DesiredKey,
    changes: list[AttributeChange],
    resource: ResourceState,
    live: Observation,
) -> Iterator[Finding]:
    """Changes of what was never seen nor applied, and could not be put back."""
    names = {change.path.partition(":")[0] for change in changes}
    for name in sorted(names & live.unreadable - resource.attributes.keys()):
        yield Finding(
            UNREADABLE,
            Severity.ERROR,
            f"{name} of {key.address} cannot be read, and would be overwritten unseen",
            key.address,
            key.position("policies" if name == "policy" else name),
            f"Give whoever plans the permission to read it, or take {name} out.",
        )


def of_the_service(live: Observation) -> bool:
    """Whether the service made the key for itself and manages it alone."""
    return str(live.attributes.get("manager", CUSTOMER)).lower() != CUSTOMER


def untouchable(key: DesiredKey, live: Observation) -> Finding:
    """A key of the service that is declared to be more than observed."""
    return Finding(
        "KP-PLAN-017",
        Severity.ERROR,
        f"{key.address} is managed by {live.attributes.get('manager')} and can only be observed",
        key.address,
        key.position("lifecycle"),
        "Write `lifecycle: {manage: observe}`.",
    )
