"""What `module` means in expressions: `module.tenant["acme"].key_arn`.

Rules: only outputs can be read; one spelling only, with an index exactly where the block
has `for_each`. The entries of `import` and `moved` go inside by address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keyplan.config.expressions import At, Lookup
from keyplan.config.report import AlreadyReportedError, suggest_or_list
from keyplan.graph.instances import Home
from keyplan.graph.lazy import Tracker
from keyplan.model.address import quote

Enter = Callable[[Home], Lookup]


class ModulesLookup(Lookup):
    """`module`. `enter` makes what stands for one instance."""

    __slots__ = ("_enter", "_home")

    def __init__(self, home: Home, enter: Enter) -> None:
        self._home = home
        self._enter = enter

    def get_attribute(self, name: str, at: At) -> object:
        """`module.tenant`."""
        home = self._home
        block = home.source.modules.get(name)
        if name in home.broken or f"module.{name}" in home.source.failed:
            raise AlreadyReportedError
        if block is None:
            raise at.error(
                "KP-REF-002",
                f"module.{name} is not declared",
                advice=suggest_or_list(name, home.source.modules, "Declared")
                or "Declare it under `module:`.",
            )
        instances = home.children.get(name, {})
        if block.wrote("for_each"):
            return InstancesLookup(block.address, instances, self._enter)
        if None not in instances:
            raise at.error(
                "KP-REF-002", f"module.{name} is not declared", why="`declare` leaves it out"
            )
        return self._enter(instances[None])

    def get_item(self, key: object, at: At) -> object:
        """`module["tenant"]` is another spelling of `module.tenant`."""
        raise at.error("KP-REF-001", "module has names, not entries", advice=f"Write module.{key}.")


class InstancesLookup(Lookup):
    """The instances of a module with `for_each`: `module.tenant`."""

    __slots__ = ("_address", "_enter", "_instances")

    def __init__(self, address: str, instances: Mapping[str | None, Home], enter: Enter) -> None:
        self._address = address
        self._instances = instances
        self._enter = enter

    def get_item(self, key: object, at: At) -> object:
        """`module.tenant["acme"]`."""
        found = self._instances.get(str(key))
        if found is None:
            keys = [str(name) for name in self._instances]
            raise at.error(
                "KP-REF-002",
                f"{self._address}[{quote(str(key))}] is not declared",
                why="its for_each has no such entry",
                advice=suggest_or_list(str(key), keys, "There are"),
            )
        return self._enter(found)

    def get_attribute(self, name: str, at: At) -> object:
        """`module.tenant.acme` is refused: instances are entries, not attributes."""
        shown = name if name in self._instances else next(iter(self._instances), None) or "name"
        raise at.error(
            "KP-REF-001" if name in self._instances else "KP-REF-003",
            f"{self._address}.{name} needs an index",
            why="its block has for_each, so it stands for several",
            advice=f"Write {self._address}[{quote(shown)}]"
            + ("." if name in self._instances else f".{name}."),
        )

    def entries(self, at: At) -> Mapping[str, object]:
        """Every instance by its key."""
        del at
        return {str(key): self._enter(home) for key, home in self._instances.items()}


class OutputsLookup(Lookup):
    """One instance of a module, as expressions see it: its outputs."""

    __slots__ = ("_home", "_tracker")

    def __init__(self, home: Home, tracker: Tracker) -> None:
        self._home = home
        self._tracker = tracker

    def get_attribute(self, name: str, at: At) -> object:
        """`module.tenant["acme"].key_arn`."""
        home = self._home
        if name in home.outputs:
            return home.outputs[name].read(self._tracker, at)
        if f"output.{name}" in home.source.failed:
            raise AlreadyReportedError
        if name in home.source.outputs:
            raise at.error(
                "KP-REF-002",
                f"{home.address} has no output {name}",
                why="`declare` leaves it out",
                advice="Ask whether it is there with the same condition.",
            )
        inside = name in ("key", "policy", "principal", "module", "var", "local")
        raise at.error(
            "KP-REF-002",
            f"{home.address} has no output {name}",
            why="only the outputs of a module can be read" if inside else "",
            advice="Declare an `output` in the module."
            if inside
            else suggest_or_list(name, home.outputs, "Outputs")
            or "Declare it under `output:` in the module.",
        )

    def entries(self, at: At) -> Mapping[str, object]:
        """Every output."""
        return {name: item.read(self._tracker, at) for name, item in self._home.outputs.items()}


class InsideLookup(Lookup):
    """One instance of a module, as `import` goes into it: the addresses in it."""

    __slots__ = ("_home",)

    def __init__(self, home: Home) -> None:
        self._home = home

    def get_attribute(self, name: str, at: At) -> object:
        """`module.tenant["acme"].key`, and a module in it."""
        if name == "key":
            return self._home.names["key"]
        if name == "module":
            return ModulesLookup(self._home, InsideLookup)
        raise at.error(
            "KP-REF-004",
            f"{self._home.address}.{name} is not the address of a key",
            advice=f"Write {self._home.address}.key.name.",
        )
