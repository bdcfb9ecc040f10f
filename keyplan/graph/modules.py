"""From modules to their instances: who sees what, and what passes between them.

Rules: whoever uses a module is opened before it, so that `for_each` and `declare` see
variables and locals only, and an input may still refer to a key that is linked later.
An instance sees its own inputs, locals and blocks; providers have the names that its
user gives them; everything else passes as a typed input or an output.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from keyplan.config.blocks import Block
from keyplan.config.decode import evaluate
from keyplan.config.locals import evaluate_locals
from keyplan.config.modules import called
from keyplan.config.names import Values
from keyplan.config.report import INVALID, Place, Report, at_key, suggest_or_list
from keyplan.config.sources import Source, Variable
from keyplan.config.variables import validate
from keyplan.graph.inputs import Input, decode_inputs, with_stack_names
from keyplan.graph.instances import NO_EACH, Each, Home, each_of, expand, is_declared, readable
from keyplan.graph.keys import Keys
from keyplan.graph.lazy import Inputs, Lazy
from keyplan.graph.module_lookups import ModulesLookup, OutputsLookup
from keyplan.graph.names import NO_THIS
from keyplan.graph.principals import evaluate_principals
from keyplan.graph.references import AddressLookup, KeyLookup, KindLookup, find
from keyplan.graph.world import World
from keyplan.model.address import Address, quote

MAX_INSTANCES = 20_000
"""How many instances of modules a stack may have."""


class Modules:
    """Opens the stack and every module instance; `finish` checks what nobody read."""

    def __init__(self, world: World, keys: Keys) -> None:
        self._world = world
        self._keys = keys
        self._inputs: dict[int, Mapping[str, Input] | None] = {}
        self._values: list[tuple[Home, Mapping[str, Lazy], Place]] = []
        self._full = False

    def open(self) -> None:
        """The stack first, then the modules that it uses, and so on."""
        configuration = self._world.configuration
        early = {
            name: found.changed(partial(readable, lookup=self._lookup))
            for name, found in configuration.names.items()
            if isinstance(found, Values)
        }
        self._open(Home("", configuration.source, early, configuration.files, self._lookup))

    def finish(self) -> None:
        """Evaluate every input and output, read or not, and check the variables' conditions."""
        stack = self._world.homes[""]
        given = self._world.configuration.names["var"]
        for name, value in given.values.items() if isinstance(given, Values) else ():
            place = at_key(stack.source.variables[name].entry)
            self._all_declared(value, place, self._world.report(f"var.{name}"))
        for home, values, place in self._values:
            report = self._world.report(home.inside("key.x"))
            for item in [*values.values(), *home.outputs.values()]:
                item.settle(self._keys)
            scope = home.scope({"var": home.early["var"]})
            for name, variable in home.source.variables.items():
                validate(variable, place, scope, report.about(home.inside(f"var.{name}")))

    def _lookup(self, address: Address) -> KeyLookup | AddressLookup:
        return KeyLookup(address, self._keys) if address.kind == "key" else AddressLookup(address)

    # -- opening -------------------------------------------------------------------------

    def _open(self, home: Home) -> None:
        world, source = self._world, home.source
        world.homes[home.address] = home
        report = Report(world.diagnostics, within=home.within)
        for everything, blocks in (
            (world.principals, source.principals),
            (world.policies, source.policies),
            (world.keys, source.keys),
        ):
            declared = expand(everything.kind, blocks, home, report)
            home.declared[everything.kind] = declared
            everything.add(declared)
        home.names = {
            **home.early,
            "this": NO_THIS,
            "module": ModulesLookup(home, lambda child: OutputsLookup(child, self._keys)),
            **{
                kind: KindLookup(declared, self._lookup) for kind, declared in home.declared.items()
            },
        }
        world.principal_values.update(evaluate_principals(home.declared["principal"], world))
        for name, block in source.modules.items():
            self._use(home, name, block)

    def _use(self, home: Home, name: str, block: Block) -> None:
        """Every instance of a module."""
        report = Report(self._world.diagnostics, home.inside(block.address), within=home.within)
        source = home.source.children.get(name)
        entries = each_of(block, home, report)
        inputs = None if source is None else self._inputs_of(block, source, report)
        if entries is None or source is None or inputs is None:
            home.broken.add(name)
            return
        opened = home.children[name] = {}
        for key, each in entries.items():
            wanted = is_declared(block, each, home, report)
            if wanted is None:
                home.broken.add(name)
            elif wanted and self._has_room(block, report):
                address = home.inside(block.address) + ("" if key is None else f"[{quote(key)}]")
                opened[key] = self._instance(home, block, source, inputs, (address, each))
                self._open(opened[key])

    def _has_room(self, block: Block, report: Report) -> bool:
        if len(self._world.homes) <= MAX_INSTANCES:
            return True
        if not self._full:
            self._full = True
            report.error(
                "KP-DECL-031",
                block.place,
                f"there are more than {MAX_INSTANCES:,} instances of modules",
                advice="Make one of the for_each smaller.",
            )
        return False

    def _instance(
        self,
        home: Home,
        block: Block,
        source: Source,
        inputs: Mapping[str, Input],
        what: tuple[str, Each | None],
    ) -> Home:
        """One instance, with its inputs waiting and its locals evaluated."""
        address, each = what
        each_name = NO_EACH if each is None else each
        within = (called(block.place, address), *home.within)
        child = Home(address, source, {}, home.files, self._lookup, within=within)
        child.user = home
        child.given = {
            name: prepared for name, (prepared, _, is_default) in inputs.items() if not is_default
        }
        report = Report(self._world.diagnostics, address, within=home.within)
        child.providers = self._providers(home, block, each_name, report)
        values = {
            name: self._lazy(name, source.variables[name], item, child, (home, each_name))
            for name, item in inputs.items()
        }
        names = {"var": Inputs(address, values, self._keys)}
        own = Report(self._world.diagnostics, address, within=within)
        found, bad = evaluate_locals(source.locals, child.scope(names), own)
        local = Values("local", found, bad).changed(partial(readable, lookup=self._lookup))
        child.early = {**names, "local": local}
        child.outputs = {
            name: self._output(name, output, child)
            for name, output in source.outputs.items()
            if is_declared(output, None, child, own)
        }
        self._values.append((child, values, block.at("inputs")))
        return child

    def _providers(
        self, home: Home, block: Block, each: object, report: Report
    ) -> Mapping[str, str]:
        """What providers are called in an instance: as its user calls them, unless it says so."""
        written = block.constants.get("providers")
        if "providers" in block.deferred:
            scope = home.scope({**home.early, "each": each})
            found = block.deferred["providers"].evaluate(scope, report)
            written = None if found is INVALID else found
        result = dict(home.providers)
        configuration = self._world.configuration
        for name, target in written.items() if isinstance(written, dict) else ():
            whole = home.provider(str(target))
            if whole in configuration.providers:
                result[name] = whole
            elif f"provider.{whole}" not in configuration.failed:
                report.error(
                    "KP-REF-009",
                    block.at_item(("providers", name)),
                    f"provider {whole} is not declared",
                    advice=suggest_or_list(whole, configuration.providers, "Declared"),
                )
        return result

    # -- inputs and outputs --------------------------------------------------------------

    def _inputs_of(
        self, block: Block, source: Source, report: Report
    ) -> Mapping[str, Input] | None:
        """What a block gives to a module, decoded once; `None` if it is no map."""
        if id(block) not in self._inputs:
            self._inputs[id(block)] = decode_inputs(block, source, report)
        return self._inputs[id(block)]

    def _lazy(
        self,
        name: str,
        variable: Variable,
        item: Input,
        child: Home,
        user: tuple[Home, object],
    ) -> Lazy:
        prepared, place, is_default = item
        home, each = user
        label = child.inside(f"var.{name}")
        within = child.within if is_default else home.within
        report = Report(self._world.diagnostics, label, within=within)

        def compute() -> object:
            scope = (
                child.scope(child.early) if is_default else home.scope({**home.names, "each": each})
            )
            value = evaluate(prepared, scope, report)
            if value is INVALID or variable.shape is None:
                return INVALID
            if not self._all_declared(value, place, report):
                return INVALID
            user_home = child if is_default else home
            return readable(with_stack_names(variable.shape, value, user_home), self._lookup)

        return Lazy(label, place, compute, report)

    def _all_declared(self, value: object, place: Place, report: Report) -> bool:
        """Whether every address in a value is that of something."""
        if isinstance(value, Address):
            world = self._world
            of_kind = {"key": world.keys, "policy": world.policies, "principal": world.principals}
            return find(value, of_kind[value.kind], lambda: place, report) is not None
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            every = [self._all_declared(item, place, report) for item in value]
            return all(every)
        return True

    def _output(self, name: str, block: Block, child: Home) -> Lazy:
        label = child.inside(f"output.{name}")
        report = Report(self._world.diagnostics, label, within=child.within)

        def compute() -> object:
            values = block.values(child.scope(child.names), report)
            if "value" not in values:
                return INVALID
            return readable(values["value"], self._lookup)

        return Lazy(label, block.at("value"), compute, report)
