"""Addresses: the one name of a declared thing, `module.tenant["acme"].key.data`.

Rules: one spelling only. An `Address` is text, so it sorts, hashes and serialises as
text does, but only well-formed text becomes one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, Self

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_STEP = re.compile(
    r"module\.(?P<name>[a-z][a-z0-9_]{0,62})(?:\[(?P<index>\"(?:[^\"\\]|\\.)*\")\])?\."
)
_LEAF = re.compile(
    r"(?P<kind>key|policy|principal|output)\.(?P<name>[a-z][a-z0-9_]{0,62})"
    r"(?:\[(?P<index>\"(?:[^\"\\]|\\.)*\")\])?"
    r"(?:\.replicas\[(?P<replica>\"(?:[^\"\\]|\\.)*\")\])?"
)

_REPLICA = re.compile(r"\.replicas\[\"(?:[^\"\\]|\\.)*\"\]\Z")


class AddressParts(NamedTuple):
    """An address taken apart. `instance` and `replica` are unquoted; `None` where there is none."""

    modules: tuple[tuple[str, str | None], ...]
    kind: str
    name: str
    instance: str | None
    replica: str | None


class Address(str):
    """The well-formed address of a key, policy, principal or output."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Raises `ValueError` for text that is not an address."""
        _parse(text)
        return super().__new__(cls, text)

    @classmethod
    def of(cls, kind: str, name: str, instance: str | None = None, *, module: str = "") -> Self:
        """Build from parts: `Address.of("key", "master", "prod")` is `key.master["prod"]`."""
        prefix = f"{module}." if module else ""
        suffix = "" if instance is None else f"[{quote(instance)}]"
        return cls(f"{prefix}{kind}.{name}{suffix}")

    @property
    def parts(self) -> AddressParts:
        """The address taken apart."""
        return _parse(str(self))

    @property
    def kind(self) -> str:
        """`key`, `policy`, `principal` or `output`."""
        return self.parts.kind

    @property
    def name(self) -> str:
        """The declared name, without index."""
        return self.parts.name

    @property
    def instance(self) -> str | None:
        """The `for_each` key, or `None`."""
        return self.parts.instance

    @property
    def replica_of(self) -> Address | None:
        """The key that a replica belongs to; `None` for anything else."""
        found = _REPLICA.search(self) if ".replicas[" in self else None
        return None if found is None else Address(self[: found.start()])

    def replica(self, name: str) -> Address:
        """The address of a key's replica: `key.payments.replicas["dr"]`."""
        return Address(f"{self}.replicas[{quote(name)}]")

    @property
    def module(self) -> str:
        """The address of the module that declares it, or the empty string."""
        steps = self.parts.modules
        return ".".join(
            f"module.{name}" + ("" if index is None else f"[{quote(index)}]")
            for name, index in steps
        )


def names_a_module(text: str) -> bool:
    """Whether text is the address of a module: `module.tenant["acme"]`, `module.a.module.b`."""
    position, whole = 0, f"{text}."
    while step := _STEP.match(whole, position):
        position = step.end()
    return 0 < position == len(whole)


def quote(text: str) -> str:
    """Text as an index writes it: in double quotes, `"` and `\\` escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquote(text: str) -> str:
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner) if "\\" in inner else inner


@lru_cache(maxsize=65536)
def _parse(text: str) -> AddressParts:
    position = 0
    modules: list[tuple[str, str | None]] = []
    while step := _STEP.match(text, position):
        modules.append((step["name"], None if step["index"] is None else _unquote(step["index"])))
        position = step.end()
    leaf = _LEAF.fullmatch(text, position)
    if leaf is None:
        raise ValueError(f"not an address: {text!r}")
    kind, name, index, replica = leaf.groups()
    return AddressParts(
        tuple(modules),
        kind,
        name,
        None if index is None else _unquote(index),
        None if replica is None else _unquote(replica),
    )


_PATTERN_MARK = "\0"


def matches(pattern: str, address: str) -> bool:
    """Whether an address matches a pattern in which `*` stands for any text.

    `key.master["*"]` matches each instance, `key.*` every key outside modules.
    """
    escaped = re.escape(pattern.replace("*", _PATTERN_MARK)).replace(re.escape(_PATTERN_MARK), ".*")
    return re.fullmatch(escaped, address) is not None
