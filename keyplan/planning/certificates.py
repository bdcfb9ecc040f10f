"""Certificates of keys that their parents sign: when one has to be issued."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from keyplan.model.keys import Relation
from keyplan.model.observations import Observation
from keyplan.model.resources import DesiredKey
from keyplan.model.values import Value
from keyplan.planning.compare import ignored
from keyplan.planning.intents import Certify, Intent
from keyplan.plans.changes import Reason


def certificates(
    key: DesiredKey,
    wanted: Mapping[str, Value],
    live: Observation | None,
    now: datetime,
    *,
    rotating: int = 0,
    other_parent: bool = False,
) -> list[Intent]:
    """A certificate to issue: none yet, another profile, version or parent, or it has ended."""
    profile = wanted.get("certificate")
    if key.relation is not Relation.SIGNS or key.parent is None or not isinstance(profile, dict):
        return []
    if live is not None and ignored(key, "certificate"):
        return []
    version = rotating or (max(live.latest_version, 1) if live else 1)
    current = live.attributes.get("certificate") if live else None
    if isinstance(current, dict):
        same = not other_parent and all(
            current.get(name) == value for name, value in profile.items()
        )
        ended = str(current.get("not_after", "9")) <= now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if same and current.get("version", version) == version and not ended:
            return []
        reason = Reason.DUE if same else Reason.DECLARED
        return [Certify(key.parent, profile, version, reason)]
    return [Certify(key.parent, profile, version, Reason.DECLARED)]
