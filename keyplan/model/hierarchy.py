"""Facts about parent and child that hold whatever the provider: which relation suits
which key, and what a relation means for the child.

Source: SP 800-57 Part 1 rev. 5 §5.2, §5.6.2, §8.2.4; RFC 5649 §7.
"""

from __future__ import annotations

from keyplan.model.keys import Relation, Tier, Usage

PARENT_USAGE: dict[Relation, Usage | None] = {
    Relation.WRAPS: Usage.WRAP,
    Relation.DERIVES: Usage.DERIVE,
    Relation.SIGNS: Usage.SIGN,
    Relation.GOVERNS: None,
}
"""The usage a parent needs for a relation; `None`: any, it is authority only."""


def tier_may_follow(parent: Tier, child: Tier) -> bool:
    """Whether a key of tier `child` may stand under one of tier `parent`.

    Not above its parent's tier; equal only for master and service. A tier may be skipped.
    """
    if child is parent:
        return child in (Tier.MASTER, Tier.SERVICE)
    return child.depth > parent.depth
