"""A plan as text: what a reviewer reads. The order of the sections is the order of what matters.

Rules: attention, drift, changes, access, findings, steps, and the verdict last; plain
ASCII, never over 80 columns; the same plan gives the same text.
"""

from __future__ import annotations

from keyplan.plans.plan import Plan
from keyplan.render.access import access_sections
from keyplan.render.changes import changes_section
from keyplan.render.drift import drift_section
from keyplan.render.findings import findings_section
from keyplan.render.header import attention_section, header
from keyplan.render.options import TextOptions
from keyplan.render.steps import steps_section
from keyplan.render.summary import due_section, next_lines, outputs_section, result_lines
from keyplan.render.view import PlanView


def plan_text(plan: Plan, options: TextOptions | None = None) -> str:
    """The whole plan, ending with a line end."""
    view = PlanView(plan, options or TextOptions())
    lines = [
        *header(view),
        *attention_section(view),
        *drift_section(view),
        *changes_section(view),
        *access_sections(view),
        *findings_section(view),
        *outputs_section(view),
        *steps_section(view),
        *due_section(view),
        *result_lines(view),
        *next_lines(view),
    ]
    return "\n".join(lines) + "\n"
