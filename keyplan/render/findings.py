"""The section Findings: what rules say about the declaration, with what to write.

Rules: errors first; the place stands at the right as `file:line`; advice is a line to
add or put back.
"""

from __future__ import annotations

from keyplan.diagnostics import Severity
from keyplan.plans.findings import Finding
from keyplan.render.fold import fold
from keyplan.render.layout import RIGHT, clean, count, paragraph, with_right, wrap
from keyplan.render.view import PlanView
from keyplan.render.words import place

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def findings_section(view: PlanView) -> list[str]:
    """The section with its title; empty without findings."""
    findings = sorted(view.plan.findings, key=lambda item: _ORDER[item.level])
    if not findings:
        return []
    lines = [f"Findings   {findings_count(view.plan.findings)}", ""]
    folded = fold(findings, lambda item: (item.rule, item.level), full=view.options.full)
    for number, finding in enumerate(folded.shown, start=1):
        lines += _finding(number, finding)
    for (rule, level), more in folded.more.items():
        text = f"{level.value}  {rule}  {count(more, 'more key')}"
        lines += paragraph(f"{text} (show all: {view.options.show_all})", 4, 13)
    return [*lines, ""]


def findings_count(findings: tuple[Finding, ...]) -> str:
    """`0 errors, 2 warnings, 1 note`."""
    tally = {level: sum(item.level is level for item in findings) for level in Severity}
    return ", ".join(count(number, level.value) for level, number in tally.items())


def _finding(number: int, finding: Finding) -> list[str]:
    head = f"{number:>3} {finding.level.value:<7}  {clean(finding.rule)}  "
    where = place(finding.position)
    indent = 13
    if len(head) < RIGHT // 2:
        lines = wrap(finding.summary, RIGHT - indent, RIGHT - len(head))
        texts = [head + lines[0], *(f"{' ' * indent}{line}" for line in lines[1:])]
    else:  # a rule of one's own may have a long name
        texts = [*paragraph(head, 2, indent), *paragraph(finding.summary, indent)]
    result = with_right(texts, where)
    if finding.advice:
        result += paragraph(finding.advice, indent)
    return result
