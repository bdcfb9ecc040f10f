"""A check for drift as text: worst first, each with what puts it right, keeps it, undoes it.

Rules: plain ASCII, never over 80 columns; old before new; what `keyplan drift --remediate`
leaves alone says why; the verdict comes last, because the end of the log is what is on the
screen. More than twenty keys that are alike fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyplan.model.inverses import Grade
from keyplan.model.timing import format_date
from keyplan.plans.changes import DriftItem, DriftKind, DriftResponse
from keyplan.plans.drift import Drifted, DriftReport, Repair, Stray
from keyplan.render.drift import changed_lines, drifted_groups, is_version, keep_words
from keyplan.render.explain import Explainer
from keyplan.render.fold import fold
from keyplan.render.layout import clean, count, entry, listed, paragraph, with_right
from keyplan.render.values import attribute_text, grant_text, is_long
from keyplan.render.words import place

INDENT = 8

_GRADES = {
    Grade.EXACT: "undo: exact",
    Grade.COMPENSATING: "undo: in part",
    Grade.TIME_LIMITED: "undo: for a time",
    Grade.UNPROVEN: "undo: unproven",
    Grade.NONE: "undo: NONE",
}


_WRITE = (DriftResponse.REVERT, DriftResponse.REPORT)
"""Where writing the declaration anew would keep what is there."""


def drift_text(
    report: DriftReport, *, seconds: float | None = None, full: bool = False, hints: bool = True
) -> str:
    """The whole report, ending with a line end."""
    lines = [
        *_header(report, seconds),
        *_drift(report, full=full),
        *_strays(report, full=full),
        *_notes(report, full=full),
        *_verdict(report),
        *(_next(report) if hints else []),
    ]
    return "\n".join(lines) + "\n"


def _header(report: DriftReport, seconds: float | None) -> list[str]:
    first = f"Stack {report.stack}: state {report.store}, serial {report.serial}"
    lines = with_right(paragraph(first, 0, 2), f"keyplan {report.keyplan_version}")
    took = f" in {seconds:.1f} s" if seconds is not None else ""
    moment = f"{format_date(report.now)} {report.now:%H:%M} UTC"
    text = f"Read {report.read:,} of {count(report.keys, 'key')}{took}, {moment}."
    if not report.complete:
        text += " Incomplete: --target or --exclude left something out."
    return [*lines, *paragraph(text), ""]


# -- what drifted ------------------------------------------------------------------------


def _drift(report: DriftReport, *, full: bool) -> list[str]:
    if not report.drifted:
        return []
    groups = drifted_groups(report.drifted)
    folded = fold(groups, _likeness, full=full)
    lines = [f"Drift   changed outside keyplan since serial {report.serial}", ""]
    explainer = Explainer()
    for group in folded.shown:
        lines += [*_key(group, explainer), ""]
    for likeness, more in folded.more.items():
        text = f"! {count(more, 'more key')}: {likeness} (show all: keyplan drift --json)"
        lines += [*paragraph(text, 2, 4), ""]
    return lines


def _likeness(group: tuple[Drifted, ...]) -> str:
    names = dict.fromkeys(entry.item.path.partition(":")[0] for entry in group)
    remedy = "can be put back" if all(entry.by_remedy for entry in group) else "left by --remediate"
    return f"{', '.join(names)}, {group[0].item.kind.value}, {remedy}"


def _key(group: tuple[Drifted, ...], explainer: Explainer) -> list[str]:
    first = group[0]
    facts = [first.item.provider, first.tier, first.usage, first.algorithm]
    head = paragraph(f"! {clean(first.item.address)}", 2, 6)
    lines = with_right(head, "   ".join(fact for fact in facts if fact))
    for number, drifted in enumerate(group):
        lines += [*([""] if number else []), *_entry(drifted, explainer)]
    return lines


def _entry(drifted: Drifted, explainer: Explainer) -> list[str]:
    item = drifted.item
    lines = with_right(changed_lines(item, explainer), item.kind.value)
    if item.written and item.declared != item.applied:
        name = item.path.partition(":")[0]
        show = grant_text if name == "grants" else lambda value: attribute_text(name, value)
        text = "other than both" if is_long(item.declared) else show(item.declared)
        if item.declared == item.live:
            text = "as it is now"
        lines += with_right(entry(INDENT, "declared", text), place(item.position))
    for repair in drifted.by_apply or drifted.by_remedy:
        lines += with_right(entry(INDENT, "repair", repair_text(repair)), _GRADES[repair.undo])
    lines += _keep(item)
    lines += entry(INDENT, "to undo it", undo_text(drifted))
    if drifted.left and item.kind is not DriftKind.VANISHED:
        lines += entry(INDENT, "left because", drifted.left)
    return lines


def repair_text(repair: Repair) -> str:
    """`set key state: suspended -> active`."""
    return f"{repair.call}: {repair.detail}" if repair.detail else repair.call


def keep_text(item: DriftItem) -> str:
    """What to write so that what is there now stays; empty where nothing keeps it."""
    if item.kind is DriftKind.VANISHED:
        return f"`removed: [{{from: '{item.address}', mode: forget}}]` lets it go"
    match item.response:
        case DriftResponse.REVERT | DriftResponse.REPORT:
            return keep_words(item)
        case DriftResponse.LEAVE | DriftResponse.IGNORE | DriftResponse.OBSERVE:
            ends = item.kind is DriftKind.DESTRUCTIVE and not is_version(item)
            taken = not ends and item.path != "deletion_at"
            return "keyplan apply --refresh-only takes note of it" if taken else ""
        case _:
            return ""


def undo_text(drifted: Drifted) -> str:
    """What undoes it: a command, or what a person has to do."""
    item = drifted.item
    if drifted.by_remedy:
        return "keyplan drift --remediate"
    if drifted.by_apply or (
        item.kind is DriftKind.VANISHED and item.response is DriftResponse.REVERT
    ):
        return "keyplan apply"
    if item.kind is DriftKind.VANISHED:
        return f"restore {clean(drifted.id)} at its provider, if it has a copy"
    if drifted.until is not None:
        return f"cancel its deletion at the provider before {format_date(drifted.until)}"
    match item.response:
        case DriftResponse.IGNORE:
            return "take it out of `ignore_changes`"
        case DriftResponse.LEAVE if is_version(item):
            return _undo_version(item)
        case DriftResponse.LEAVE if ":" in item.path:
            return "take it off at the provider, or declare it"
        case DriftResponse.LEAVE:
            return "declare the value that it should have"
        case DriftResponse.AGREED:
            return "declare what was applied before"
        case DriftResponse.OBSERVE:
            return "change it at the provider"
        case _:
            return "keyplan plan shows what stands in the way"


def _undo_version(item: DriftItem) -> str:
    """What a person has to do about a version, which nothing declares."""
    number = item.path.partition(":")[2]
    match item.kind:
        case DriftKind.DESTRUCTIVE:
            return f"restore version {number} at its provider, if it has a copy"
        case DriftKind.AVAILABILITY if number:
            return f"accept version {number} again at its provider"
        case DriftKind.ACCESS_WIDENED if number:
            return f"retire version {number} again at its provider"
        case DriftKind.ACCESS_WIDENED:
            return f"make version {item.applied} the one in use again at its provider"
        case _:
            return "impossible: the schedule counts from the new version"


def _keep(item: DriftItem) -> list[str]:
    text = keep_text(item)
    if not text:
        return []
    lines = entry(INDENT, "to keep it", text)
    return with_right(lines, place(item.position)) if item.response in _WRITE else lines


# -- what nobody declared, and what is only said -----------------------------------------


def _strays(report: DriftReport, *, full: bool) -> list[str]:
    if not report.strays:
        return []
    lines = ["Unmanaged   keys that neither the state nor the configuration names", ""]
    folded = fold(report.strays, lambda stray: f"on {stray.provider}", full=full)
    for stray in folded.shown:
        lines += _stray(stray)
    for likeness, more in folded.more.items():
        text = f"? {count(more, 'more key')} {likeness} (show all: keyplan drift --json)"
        lines += paragraph(text, 2, 4)
    return [*lines, ""]


def _stray(stray: Stray) -> list[str]:
    facts = "   ".join(fact for fact in (stray.provider, stray.usage, stray.algorithm) if fact)
    lines = with_right(paragraph(f"? {clean(stray.id)}", 2, 6), facts)
    if stray.aliases:
        lines += entry(INDENT, "aliases", ", ".join(stray.aliases))
    for note in stray.notes:
        lines += entry(INDENT, "note", note)
    return lines


def _notes(report: DriftReport, *, full: bool) -> list[str]:
    lines: list[str] = []
    folded = fold(report.respelt, lambda item: (item.provider, item.attribute), full=full)
    for item in folded.shown:
        text = f"note: {item.address}: {item.attribute} {item.note}"
        lines += paragraph(text, 2, 4)
    for (provider, attribute), more in folded.more.items():
        lines += paragraph(f"note: {count(more, 'more key')} on {provider}: {attribute}", 2, 4)
    for finding in report.findings:
        lines += paragraph(f"{finding.level.value}: {finding.summary}", 2, 4)
        lines += paragraph(finding.advice, 6) if finding.advice else []
    return ["Notes", "", *lines, ""] if lines else []


# -- the verdict -------------------------------------------------------------------------


def _verdict(report: DriftReport) -> list[str]:
    return [line for text in verdict(report) for line in paragraph(text, 0, 2)]


def verdict(report: DriftReport) -> Iterator[str]:
    """The last lines: how much there is of what."""
    if report.drifted:
        classes = [
            f"{number:,} {kind.value}"
            for kind, number in report.counts.items()
            if number and kind not in (DriftKind.UNMANAGED, DriftKind.NORMALISATION)
        ]
        found = count(len(report.drifted), "deviation")
        yield f"Drift: {found} on {count(report.drifted_keys, 'key')}: {listed(classes)}."
    else:
        yield _no_drift(report)
    if report.hidden:
        yield f"Nothing of {count(report.hidden, 'key')} can be read, so nobody knows."
    elif report.unreadable:
        yield f"{count(report.unreadable, 'attribute')} could not be read, so nobody knows."
    if report.strays is not None:
        text = f"Unmanaged: {count(len(report.strays), 'key')}."
        if report.of_other_stacks:
            text += f" {count(report.of_other_stacks, 'more key')} of other stacks."
        if report.of_services:
            text += f" {count(report.of_services, 'more key')} that services keep for themselves."
        yield text
    if report.blocked and report.drifted:
        yield f"keyplan apply is blocked at present: {report.blocked}"


def _no_drift(report: DriftReport) -> str:
    if report.idle:
        return f"No drift, but {report.idle}."
    if report.blind or not report.complete:
        return "No drift in what was looked at."
    are, them = ("is", "it") if report.keys == 1 else ("are", "them")
    return f"No drift. The {count(report.keys, 'key')} of the state {are} as keyplan left {them}."


def _next(report: DriftReport) -> list[str]:
    if any(entry.by_remedy for entry in report.drifted):
        return ["", "Next: keyplan drift --remediate    puts back what can be undone exactly"]
    if report.drifted:
        return ["", "Next: keyplan plan    shows what apply would do"]
    if report.strays:
        return ["", "Next: keyplan discover    shows how they could be declared"]
    return []


def left_text(report: DriftReport, left: Sequence[Drifted]) -> str:
    """What `--remediate` did not touch, and why; ending with a line end."""
    if not report.drifted:
        lines = ["No drift. There is nothing to put back."]
    elif not left:
        lines = ["Nothing is left: all drift was put back."]
    else:
        lines = ["", f"Left as it is: {count(len(left), 'deviation')}", ""]
        folded = fold(left, lambda entry: (entry.item.path.partition(":")[0], entry.left))
        for one in folded.shown:
            head = f"! {one.item.address} {one.item.path or 'key'} ({one.item.kind.value})"
            lines += [*paragraph(head, 2, 4), *paragraph(one.left, INDENT)]
        for (path, why), more in folded.more.items():
            lines += paragraph(f"! {count(more, 'more key')}, {path}: {why}", 2, 4)
    return "\n".join(lines) + "\n"
