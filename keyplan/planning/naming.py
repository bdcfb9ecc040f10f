"""Names for keys that have none yet, from what people call them elsewhere.

Rules: a name is legal in the language, unique, and the same whenever the same keys are
found. An alias says most, then a label `name`, then the description, then the id.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from keyplan.model.observations import Observation

_LONGEST = 48
_NAMING_LABELS = ("name", "Name")


class Names:
    """Gives each key a name that nothing has yet."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = set(taken)

    def of(self, key: Observation) -> str:
        """The best name that is free, with a number behind it where every candidate is taken."""
        candidates = list(dict.fromkeys(filter(None, map(legal, _candidates(key)))))
        for name in candidates:
            if name not in self._taken:
                self._taken.add(name)
                return name
        number = 2
        while f"{candidates[0]}_{number}" in self._taken:
            number += 1
        name = f"{candidates[0]}_{number}"
        self._taken.add(name)
        return name


def legal(text: str) -> str:
    """The text as a name of the language (`[a-z][a-z0-9_]*`); empty if nothing of it is left."""
    words = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    if not words:
        return ""
    name = words if words[0].isalpha() else f"key_{words}"
    return name[:_LONGEST].strip("_")


def _candidates(key: Observation) -> Iterator[str]:
    aliases = key.attributes.get("aliases")
    yield from sorted(str(alias) for alias in aliases) if isinstance(aliases, list) else ()
    labels = key.attributes.get("labels")
    if isinstance(labels, dict):
        yield from (str(labels[name]) for name in _NAMING_LABELS if name in labels)
    description = key.attributes.get("description")
    if isinstance(description, str):
        yield " ".join(description.split()[:4])
    yield f"key_{key.id.rsplit('/', 1)[-1][:12]}"
