"""Keys that are there and of which nothing may be read.

A provider that can read the others raises this instead of failing for all. Whoever only looks
(a plan, a drift report) goes on with what was seen; for whoever writes it is a refusal like any
other. Rules: a hidden key is never taken for absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from keyplan.errors import DeniedError
from keyplan.model.observations import Observation


class HiddenKeysError(DeniedError):
    """`hidden` are refusals by the id that was asked for, at least one; `seen` is all the rest."""

    def __init__(self, hidden: Mapping[str, DeniedError], seen: Mapping[str, Observation]) -> None:
        (key_id, first), others = next(iter(hidden.items())), len(hidden) - 1
        super().__init__(
            first.what,
            target=f"{key_id} and {others} more" if others else key_id,
            why=first.why,
            advice=first.advice,
            operation=first.operation,
            request_id=first.request_id,
        )
        self.hidden = hidden
        self.seen = seen


class HiddenCandidateError(DeniedError):
    """A key that may be the one that is looked for: nobody may see what it carries.

    `made_at` is when it was made, and no other such key later; `NEVER_TOLD` if that may not be
    seen either. A key that was made before there was a reason to search is not the one.
    """

    def __init__(self, key_id: str, refusal: DeniedError, made_at: datetime) -> None:
        super().__init__(
            refusal.what,
            target=key_id,
            why=f"{refusal.why.rstrip('.')}, and {key_id} may be the key.",
            advice=refusal.advice,
            operation=refusal.operation,
            request_id=refusal.request_id,
        )
        self.made_at = made_at


NEVER_TOLD = datetime.max.replace(tzinfo=UTC)
"""Later than anything: when a key was made of which not even that may be seen."""
