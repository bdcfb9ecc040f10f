"""A stack as plain values that can be written as YAML and, independently, as a graph.

The two forms mean the same: a test of the language compares them, a test of planning
takes the graph at once. Addresses are of the form `key.k3`; principals are fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import yaml
from yaml.representer import BaseRepresenter

from keyplan.graph.resources import ResourceGraph
from keyplan.model.address import Address
from keyplan.model.keys import Relation, Tier, Usage
from keyplan.model.policies import Effect, Policy, Statement, merge
from keyplan.model.principals import Principal, PrincipalKind
from keyplan.model.resources import DesiredKey, Removed
from keyplan.model.stack import ProviderBlock, Safety, Stack
from keyplan.model.timing import format_duration, format_instant, parse_duration, parse_instant
from keyplan.model.values import Value

PEOPLE: Mapping[str, PrincipalKind] = {
    "key_admins": PrincipalKind.HUMAN,
    "application": PrincipalKind.WORKLOAD,
    "auditor": PrincipalKind.SERVICE,
}
"""The principals of every generated stack."""


def _represent_text(dumper: BaseRepresenter, text: str) -> yaml.ScalarNode:
    """Unquoted, `none` removes (LANGUAGE.md §3); as a text it is quoted."""
    style = "'" if text == "none" else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


class _Bare(str):
    """Text that means itself unquoted: `none`."""


def _represent_bare(dumper: BaseRepresenter, text: _Bare) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text))


class _PlainDumper(yaml.SafeDumper):
    """Writes equal values out each time, as people do, without anchors."""

    yaml_representers = {  # noqa: RUF012
        **yaml.SafeDumper.yaml_representers,
        str: _represent_text,
        _Bare: _represent_bare,
    }

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def identity(name: str) -> str:
    """What a principal is called by every provider."""
    return f"spiffe://keyplan.example/{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class StatementSpec:
    """One statement; `principals` are names, `None` for any."""

    sid: str
    effect: Effect
    principals: tuple[str, ...] | None
    operations: tuple[str, ...]
    context: Mapping[str, str] = field(default_factory=dict)

    def block(self) -> dict[str, Any]:
        """As the language writes it."""
        names = [f"principal.{name}" for name in self.principals or ()]
        block: dict[str, Any] = {
            "effect": self.effect.value,
            "principals": "any" if self.principals is None else names,
            "operations": list(self.operations),
        }
        if self.context:
            block["when"] = {"context": dict(self.context)}
        return block

    def statement(self) -> Statement:
        """As the model has it."""
        context: dict[str, Value] = {"context": dict(self.context)}
        principals = self.principals
        return Statement(
            self.sid,
            self.effect,
            None
            if principals is None
            else tuple(Address.of("principal", name) for name in sorted(principals)),
            frozenset(self.operations),
            when=context if self.context else {},
        )


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key. `attributes` are declared ones as written; `scope` is only the own part.

    `replicas` has entries by the name of a place: `{"dr": {"aliases": ["x"]}}`.
    """

    name: str
    tier: Tier
    usage: Usage
    algorithm: str
    parent: str | None = None
    relation: Relation | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    policies: tuple[str, ...] = ()
    replicas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def address(self) -> Address:
        """`key.<name>`."""
        return Address.of("key", self.name)

    def block(self, provider: str) -> dict[str, Any]:
        """As the language writes it."""
        block: dict[str, Any] = {
            "provider": provider,
            "tier": self.tier.value,
            "usage": self.usage.value,
            "algorithm": self.algorithm,
        }
        if self.parent is not None:
            block["parent"] = f"key.{self.parent}"
        if self.relation is not None:
            block["relation"] = self.relation.value
        block |= self.attributes
        if block.get("primary", "") is None:
            block["primary"] = _Bare("none")
        if self.replicas:
            block["replicas"] = {
                place: {"provider": f"{provider}.{place}", **entry}
                for place, entry in self.replicas.items()
            }
        if self.policies:
            block["policies"] = [f"policy.{name}" for name in self.policies]
        return block


