"""What differs inside two values that are known to differ, such as policy documents.

Equality has decided already; DeepDiff only explains. Rules: the order of a list
never counts (no provider's policy depends on it); a list of objects that name
themselves (`sid`, `name`) is compared by name; DeepDiff is imported here and nowhere
else, and each distinct pair is explained once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from keyplan.model.canonical import canonical_json
from keyplan.model.values import Unknown, Value
from keyplan.render.values import text_of

_OutlinePart: TypeAlias = tuple[tuple[str, ...], str, str]
_Outline: TypeAlias = tuple[_OutlinePart, ...]
"""Where two values differ and in what: the same for two pairs that differ alike."""

_NAMES = ("sid", "Sid", "name", "id")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that differs: `path` is `statements.Readers.principals`, `mark` one of `+ - ~`."""

    mark: str
    path: str
    before: str
    after: str

    @property
    def text(self) -> str:
        """`+ arn:aws:...` or `a -> b`."""
        match self.mark:
            case "+":
                return self.after
            case "-":
                return self.before
            case _:
                return f"{self.before} -> {self.after}"


@dataclass(slots=True)
class Explainer:
    """Explains differences, at most `budget` of them that are not alike.

    DeepDiff takes about a millisecond for a small policy. The same change of a policy
    in documents that differ elsewhere is explained once; with the budget, explaining
    stays fast whatever the size of the plan.
    """

    budget: int = 200
    _known: dict[_Outline, tuple[Difference, ...]] = field(default_factory=dict)

    def explain(self, before: Value, after: Value) -> tuple[Difference, ...] | None:
        """The differences in order of their paths; `None` when the budget is used up."""
        old, new = _comparable(before), _comparable(after)
        outline = tuple(_outline(old, new, ()))
        if outline not in self._known:
            if len(self._known) >= self.budget:
                return None
            self._known[outline] = _explained(old, new)
        return self._known[outline]


def differences(before: Value, after: Value) -> tuple[Difference, ...]:
    """What differs, by path. Empty if nothing but order does."""
    return _explained(_comparable(before), _comparable(after))


def _outline(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[_OutlinePart]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if name in old and name in new:
                yield from _outline(old[name], new[name], (*path, name))
            else:
                yield (*path, name), repr(old.get(name, "")), repr(new.get(name, ""))
    elif isinstance(old, set) and isinstance(new, set):
        yield path, repr(sorted(old - new)), repr(sorted(new - old))
    else:
        yield path, repr(old), repr(new)


def _explained(old: Any, new: Any) -> tuple[Difference, ...]:
    from deepdiff import DeepDiff  # noqa: PLC0415  (0.1 s to import; rarely needed)

    found = DeepDiff(old, new, view="tree", threshold_to_diff_deeper=0)
    result: list[Difference] = []
    for kind, items in found.items():
        make = _MAKERS.get(kind, _changed)
        result += [make(item) for item in items]
    return tuple(sorted(result, key=lambda item: (item.path, item.mark != "-", item.text)))


def _comparable(value: Value) -> Any:
    """Lists as what they mean: sets of texts, or maps of named objects."""
    match value:
        case Unknown():
            return text_of(value)
        case dict():
            return {name: _comparable(item) for name, item in value.items()}
        case list():
            return _comparable_list(value)
        case _:
            return value


def _comparable_list(items: list[Value]) -> Any:
    if all(isinstance(item, dict) for item in items):
        for name in _NAMES:
            names = [item.get(name) for item in items if isinstance(item, dict)]
            texts = [text for text in names if isinstance(text, str)]
            if len(texts) == len(items) == len(set(texts)):
                return {text: _comparable(item) for text, item in zip(texts, items, strict=True)}
    return {text_of(item) if _plain(item) else canonical_json(item) for item in items}


def _plain(value: Value) -> bool:
    return not isinstance(value, dict | list)


def _added(item: Any) -> Difference:
    return Difference("+", _path(item), "", _text(item.t2))


def _removed(item: Any) -> Difference:
    return Difference("-", _path(item), _text(item.t1), "")


def _changed(item: Any) -> Difference:
    return Difference("~", _path(item), _text(item.t1), _text(item.t2))


_MAKERS: dict[str, Callable[[Any], Difference]] = {
    "dictionary_item_added": _added,
    "set_item_added": _added,
    "dictionary_item_removed": _removed,
    "set_item_removed": _removed,
}


def _path(item: Any) -> str:
    """The place, without the position of an element inside a set."""
    parts = [str(part) for part in item.path(output_format="list") if part is not None]
    in_set = isinstance(item.up.t1, set) or isinstance(item.up.t2, set) if item.up else False
    return ".".join(parts[:-1] if in_set and _names_element(item, parts) else parts)


def _names_element(item: Any, parts: list[str]) -> bool:
    element = item.t1 if isinstance(item.t1, str) else item.t2
    return bool(parts) and parts[-1] == str(element)


def _text(value: Any) -> str:
    if isinstance(value, set):
        return ", ".join(sorted(value)) or "[]"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(item)}" for name, item in value.items()) or "{}"
    return text_of(value)
