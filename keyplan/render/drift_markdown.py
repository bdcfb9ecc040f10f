"""A check for drift as Markdown, for an issue or a pull request. At most 65,000 characters.

Rules: the first line is the marker by which a bot finds its comment again; worst first,
and what does not fit is counted; whatever comes from a configuration, a state or a service
stands in a code span, where neither markup nor a mention works. The template is the page,
this module only what it says.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from keyplan.model.canonical import canonical_json
from keyplan.model.printable import printable
from keyplan.model.timing import format_date
from keyplan.model.values import Value
from keyplan.plans.changes import DriftKind
from keyplan.plans.drift import Drifted, DriftReport, Stray
from keyplan.render.drift_report import repair_text, undo_text, verdict

LARGEST: Final = 65_000
"""Characters; GitHub takes 65,536 of them in a comment."""

_LONGEST = 160
_MOST = 400
_SIDE = 50


class Shown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def drift_markdown(report: DriftReport) -> str:
    """The report, ending with a line end."""
    rows = min(len(report.drifted), _MOST)
    side = _SIDE
    text = _rendered(report, rows, side)
    while len(text) > LARGEST:
        rows, side = rows * 2 // 3, side // 2
        text = _rendered(report, rows, side)
    return text


def code(text: str, *, longest: int = _LONGEST) -> Shown:
    """The text in a code span that it cannot leave, fit for a table's cell."""
    plain = printable(text)
    if len(plain) > longest:
        plain = f"{plain[:longest]}..."
    fence = "`" * (max((len(run) for run in re.findall(r"`+", plain)), default=0) + 1)
    padding = " " if plain.startswith("`") or plain.endswith("`") or not plain.strip() else ""
    inside = plain.replace("|", r"\|") or " "
    return Shown(f"{fence}{padding}{inside}{padding}{fence}")


def escaped(text: object) -> str:
    """Anything else, with what Markdown and HTML would read taken literally."""
    if isinstance(text, Shown):
        return text
    plain = printable(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = re.sub(r"([\\`*_\[\]|~#!$])", r"\\\1", plain)
    return plain.replace("@", "&#64;<!-- -->")


def _rendered(report: DriftReport, rows: int, side: int) -> str:
    notes = [*(_respelt(report)), *(Shown(escaped(item.summary)) for item in report.findings)]
    strays = report.strays or ()
    page: str = _template().render(
        report=report,
        marker=Shown(re.sub(r"[^A-Za-z0-9_.]+", "-", report.stack)),
        stack=code(report.stack),
        moment=f"{format_date(report.now)} {report.now:%H:%M} UTC",
        verdict=list(verdict(report)),
        worst=_worst(report),
        rows=[_row(entry) for entry in report.drifted[:rows]],
        rows_left=len(report.drifted) - rows,
        strays=[_stray(stray) for stray in strays[:side]],
        strays_left=max(0, len(strays) - side),
        notes=notes[:side],
        notes_left=max(0, len(notes) - side),
        remediable=any(entry.by_remedy for entry in report.drifted),
    )
    return page


@cache
def _template() -> Any:
    environment = Environment(  # noqa: S701  (the output is Markdown: `finalize` escapes it all)
        loader=PackageLoader("keyplan.render"),
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("drift.md.j2")


def _worst(report: DriftReport) -> Shown:
    """One line on what cannot wait."""
    loud = (DriftKind.VANISHED, DriftKind.DESTRUCTIVE, DriftKind.ACCESS_WIDENED)
    parts = []
    for kind in loud:
        keys = list(
            dict.fromkeys(one.item.address for one in report.drifted if one.item.kind is kind)
        )
        if keys:
            named = ", ".join(code(address) for address in keys[:3])
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            parts.append(f"**{kind.value.capitalize()}:** {named}{more}.")
    return Shown(" ".join(parts))


def _row(entry: Drifted) -> dict[str, str]:
    item = entry.item
    repairs, undo = entry.by_apply or entry.by_remedy, undo_text(entry)
    return {
        "kind": item.kind.value,
        "address": Shown(f"{code(item.address)} ({code(item.provider)})"),
        "path": code(item.path or "key"),
        "applied": _value(item.applied),
        "live": _value(item.live),
        "repair": Shown("<br>".join(code(repair_text(one)) for one in repairs)) or "none",
        "undo": code(undo) if undo.startswith("keyplan ") else undo,
    }


def _value(value: Value) -> Shown:
    if value is None:
        return Shown("(none)")
    return code(value if isinstance(value, str) else canonical_json(value))


def _stray(stray: Stray) -> Shown:
    named = f", alias {code(', '.join(stray.aliases))}" if stray.aliases else ""
    notes = f" ({escaped('; '.join(stray.notes))})" if stray.notes else ""
    return Shown(f"{code(stray.id)} on {code(stray.provider)}{named}{notes}")


def _respelt(report: DriftReport) -> list[Shown]:
    return [
        Shown(f"{code(one.attribute)} of {code(one.address)} {escaped(one.note)}")
        for one in report.respelt
    ]
