"""Expressions evaluated against a stack and what its state knows. Nothing is ever written.

Rules: names mean what they mean in the stack. An attribute that only the provider can
know is read from the state, if the key is in it; otherwise it is unknown. No provider is
opened and no key is read.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.app.workspace import Workspace
from keyplan.config.expressions import At, Lookup, Scope, parse_expression
from keyplan.config.faults import ExpressionError
from keyplan.config.names import Absent
from keyplan.config.source import SourceFile, StackFiles
from keyplan.config.tree import ScalarNode
from keyplan.diagnostics import ConfigurationError
from keyplan.graph.link import load_scope
from keyplan.model.values import Reference, Unknown, Value, resolve
from keyplan.state.model import State

SOURCE = "console"
"""What messages call the lines that are typed."""

_NO_EACH = Absent("each", "no block is being made here")


class Console:
    """A stack that can be asked."""

    def __init__(self, workspace: Workspace) -> None:
        """Link the stack and load its state. Raises `ConfigurationError` and `StateError`."""
        names = load_scope(
            workspace.root,
            inputs=workspace.inputs,
            plugins=workspace.registry.plugins,
            environment=workspace.environment,
            now=workspace.clock.now(),
        )
        known = _Known(workspace.snapshot().state)
        self._root = workspace.root
        self._lines: list[str] = []
        self._scope = Scope(
            {"each": _NO_EACH, **{name: known.of(item) for name, item in names.items()}},
            StackFiles(workspace.root),
        )

    def evaluate(self, text: str) -> Value:
        """The value of an expression. Raises `ConfigurationError` with the place in the line."""
        self._lines.append(text)
        number = len(self._lines)
        file = SourceFile(SOURCE, self._root / SOURCE, text, tuple(self._lines))
        column = len(text) - len(text.lstrip()) + 1
        node = ScalarNode(text.strip(), number, column, file)
        try:
            return parse_expression(node).evaluate(self._scope)
        except ExpressionError as error:
            raise ConfigurationError([error.diagnostic]) from None


class _Known:
    """Puts what a state knows in the place of what is unknown."""

    def __init__(self, state: State) -> None:
        self._state = state

    def of(self, found: object) -> object:
        """A name, an attribute or an entry, with everything known in it."""
        if isinstance(found, Lookup):
            return _KnownLookup(found, self)
        if isinstance(found, Unknown) and all(map(self._has, found.references)):
            return resolve(found, self._value)
        return found

    def _has(self, reference: Reference) -> bool:
        resource = self._state.resources.get(reference.address)
        if resource is None:
            return False
        return reference.attribute == "id" or reference.attribute in resource.attributes

    def _value(self, reference: Reference) -> Value:
        resource = self._state.resources[reference.address]
        if reference.attribute == "id":
            return resource.id
        return resource.attributes[reference.attribute]


class _KnownLookup(Lookup):
    """A lookup whose answers are known as far as the state knows them."""

    __slots__ = ("_inner", "_known")

    def __init__(self, inner: Lookup, known: _Known) -> None:
        self._inner = inner
        self._known = known

    def get_attribute(self, name: str, at: At) -> object:
        """As the stack has it."""
        return self._known.of(self._inner.get_attribute(name, at))

    def get_item(self, key: object, at: At) -> object:
        """As the stack has it."""
        return self._known.of(self._inner.get_item(key, at))

    def as_value(self, at: At) -> object:
        """As the stack has it."""
        return self._known.of(self._inner.as_value(at))

    def entries(self, at: At) -> Mapping[str, object]:
        """As the stack has them."""
        return {name: self._known.of(item) for name, item in self._inner.entries(at).items()}
