"""`unenforced`: gaps that somebody accepted, for a provider, with a reason, until a day.

Rules: what is accepted has the name of a condition, an attribute, or a part of one; an
attribute that the provider does not have is left out, a deletion window that it does not
have is the nearest that it has, and the overlap and number of old versions are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keyplan.config.language_key import KEY
from keyplan.config.language_policy import CONDITIONS
from keyplan.config.report import Place, Report, suggest_or_list
from keyplan.graph.drafts import Draft
from keyplan.graph.world import World
from keyplan.model.policies import Unenforced
from keyplan.model.timing import format_duration, format_instant, parse_duration
from keyplan.sdk.capabilities import Capabilities

_CONDITIONS = frozenset(field.name for field in CONDITIONS.fields)
OF_A_STATEMENT = _CONDITIONS | {"principals", "expires_at"}
"""What a statement's gap can be about."""
_PARTS = frozenset({"deletion.window", "rotation.overlap", "rotation.keep"})
OF_A_KEY = _CONDITIONS | _PARTS | {field.name for field in KEY.fields if not field.later}
"""What a key's gap can be about."""


def check_gaps(
    gaps: Iterable[Unenforced],
    known: frozenset[str],
    where: Callable[[str], Place],
    world: World,
    report: Report,
) -> None:
    """Report gaps of providers that there are not, of nothing, and those whose time is over.

    `known` is what a gap can be about. `where` gives the place of a provider's entry.
    """
    for gap in gaps:
        for name in sorted(set(gap.what) - known):
            report.error(
                "KP-DECL-005",
                where(gap.provider),
                f"unenforced names {name}, which nothing here is called",
                advice=suggest_or_list(name, known, "It can be"),
            )
        if gap.provider not in world.plugins:
            report.error(
                "KP-DECL-022",
                where(gap.provider),
                f"unenforced names the provider type {gap.provider}, which is not installed",
                advice=suggest_or_list(gap.provider, world.plugins, "Installed"),
            )
        elif world.now is not None and gap.until < world.now:
            report.error(
                "KP-POL-003",
                where(gap.provider),
                f"the gap that was accepted for {gap.provider} ended {format_instant(gap.until)}",
                why=f"accepted was {', '.join(gap.what)}: {gap.reason}",
                advice="Remove what cannot be enforced, or accept it anew with another end.",
            )


def without_gaps(draft: Draft, capabilities: Capabilities) -> None:
    """Take out of a key what its provider cannot honour and the key does without."""
    attributes = draft.attributes
    for gap in draft.unenforced:
        if gap.provider != draft.provider_type:
            continue
        for name in gap.what:
            whole, _, part = name.partition(".")
            value = attributes.get(whole)
            if not part:
                if name not in capabilities.attributes:
                    attributes.pop(name, None)
            elif whole == "rotation" and isinstance(value, dict):
                attributes[whole] = {key: item for key, item in value.items() if key != part}
            elif name == "deletion.window" and isinstance(value, dict):
                attributes[whole] = {**value, part: _nearest(str(value[part]), capabilities)}


def _nearest(window: str, capabilities: Capabilities) -> str:
    """The window that the provider has, nearest to the one that was asked for."""
    found = max(parse_duration(window), capabilities.min_window)
    if capabilities.max_window is not None:
        found = min(found, capabilities.max_window)
    return format_duration(found)
