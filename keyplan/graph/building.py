"""One key from its evaluated fields: defaults of the language, checks of what it names.

Rules: what is required is required here (LANGUAGE.md §4); an observed key needs neither
usage nor algorithm. A mistake is reported and the rest of the key is still built, so
that the rules of the hierarchy see as much as possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from keyplan.config.providers import check_settings
from keyplan.config.report import Place, Report, related, suggest_or_list
from keyplan.diagnostics import Related
from keyplan.graph.drafts import (
    Draft,
    canonical_attributes,
    canonical_grants,
    lifecycle_of,
    unenforced_of,
)
from keyplan.graph.gaps import OF_A_KEY, check_gaps, without_gaps
from keyplan.graph.instances import Instance
from keyplan.graph.references import find
from keyplan.graph.world import World
from keyplan.model.address import Address
from keyplan.model.canonical import canonical_json
from keyplan.model.keys import Relation, Tier, Usage
from keyplan.model.resources import Lifecycle, Manage
from keyplan.model.values import Value

_MANAGED = Lifecycle()
_TIERS = {tier.value: tier for tier in Tier}
_USAGES = {usage.value: usage for usage in Usage}
_RELATIONS = {relation.value: relation for relation in Relation}


class KeyBuilder:
    """Builds drafts. Checked provider blocks are remembered: many keys share one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings: dict[tuple[str, str], Mapping[str, Value]] = {}

    def build(
        self,
        instance: Instance,
        values: Mapping[str, Value],
        parent: Draft | None,
        report: Report,
    ) -> Draft | None:
        """The key; `None` if it has no provider that could be used."""
        block = instance.block
        lifecycle = _MANAGED
        if "lifecycle" in values:
            lifecycle = lifecycle_of(values["lifecycle"], block, report)
        provider = self._provider(instance, values, report)
        self._required(instance, values, lifecycle, report)
        if provider is None:
            return None
        usage, algorithm = values.get("usage"), values.get("algorithm")
        attributes = canonical_attributes(values, parent)
        draft = Draft(
            instance,
            provider,
            _TIERS[str(values.get("tier", "service"))],
            _USAGES.get(str(usage)),
            algorithm if isinstance(algorithm, str) else None,
            lifecycle,
            parent,
            attributes=attributes,
            scope=attributes.get("scope") or {},  # type: ignore[arg-type]  # a map of text
            unenforced=unenforced_of(values.get("unenforced")),
            settings=self._provider_block(instance, provider, values, report),
        )
        if parent is not None:
            parent.children.append(draft)
        draft.relation = self._relation(draft, values, report)
        if "grants" in values:
            self._grants(draft, values, report)
        if "policies" in values:
            self._policies(draft, values["policies"], report)
        if "replicas" in values or "primary" in values:
            self._replicas(draft, values, report)
        if draft.unenforced:
            check_gaps(
                draft.unenforced,
                OF_A_KEY,
                lambda provider: block.at_item(("unenforced", provider)),
                self._world,
                report,
            )
            capabilities = self._world.capabilities_of(provider)
            if capabilities is not None:
                without_gaps(draft, capabilities)
        return draft

    def _provider(
        self, instance: Instance, values: Mapping[str, Value], report: Report
    ) -> str | None:
        provider = values.get("provider")
        if not isinstance(provider, str):
            if not instance.block.wrote("provider"):
                self._lacks("provider", instance, report)
            return None
        provider = instance.home.provider(provider)
        return self._known_provider(provider, lambda: instance.block.at("provider"), report)

    def _known_provider(
        self, provider: str, where: Callable[[], Place], report: Report
    ) -> str | None:
        configuration = self._world.configuration
        if provider in configuration.providers:
            return provider
        if f"provider.{provider}" in configuration.failed:
            report.already_reported()
            return None
        report.error(
            "KP-REF-009",
            where(),
            f"provider {provider} is not declared",
            advice=suggest_or_list(provider, configuration.providers, "Declared")
            or f"Declare it: `provider: {{{provider}: {{...}}}}`.",
        )
        return None

    def _required(
        self,
        instance: Instance,
        values: Mapping[str, Value],
        lifecycle: Lifecycle,
        report: Report,
    ) -> None:
        if lifecycle.manage is Manage.OBSERVE:
            return
        for name in ("usage", "algorithm"):
            if values.get(name) is None and not instance.block.wrote(name):
                self._lacks(name, instance, report)

    def _lacks(self, name: str, instance: Instance, report: Report) -> None:
        report.error(
            "KP-DECL-002",
            instance.block.place,
            f"{instance.block.address} lacks {name}",
            advice=f"Add {name}.",
        )

    def _relation(
        self, draft: Draft, values: Mapping[str, Value], report: Report
    ) -> Relation | None:
        written, parent = values.get("relation"), draft.parent
        block = draft.block
        if isinstance(written, str):
            if parent is None and not block.wrote("parent"):
                report.error(
                    "KP-HIER-007",
                    block.at("relation"),
                    f"{block.address} has a relation and no parent",
                    advice="Add parent, or remove relation.",
                )
            return _RELATIONS[written]
        if parent is None or block.wrote("relation"):
            return None
        if parent.provider == draft.provider:
            capabilities = self._world.capabilities_of(draft.provider)
            return None if capabilities is None else capabilities.default_relation
        report.error(
            "KP-HIER-007",
            block.at("parent"),
            f"{draft.address} needs a relation",
            why=f"it lives in {draft.provider} and its parent in {parent.provider}",
            advice="Write relation: governs, or signs for a key with a public part.",
            also=(related(f"the parent {parent.address}", parent.block.at("provider")),),
        )
        return None

    def _provider_block(
        self, instance: Instance, provider: str, values: Mapping[str, Value], report: Report
    ) -> Mapping[str, Value]:
        """The provider's own block on the key, in its model's canonical form."""
        own = provider.partition(".")[0]
        result: Mapping[str, Value] = {}
        for name in self._world.plugins:
            if name not in values:
                continue
            if name == own:
                result = self._checked_block(instance, name, values[name], report)
            elif name in instance.block.layers[0].entries:  # one in `defaults` is for others
                report.error(
                    "KP-DECL-024",
                    instance.block.at(name),
                    f"{instance.block.address} lives in {provider}, not in {name}",
                    advice=f"Remove the {name} block.",
                    also=(related("its provider", instance.block.at("provider")),),
                )
        return result

    def _checked_block(
        self, instance: Instance, name: str, written: Value, report: Report
    ) -> Mapping[str, Value]:
        entry, model = instance.block.written(name), self._world.plugins[name].key_settings_model
        if not isinstance(written, dict) or entry is None:
            return {}
        if model is None:
            report.error(
                "KP-DECL-024",
                instance.block.at(name),
                f"provider {name} has no settings of its own on a key",
                advice=f"Remove the {name} block.",
            )
            return {}
        key = (name, canonical_json(written))
        if key not in self._settings:
            checked = check_settings(model, written, entry, name, report)
            if checked is None:
                return {}
            self._settings[key] = checked
        return self._settings[key]

    def _grants(self, draft: Draft, values: Mapping[str, Value], report: Report) -> None:
        world = self._world
        grants = values["grants"]
        for name, terms in grants.items() if isinstance(grants, dict) else ():
            address = terms.get("principal") if isinstance(terms, dict) else None
            if not isinstance(address, Address):
                continue
            where = partial(draft.block.at_item, ("grants", name, "principal"))
            if find(address, world.principals, where, report) is None:
                continue
            principal = world.principal_values.get(address)
            if principal is not None and not principal.identities_on(draft.provider):
                report.error(
                    "KP-POL-001",
                    where(),
                    f"{address} has no identity on {draft.provider}",
                    why=f"grant {name} of {draft.address} names it",
                    advice=f"Add `{draft.provider_type}:` to {address}.",
                    also=_where(world, address),
                )
        draft.attributes["grants"] = canonical_grants(
            values, world.principal_values, draft.provider, draft.usage
        )

    def _policies(self, draft: Draft, written: Value, report: Report) -> None:
        if written == "keep":
            draft.keep_policy = True
            return
        addresses = written if isinstance(written, list) else []
        draft.policies = tuple(
            address
            for address in addresses
            if isinstance(address, Address)
            and find(
                address,
                self._world.policies,
                partial(draft.block.at_item, ("policies",), str(address)),
                report,
            )
        )

    def _replicas(self, draft: Draft, values: Mapping[str, Value], report: Report) -> None:
        written, primary = values.get("replicas"), values.get("primary")
        replicas = written if isinstance(written, dict) else {}
        placed = dict(replicas)
        for name, replica in replicas.items():
            if not isinstance(replica, dict):
                continue
            provider = replica.get("provider")
            if isinstance(provider, str):
                provider = draft.instance.home.provider(provider)
                placed[name] = {**replica, "provider": provider}
                where = partial(draft.block.at_item, ("replicas", name, "provider"))
                self._known_provider(provider, where, report)
            for address in _addresses(replica.get("policies")):
                where = partial(draft.block.at_item, ("replicas", name, "policies"), str(address))
                find(address, self._world.policies, where, report)
        if replicas:
            draft.attributes["replicas"] = placed
        if isinstance(primary, str) and primary not in replicas:
            report.error(
                "KP-REF-002",
                draft.block.at("primary"),
                f"{draft.address} has no replica {primary}",
                advice=suggest_or_list(primary, replicas, "Replicas") or "Add it to replicas.",
            )


def _addresses(value: Value) -> Iterable[Address]:
    items = value if isinstance(value, list) else [value]
    return (item for item in items if isinstance(item, Address))


def _where(world: World, address: Address) -> tuple[Related, ...]:
    block = world.block(address)
    return () if block is None else (related(f"{address} is declared here", block.place),)
