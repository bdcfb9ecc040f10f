"""Keys, each evaluated once and after what it refers to.

Rules: parents come before children, so that scope can be inherited, and whatever a
template reads of another key is evaluated first. References that are visible in the
text decide the order; one with a computed index is followed when it is met. A circle is
an error that names every key and line in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.config.expressions import At
from keyplan.config.report import AlreadyReportedError, Report, at, related, suggest
from keyplan.config.tree import Node
from keyplan.graph.building import KeyBuilder
from keyplan.graph.dag import dependency_order
from keyplan.graph.drafts import Draft, typed
from keyplan.graph.instances import Instance
from keyplan.graph.lazy import Lazy
from keyplan.graph.references import KEY_ATTRIBUTES, KeyLookup, find
from keyplan.graph.replicas import ReplicasLookup, replicas_of
from keyplan.graph.world import World
from keyplan.model.address import Address
from keyplan.model.values import Reference, Unknown, Value
from keyplan.sdk.capabilities import Reading

_UNREADABLE = frozenset(
    {"for_each", "declare", "policies", "lifecycle", "unenforced", "depends_on"}
)
_MAX_DEPTH = 100
"""How many computed references may lead from one to the next."""


class Keys:
    """Evaluates keys, on demand and in order.

    `drafts` and `edges` are the result; `replicas` are those of each draft, by address.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._builder = KeyBuilder(world)
        self._path: dict[Address, None] = {}
        self._failed: set[Address] = set()
        self.drafts: dict[Address, Draft] = {}
        self.replicas: dict[Address, dict[Address, Draft]] = {}
        self.edges: dict[Address, dict[Address, Node]] = {}
        self.running: list[Lazy] = []
        self.recording: list[dict[Address, None]] = []
        self._linking = False

    def evaluate(self) -> None:
        """Every key, in dependency order. Mistakes are reported."""
        self._linking = True
        nodes = [instance.address for instance in self._world.keys]
        for instance in self._world.keys:
            self.edges[instance.address] = dict(self._visible(instance))
        order, circles = dependency_order(nodes, {node: [*self.edges[node]] for node in nodes})
        for circle in circles:
            self._report_circle(circle)
            self._failed.update(circle)
        for address in order:
            self.ensure(address)

    def ensure(self, address: Address) -> Draft | None:
        """A declared key, evaluated; `None` if that failed, which was reported."""
        draft = self.drafts.get(address)
        if draft is not None or address in self._failed:
            return draft
        instance = self._world.keys.get(address)
        if instance is None:
            return None
        self._path[address] = None
        try:
            draft = self._evaluate(instance)
        finally:
            del self._path[address]
        if draft is None:
            self._failed.add(address)
        else:
            self.drafts[address] = draft
            found = replicas_of(draft, self._world)
            self.replicas[address] = {replica.address: replica for replica in found}
        return draft

    def _evaluate(self, instance: Instance) -> Draft | None:
        block = instance.block
        report = self._world.report(instance.address)
        if block.deferred:
            names = {**instance.home.names, "each": instance.each_name}
            values = block.values(instance.home.scope(names), report)
        else:
            values = dict(block.constants)
        parent = self._needed(instance, values.get("parent"), "parent", report)
        depends = values.get("depends_on")
        found = [
            address
            for address in (depends if isinstance(depends, list) else ())
            if isinstance(address, Address)
            and self._needed(instance, address, "depends_on", report)
        ]
        draft = self._builder.build(instance, values, parent, report)
        if draft is not None:
            draft.depends_on = tuple(found)
        return draft

    def _needed(
        self, instance: Instance, address: Value, name: str, report: Report
    ) -> Draft | None:
        """A key that a reference field names, evaluated."""
        if not isinstance(address, Address):
            return None
        block = instance.block
        if find(address, self._world.keys, lambda: block.at(name), report) is None:
            return None
        if address == instance.address:
            report.error("KP-REF-011", block.at(name), f"{address} is its own {name.rstrip('s')}")
            return None
        node = block.node(name)
        if node is not None:
            self.edges[instance.address].setdefault(address, node)
        if address in self._path:
            self._report_circle([*self._around(address)])
            return None
        if len(self._path) > _MAX_DEPTH:
            report.error(
                "KP-REF-005", block.at(name), "computed references lead through too many keys",
                advice="Write some of them out.",
            )  # fmt: skip
            return None
        return self.ensure(address)

    def _visible(self, instance: Instance) -> Iterator[tuple[Address, Node]]:
        """What a key refers to, as far as it can be read off without evaluating."""
        block = instance.block
        for name in ("parent", "depends_on"):
            written, node = block.constants.get(name), block.node(name)
            for address in written if isinstance(written, list) else [written]:
                if isinstance(address, Address) and node is not None:
                    yield address, node
            deferred = block.deferred.get(name)
            for text in deferred.addresses if deferred is not None and node is not None else ():
                target = self._declared(instance.home.inside(text))
                if target is not None and node is not None:
                    yield target, node
        for template in block.templates:
            for reference in template.references:
                if reference[0] == "key" and len(reference) > 1:
                    # ("key", "master", '["prod"]', "arn")
                    index = reference[2] if len(reference) > 2 and reference[2][:2] == '["' else ""
                    target = self._declared(instance.home.inside(f"key.{reference[1]}{index}"))
                    if target is not None and target != instance.address:
                        yield target, template.node

    def _declared(self, text: str) -> Address | None:
        """The address of a declared key that text is."""
        try:
            address = Address(text)
        except ValueError:
            return None
        return None if self._world.keys.get(address) is None else address

    # -- what expressions read ---------------------------------------------------------

    def attribute(self, address: Address, name: str, at: At) -> object:
        """The value of an attribute of a key, or of a replica, which reads as a key does."""
        if not self._linking:
            raise at.error(
                "KP-REF-012",
                f"{address}.{name} cannot be read here",
                why="for_each, declare, locals and principals are evaluated before keys are known",
                advice="Only refer to the key here, and read it where it is used.",
            )
        for recording in self.recording:
            recording[address] = None
        if self._path:
            if address == next(reversed(self._path)):
                raise at.error(
                    "KP-REF-011",
                    f"{address} cannot read itself",
                    advice=f"Write the value of {name} again, or put both into a local.",
                )
            self.depend(address, at)
        base = address.replica_of
        draft = self.ensure(address) if base is None else self.replicas[base][address]
        if draft is None:
            raise AlreadyReportedError
        return self.read(draft, name, at)

    def depend(self, address: Address, at: At) -> None:
        """The key that is being evaluated, if any, needs another one."""
        if not self._path:
            return
        current = next(reversed(self._path))
        if address != current:
            self.edges[current].setdefault(address, at.node)
        if address in self._path:
            self._report_circle([*self._around(address)])
            raise AlreadyReportedError
        if len(self._path) > _MAX_DEPTH:
            raise at.error("KP-REF-005", "computed references lead through too many keys")

    def read(self, draft: Draft, name: str, at: At) -> object:
        """A declared value, an `Unknown`, or `none`."""
        match name:
            case "address":
                return str(draft.address)
            case "provider" | "tier" | "usage" | "algorithm" | "relation":
                value = getattr(draft, name)
                return None if value is None else str(value)
            case "parent":
                return None if draft.parent is None else KeyLookup(draft.parent.address, self)
            case "scope":
                return dict(draft.scope)
            case "replicas":
                made = self.replicas.get(draft.address, ())
                return ReplicasLookup(draft, made, lambda address: KeyLookup(address, self))
        if name in draft.attributes:
            return typed(name, draft.attributes[name])
        if name in _UNREADABLE:
            raise at.error(
                "KP-REF-007",
                f"{name} of a key cannot be read",
                why="it says how the key is declared, not what it is",
            )
        if name in KEY_ATTRIBUTES:
            capabilities = self._world.capabilities_of(draft.provider)
            known = capabilities.attributes.get(name) if capabilities else None
            if known is None or known.reading is Reading.RECORDED:
                return None
        elif near := suggest(name, KEY_ATTRIBUTES - _UNREADABLE, cutoff=0.8):
            raise at.error("KP-REF-007", f"a key has no attribute {name}", advice=near)
        return Unknown((Reference(draft.address, name),))

    # -- circles -----------------------------------------------------------------------

    def _around(self, address: Address) -> list[Address]:
        """The keys being evaluated, from `address` on: what a circle goes through."""
        path = list(self._path)
        return path[path.index(address) :]

    def _report_circle(self, circle: list[Address]) -> None:
        """One error at the first key, naming the line of each step around."""
        steps = [
            (key, needed, self.edges[key][needed])
            for key, needed in zip(circle, [*circle[1:], circle[0]], strict=True)
        ]
        only_parents = all(node is self._block_node(key, "parent") for key, _, node in steps)
        first = steps[0]
        self._world.report(circle[0]).error(
            "KP-HIER-001" if only_parents else "KP-REF-005",
            at(first[2]),
            ("parents lead in a circle: " if only_parents else "keys refer in a circle: ")
            + " -> ".join([*circle, circle[0]]),
            advice="Take one of these references away.",
            also=tuple(related(f"{key} needs {needed}", at(node)) for key, needed, node in steps),
        )

    def _block_node(self, address: Address, name: str) -> Node | None:
        instance = self._world.keys.get(address)
        return None if instance is None else instance.block.node(name)
