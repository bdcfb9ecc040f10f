"""Policies, evaluated for the keys that use them, and merged.

Rules: a policy that does not speak of `this` is evaluated once, and what several keys
use together is merged once: ten thousand keys that share a policy cost as much as one.
Every principal must be somebody on the provider of every key that the policy is used on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from keyplan.config.blocks import Block
from keyplan.config.report import Report, related
from keyplan.graph.constraints import NO_CONSTRAINTS, check_constraints, constraints_of
from keyplan.graph.drafts import Draft, unenforced_of
from keyplan.graph.gaps import OF_A_STATEMENT, check_gaps
from keyplan.graph.instances import Instance
from keyplan.graph.references import find
from keyplan.graph.this import Names, ThisLookup, plain
from keyplan.graph.world import World
from keyplan.model.address import Address
from keyplan.model.policies import Effect, EffectivePolicy, Policy, Statement, merge
from keyplan.model.timing import parse_instant
from keyplan.model.values import Value

_OWN = frozenset({"administrators", "statement", "constraints", "native"})


class Policies:
    """Evaluates and merges policies; remembers what several keys share."""

    def __init__(self, world: World, drafts: Iterable[Draft]) -> None:
        self._world = world
        self._stack_names = Names(drafts)
        self._this: dict[int, tuple[tuple[str, ...], ...]] = {}
        self._evaluated: dict[tuple[Address, tuple[Value, ...]], Policy | None] = {}
        self._merged: dict[tuple[int, ...], tuple[tuple[Policy, ...], EffectivePolicy]] = {}
        self._known: set[tuple[int, str]] = set()

    def evaluate_shared(self) -> None:
        """Evaluate what does not depend on a key, used or not, so that mistakes are found."""
        for instance in self._world.policies:
            if not self._references_to_this(instance.block):
                self._policy(instance, None)

    def effective(self, draft: Draft) -> EffectivePolicy | None:
        """The merged policy of a key, checked against it; `None` if none is declared."""
        if draft.policies is None:
            return None
        policies = []
        for address in draft.policies:
            instance = self._world.policies.get(address)
            policy = None if instance is None else self._policy(instance, draft)
            if instance is None or policy is None:
                continue
            policies.append(policy)
            if policy.constraints is not NO_CONSTRAINTS:
                check_constraints(policy.constraints, instance.block, draft, self._world)
            if (id(policy), draft.provider) not in self._known:
                self._check_principals(policy, instance.block, draft)
        key = tuple(id(policy) for policy in policies)
        if key not in self._merged:
            merged = merge(policies, self._world.principal_values)
            self._merged[key] = (tuple(policies), merged)  # holds them, so that ids stay theirs
        return self._merged[key][1]

    # -- one policy --------------------------------------------------------------------

    def _references_to_this(self, block: Block) -> tuple[tuple[str, ...], ...]:
        """What a policy reads of `this`, once per block."""
        if id(block) not in self._this:
            found = {
                reference: None
                for template in block.templates
                for reference in template.references
                if reference[0] == "this"
            }
            self._this[id(block)] = tuple(found)
        return self._this[id(block)]

    def _policy(self, instance: Instance, draft: Draft | None) -> Policy | None:
        """A policy for a key, or without one if it does not speak of `this`."""
        read = self._references_to_this(instance.block)
        if not read or draft is None:
            key = (instance.address, ())
            if key not in self._evaluated:
                self._evaluated[key] = self._evaluate(instance, None)
            return self._evaluated[key]
        values = [plain(draft, path) for path in read]
        if not all(found for found, _ in values):
            return self._evaluate(instance, draft)
        special = (instance.address, tuple(value for _, value in values))
        if special not in self._evaluated:
            self._evaluated[special] = self._evaluate(instance, draft)
        return self._evaluated[special]

    def _evaluate(self, instance: Instance, draft: Draft | None) -> Policy | None:
        report = self._world.report(instance.address if draft is None else draft.address)
        block = instance.block
        names = {**instance.home.names, "each": instance.each_name}
        if draft is not None:
            names["this"] = ThisLookup(draft, self._stack_names)
        values = block.values(instance.home.scope(names), report)
        administrators = self._principals(
            values.get("administrators"), block, ("administrators",), report
        )
        statements = values.get("statement")
        return Policy(
            instance.address,
            administrators or (),
            tuple(
                self._statement(sid, terms, block, report)
                for sid, terms in (statements.items() if isinstance(statements, dict) else ())
                if isinstance(terms, dict) and "operations" in terms and "principals" in terms
            ),
            constraints_of(values.get("constraints")),
            _maps(values.get("native")),
            {
                name: value
                for name, value in values.items()
                if name not in _OWN and isinstance(value, dict)
            },
        )

    def _statement(
        self, sid: str, terms: Mapping[str, Value], block: Block, report: Report
    ) -> Statement:
        gaps = unenforced_of(terms.get("unenforced"))
        check_gaps(
            gaps,
            OF_A_STATEMENT,
            lambda provider: block.at_item(("statement", sid, "unenforced", provider)),
            self._world,
            report,
        )
        principals = terms.get("principals")
        operations = terms.get("operations")
        expires_at = terms.get("expires_at")
        return Statement(
            sid,
            Effect(str(terms.get("effect", Effect.ALLOW))),
            None
            if principals == "any"
            else self._principals(principals, block, ("statement", sid, "principals"), report),
            frozenset(str(item) for item in (operations if isinstance(operations, list) else ())),
            _maps(terms.get("when")),
            _maps(terms.get("unless")),
            parse_instant(expires_at) if isinstance(expires_at, str) else None,
            _maps(terms.get("native")),
            gaps,
        )

    def _principals(
        self, value: Value, block: Block, path: tuple[str, ...], report: Report
    ) -> tuple[Address, ...]:
        """Addresses of principals that are declared."""
        items = value if isinstance(value, list) else [value]
        return tuple(
            item
            for item in items
            if isinstance(item, Address)
            and (
                item in self._world.principal_values
                or find(
                    item,
                    self._world.principals,
                    partial(block.at_item, path, str(item)),
                    report,
                )
            )
        )

    # -- against a key -----------------------------------------------------------------

    def _check_principals(self, policy: Policy, block: Block, draft: Draft) -> None:
        """Each principal needs a name on the key's provider."""
        complete = True
        named: list[tuple[Address, tuple[str, ...]]] = [
            (address, ("administrators",)) for address in policy.administrators
        ]
        for statement in policy.statements:
            path = ("statement", statement.sid, "principals")
            skipped = any(
                gap.provider == draft.provider_type and gap.then == "skip"
                for gap in statement.unenforced
            )
            named += [(item, path) for item in statement.principals or () if not skipped]
        for address, where in named:
            principal = self._world.principal_values.get(address)
            if principal is None or principal.identities_on(draft.provider):
                continue
            complete = False
            declared = self._world.block(address)
            also = [related(f"used on {draft.address}", draft.block.at("provider"))]
            if declared is not None:
                also.append(related(f"{address} is declared here", declared.place))
            self._world.report(policy.address).error(
                "KP-POL-001",
                block.at_item(where, str(address)),
                f"{address} has no identity on {draft.provider}",
                why=f"{policy.address} names it and is used on {draft.address}",
                advice=f"Add `{draft.provider_type}:` to {address}.",
                also=tuple(also),
            )
        if complete:
            self._known.add((id(policy), draft.provider))


def _maps(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, dict) else {}