@dataclass(frozen=True, slots=True)
class StackSpec:
    """A whole stack; `keys` has parents before children."""

    keys: tuple[KeySpec, ...]
    policies: Mapping[str, tuple[StatementSpec, ...]] = field(default_factory=dict)
    provider: str = "fake"
    removed: tuple[Removed, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Every place that a key has a replica in."""
        return tuple(sorted({place for key in self.keys for place in key.replicas}))

    def without(self, *names: str) -> StackSpec:
        """The stack without some keys."""
        return replace(self, keys=tuple(key for key in self.keys if key.name not in names))

    def yaml(self) -> str:
        """The text of its `keyplan.yaml`."""
        document: dict[str, Any] = {
            "keyplan": {"safety": {"max_delete": 1, "max_update": 1}},
            "provider": {
                self.provider: {},
                **{f"{self.provider}.{place}": {"place": place} for place in self.places},
            },
            "principal": {
                name: {"kind": kind.value, self.provider: identity(name)}
                for name, kind in PEOPLE.items()
            },
            "policy": {
                name: {
                    "administrators": ["principal.key_admins"],
                    "statement": {item.sid: item.block() for item in statements},
                }
                for name, statements in self.policies.items()
            },
            "key": {key.name: key.block(self.provider) for key in self.keys},
            "removed": [
                {"from": entry.pattern, "mode": entry.mode.value} for entry in self.removed
            ],
        }
        filled = {name: block for name, block in document.items() if block}
        return yaml.dump(filled, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)

    def graph(self) -> ResourceGraph:
        """What linking that text must give."""
        principals = {
            Address.of("principal", name): Principal(
                Address.of("principal", name), kind, {self.provider: (identity(name),)}
            )
            for name, kind in PEOPLE.items()
        }
        keys: dict[Address, DesiredKey] = {}
        scopes: dict[str | None, dict[str, Value]] = {None: {}}
        for spec in self.keys:
            scope = scopes[spec.parent] | spec.attributes.get("scope", {})
            scopes[spec.name] = scope
            keys[spec.address] = self._desired(spec, scope, principals)
            for place, entry in spec.replicas.items():
                keys[spec.address.replica(place)] = self._replica(keys[spec.address], place, entry)
        parents = {spec.address: spec.parent for spec in self.keys}
        return ResourceGraph(
            stack=Stack("generated", safety=Safety(max_delete=1.0, max_update=1.0)),
            providers={
                name: ProviderBlock(name)
                for name in (self.provider, *(f"{self.provider}.{place}" for place in self.places))
            },
            principals=principals,
            keys=keys,
            edges={address: _needed(address, parents) for address in keys},
            removed=self.removed,
        )

    def _replica(self, key: DesiredKey, place: str, entry: Mapping[str, Any]) -> DesiredKey:
        own = {
            name: value
            for name, value in key.attributes.items()
            if name in REPLICATED and name not in entry
        }
        return replace(
            key,
            address=key.address.replica(place),
            provider=f"{self.provider}.{place}",
            parent=None,
            relation=None,
            attributes=own | {name: _linked(name, value) for name, value in entry.items()},
            depends_on=(key.address,),
        )

    def _desired(
        self,
        spec: KeySpec,
        scope: Mapping[str, Value],
        principals: Mapping[Address, Principal],
    ) -> DesiredKey:
        attributes = {name: _linked(name, value) for name, value in spec.attributes.items()}
        attributes |= {
            "tier": spec.tier.value,
            "usage": spec.usage.value,
            "algorithm": spec.algorithm,
        }
        if spec.replicas:
            attributes["replicas"] = {
                place: {
                    "provider": f"{self.provider}.{place}",
                    **{name: _linked(name, value) for name, value in entry.items()},
                }
                for place, entry in spec.replicas.items()
            }
            attributes.setdefault("multi_region", True)
        if scope:
            attributes["scope"] = dict(scope)
        if spec.parent is not None:
            attributes["parent"] = f"key.{spec.parent}"
        if spec.relation is not None:
            attributes["relation"] = spec.relation.value
        policy = None
        if spec.policies:
            admins = (Address.of("principal", "key_admins"),)
            declared = [
                Policy(
                    Address.of("policy", name),
                    admins,
                    tuple(item.statement() for item in self.policies[name]),
                )
                for name in spec.policies
            ]
            policy = merge(declared, principals)
        return DesiredKey(
            address=spec.address,
            provider=self.provider,
            tier=spec.tier,
            usage=spec.usage,
            algorithm=spec.algorithm,
            parent=Address.of("key", spec.parent) if spec.parent else None,
            relation=spec.relation,
            attributes=attributes,
            policy=policy,
        )


REPLICATED = (
    "tier", "usage", "algorithm", "scope", "state", "owner", "description", "expires_at",
    "deletion", "labels",
)  # fmt: skip
"""What a replica takes from its key where its entry does not say otherwise."""


def _needed(address: Address, parents: Mapping[Address, str | None]) -> tuple[Address, ...]:
    """What a key depends on: its parent; a replica on its key."""
    if (root := address.replica_of) is not None:
        return (root,)
    parent = parents[address]
    return () if parent is None else (Address.of("key", parent),)


def _linked(name: str, value: Any) -> Value:
    """One declared attribute in the canonical form of `keyplan.model.resources`."""
    match name:
        case "rotation" if isinstance(value, dict):
            return {
                part: item if part == "keep" else _duration(item) for part, item in value.items()
            }
        case "deletion":
            whole = {"protection": True, "soak": "0d", "window": "30d"} | value
            return {
                "protection": whole["protection"],
                "soak": _duration(whole["soak"]),
                "window": _duration(whole["window"]),
            }
        case "expires_at":
            return format_instant(parse_instant(value, end=True))
        case "aliases":
            return [*sorted(value)]
        case "grants":
            return {grant: _grant(terms) for grant, terms in value.items()}
        case _:
            plain: Value = value
            return plain


def _grant(terms: Mapping[str, Any]) -> Value:
    name = str(terms["principal"]).removeprefix("principal.")
    linked: dict[str, Value] = {
        "principal": [identity(name)],
        "operations": [*sorted(terms["operations"])],
        "context": dict(terms.get("context", {})),
    }
    return linked


def _duration(text: str) -> str:
    duration: timedelta = parse_duration(text)
    return format_duration(duration)
