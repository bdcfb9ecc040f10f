"""What `this` means in a policy: the key that the policy is used on.

Rules: an attribute or map entry that the key lacks is `none`; a name that no key of the
stack has is a slip and gets a suggestion. `this.parent` and `this.children` are keys as
`this` is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keyplan.config.expressions import At, Lookup
from keyplan.config.report import suggest_or_list
from keyplan.graph.drafts import Draft, typed
from keyplan.model.values import Value

_FIELDS = frozenset(
    {
        "address", "name", "instance", "provider", "tier", "parent", "children", "relation",
        "usage", "algorithm", "protection", "scope", "state", "rotation", "expires_at",
        "aliases", "multi_region", "replicas", "primary", "grants", "certificate", "labels",
        "owner", "description", "exportable", "deletion",
    }
)  # fmt: skip
_LATER = frozenset({"access", "change", "before"})
_OWN_NAMES = frozenset({"scope", "labels"})


class Names:
    """Which entries of `scope` and `labels` the keys of the stack have, for suggestions."""

    __slots__ = ("_drafts", "_known")

    def __init__(self, drafts: Iterable[Draft]) -> None:
        self._drafts = drafts
        self._known: dict[str, frozenset[str]] = {}

    def of(self, attribute: str) -> frozenset[str]:
        """Every entry that any key has."""
        if attribute not in self._known:
            found: set[str] = set()
            for draft in self._drafts:
                value = draft.attributes.get(attribute)
                if isinstance(value, dict):
                    found.update(value)
            self._known[attribute] = frozenset(found)
        return self._known[attribute]


class EntriesLookup(Lookup):
    """`this.scope` or `this.labels`: a missing entry is `none` only if another key has it."""

    __slots__ = ("_attribute", "_names", "_values")

    def __init__(self, attribute: str, values: Mapping[str, Value], names: Names) -> None:
        self._attribute = attribute
        self._values = values
        self._names = names

    def get_attribute(self, name: str, at: At) -> object:
        """`this.scope.tenant`."""
        if name in self._values:
            return self._values[name]
        known = self._names.of(self._attribute)
        if name in known:
            return None
        raise at.error(
            "KP-REF-010",
            f"no key of this stack has {self._attribute}.{name}",
            advice=suggest_or_list(name, known, "There are")
            or f"Give the keys that it is for a {self._attribute} with {name}.",
        )

    def get_item(self, key: object, at: At) -> object:
        """`this.labels["cost-centre"]`."""
        return self.get_attribute(str(key), at)

    def as_value(self, at: At) -> object:
        """The whole map."""
        del at
        return dict(self._values)

    def entries(self, at: At) -> Mapping[str, object]:
        """Every entry."""
        del at
        return self._values


class ThisLookup(Lookup):
    """The key that a policy is evaluated for."""

    __slots__ = ("_draft", "_names")

    def __init__(self, draft: Draft, names: Names) -> None:
        self._draft = draft
        self._names = names

    def get_attribute(self, name: str, at: At) -> object:
        """`this.algorithm`, `this.parent.address`."""
        draft = self._draft
        match name:
            case "address" | "provider":
                return str(getattr(draft, name))
            case "name":
                return draft.address.name
            case "instance":
                return draft.address.instance
            case "tier" | "usage" | "algorithm" | "relation":
                value = getattr(draft, name)
                return None if value is None else str(value)
            case "parent":
                return None if draft.parent is None else ThisLookup(draft.parent, self._names)
            case "children":
                return [ThisLookup(child, self._names) for child in draft.children]
        if name in _OWN_NAMES:
            value = draft.attributes.get(name)
            return EntriesLookup(name, value if isinstance(value, dict) else {}, self._names)
        if name in _FIELDS:
            return typed(name, draft.attributes.get(name))
        if name in _LATER:
            raise at.error(
                "KP-REF-012",
                f"this.{name} cannot be read here",
                why="a policy is known before a change of it is",
            )
        raise at.error(
            "KP-REF-010",
            f"this has no attribute {name}",
            advice=suggest_or_list(name, _FIELDS, "Attributes"),
        )

    def as_value(self, at: At) -> object:
        """Its address."""
        del at
        return self._draft.address


def plain(draft: Draft, path: tuple[str, ...]) -> tuple[bool, Value]:
    """What `("this", "scope", "tenant")` reads, if it is a plain scalar: found, and the value.

    Policies are remembered by these values; anything that is not plain is evaluated anew.
    """
    match path:
        case ("this", "scope", name) if not name.startswith("["):
            value = draft.scope.get(name)
            return isinstance(value, str), value
        case ("this", "usage" | "algorithm" | "tier" as name):
            return True, str(getattr(draft, name))
        case _:
            return False, None
