"""keyplan's own tags on a key: whose it is, and what AWS has no field for.

Rules: they begin with `keyplan:` and are never labels. `keyplan:stack` and
`keyplan:token` are written with the key; `keyplan:state` says that a disabled key is
compromised; `keyplan:version` is written before the first on-demand rotation, because
only then must the rotations of a key be read (`Turn`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from keyplan.model.observations import OwnerMark

STACK = "keyplan:stack"
TOKEN = "keyplan:token"  # noqa: S105  (the name of a tag)
STATE = "keyplan:state"
VERSION = "keyplan:version"
MARKS = len((STACK, TOKEN, STATE, VERSION))
COMPROMISED = "compromised"

_TURN = re.compile(r"(?P<version>[1-9]\d{0,2}):(?P<before>\d{1,3})")


@dataclass(frozen=True, slots=True)
class Turn:
    """How versions are counted: `version` was made when `before` on-demand rotations were there.

    Written `2:0`. It names the rotation absolutely, so that one whose answer was lost is
    recognised, and rotations that others made earlier do not confuse the numbers.
    """

    version: int
    before: int

    @classmethod
    def parse(cls, text: str | None) -> Turn | None:
        """The tag's meaning; `None` if it is not there or not ours."""
        match = _TURN.fullmatch(text or "")
        return cls(int(match["version"]), int(match["before"])) if match else None

    def __str__(self) -> str:
        return f"{self.version}:{self.before}"

    def latest(self, rotations: int) -> int:
        """The newest version, when there are so many on-demand rotations."""
        return self.version - 1 + max(0, rotations - self.before)


def owner_of(tags: Mapping[str, str]) -> OwnerMark | None:
    """Whose key it is."""
    stack, token = tags.get(STACK), tags.get(TOKEN)
    return OwnerMark(stack, token) if stack and token else None


def owner_tags(owner: OwnerMark) -> dict[str, str]:
    """The tags that mark a key."""
    return {STACK: owner.stack, TOKEN: owner.token}


def labels_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Everything that is neither AWS's nor keyplan's own."""
    return {
        name: value
        for name, value in sorted(tags.items())
        if not name.startswith(("keyplan:", "aws:"))
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """As KMS writes tags."""
    return [{"TagKey": name, "TagValue": value} for name, value in sorted(tags.items())]
