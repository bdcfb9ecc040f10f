"""`unenforced`: gaps that somebody accepted, for a provider, with a reason, until a day."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from keyplan.config.report import Place, Report, suggest_or_list
from keyplan.graph.world import World
from keyplan.model.policies import Unenforced
from keyplan.model.timing import format_instant


def check_gaps(
    gaps: Iterable[Unenforced], where: Callable[[str], Place], world: World, report: Report
) -> None:
    """Report gaps of providers that there are not, and those whose time is over.

    `where` gives the place of a provider's entry.
    """
    for gap in gaps:
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
