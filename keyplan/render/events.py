"""The event stream of `--json`: one JSON object a line, as Terraform's machine-readable UI.

Source: Terraform's "machine-readable UI" 1.2. Every line has `@level @message @module
@timestamp type`; the first is `version`. Actions here are Terraform's words for this
stream (`noop`, not `no-op`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keyplan.diagnostics import Diagnostic, Severity
from keyplan.errors import KeyplanError
from keyplan.model.address import Address
from keyplan.model.timing import format_instant
from keyplan.model.values import Value, has_unknown
from keyplan.plans.changes import Action, DriftKind, ResourceChange
from keyplan.plans.findings import Finding
from keyplan.plans.plan import Counts, Plan, PlanMode, Step
from keyplan.plans.recovery import Fate, RecoveryReport
from keyplan.plans.reports import ApplyEvent, ApplyReport, EventKind, StepStatus
from keyplan.plans.taken_back import not_undone
from keyplan.render.diagnostics import diagnostic_lines
from keyplan.render.errors import diagnostic_record, error_diagnostics, error_record
from keyplan.render.recovery import nothing_open
from keyplan.render.report import apply_line
from keyplan.render.summary import counts_of, plan_line
from keyplan.render.terraform import change_of

UI = "1.2"
MODULE = "keyplan.ui"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warn", Severity.NOTE: "info"}


@dataclass(frozen=True, slots=True)
class Events:
    """Makes the lines of one stream. `now` gives the instant of each."""

    now: Callable[[], datetime]

    def line(self, type_: str, message: str, level: str = "info", **fields: object) -> str:
        """One event as a line of JSON, without line end."""
        return json.dumps(
            {
                "@level": level,
                "@message": message,
                "@module": MODULE,
                "@timestamp": format_instant(self.now()),
                "type": type_,
                **fields,
            },
            ensure_ascii=True,
            separators=(",", ":"),
        )

    def version(self, version: str) -> str:
        """The first line of every stream."""
        return self.line("version", f"keyplan {version}", keyplan=version, ui=UI)

    def diagnostic(self, item: Diagnostic, error: Mapping[str, object] | None = None) -> str:
        """One diagnostic; `error` is its finer class where it comes from an error."""
        message = diagnostic_lines(item)[0]
        fields: dict[str, object] = {"diagnostic": diagnostic_record(item)}
        if error is not None:
            fields["error"] = error
        return self.line("diagnostic", message, _LEVELS[item.severity], **fields)

    def error(self, error: KeyplanError) -> Iterator[str]:
        """Everything that an error carries."""
        record = error_record(error)
        for item in error_diagnostics(error):
            yield self.diagnostic(item, record if item.severity is Severity.ERROR else None)

    def plan(self, plan: Plan) -> Iterator[str]:
        """Drift, changes, findings, outputs and the counts of a plan."""
        for item in plan.drift:
            action = "delete" if item.kind is DriftKind.VANISHED else "update"
            yield self.line(
                "resource_drift",
                f"{item.address}: {item.path} drifted ({item.kind.value})",
                change={"resource": resource(item.address, item.provider), "action": action},
                drift={"path": item.path, "kind": item.kind.value, "response": item.response.value},
            )
        for change in plan.changes:
            if change.action is not Action.NO_OP and plan.mode is not PlanMode.REFRESH_ONLY:
                yield self._planned(change)
        for finding in plan.findings:
            yield self.diagnostic(
                Diagnostic(
                    finding.level,
                    finding.rule,
                    finding.summary,
                    advice=finding.advice,
                    address=str(finding.address or ""),
                    position=finding.position,
                )
            )
        yield self.summary(counts_of(plan), "plan", plan_line(counts_of(plan)))
        if plan.outputs:
            yield self.line("outputs", f"Outputs: {len(plan.outputs)}", outputs=_planned(plan))

    def _planned(self, change: ResourceChange) -> str:
        return self.line(
            "planned_change",
            f"{change.address}: Plan to {change.action.value}",
            change={
                "resource": resource(change.address, change.provider),
                "action": change.action.value,
                "reason": change.reason.value,
            },
        )

    def summary(self, counts: Counts, operation: str, message: str) -> str:
        """`change_summary` after a plan, an apply or a destroy."""
        changes = {
            "add": counts.add,
            "change": counts.change,
            "import": counts.imported,
            "remove": counts.destroy,
            "forget": counts.forget,
            "operation": operation,
        }
        return self.line("change_summary", message, changes=changes)

    def apply_event(self, event: ApplyEvent, operation: str = "apply") -> str:
        """One moment of an apply; of a rollback the types begin with `rollback_`."""
        step = event.step
        hook: dict[str, object] = {
            "resource": resource(step.address, step.provider),
            "action": step_action(step),
            "step": step.number,
            "call": step.call,
            "done": event.done,
            "total": event.total,
            "elapsed_seconds": round(event.seconds, 3),
        }
        words = {
            EventKind.STARTED: "started",
            EventKind.PROGRESS: f"still running after {event.seconds:.0f} s",
            EventKind.COMPLETE: f"complete after {event.seconds:.1f} s",
            EventKind.ERRORED: f"failed: {event.message}",
        }
        level = "info"
        if event.kind is EventKind.ERRORED:
            level = "error"
            hook["error"] = error_record(event.error) if event.error else {}
        message = f"{step.address}: {step.call} {words[event.kind]}"
        type_ = event.kind.value
        if operation == "rollback":
            type_ = type_.replace("apply", operation, 1)
        return self.line(type_, message, level, hook=hook)

    def report(self, report: ApplyReport, operation: str = "apply") -> Iterator[str]:
        """The end of an apply: warnings, counts, outputs."""
        for warning in report.warnings:
            yield self.diagnostic(Diagnostic(Severity.WARNING, "KP-APPLY", warning))
        line = apply_line(report.counts, verb=operation.capitalize(), ok=report.ok)
        yield self.summary(report.counts, operation, line)
        values = {name: _output(value) for name, value in sorted(report.outputs.items())}
        yield self.line("outputs", f"Outputs: {len(values)}", outputs=values)

    def rollback_planned(self, what: str, *, target: str) -> str:
        """What is to be taken back, before its plan."""
        return self.line("rollback_planned", what, target=target)

    def rollback_residue(self, findings: Iterable[Finding]) -> Iterator[str]:
        """What a rollback did not bring back, one line each."""
        for finding in findings:
            yield self.line(
                "rollback_residue",
                finding.summary,
                _LEVELS[finding.level],
                residue={"address": str(finding.address or ""), "rule": finding.rule},
            )

    def taken_back(self, run: str, failed: ApplyReport, rollback: ApplyReport) -> str:
        """A run that failed and was taken back: its steps, and those of the way back."""
        return self.line(
            "rollback_summary",
            f"Run {run} was taken back by {rollback.run}",
            run=run,
            rollback=rollback.run,
            done=_addresses(failed, StepStatus.SUCCEEDED),
            undone=_addresses(rollback, StepStatus.SUCCEEDED),
            not_undone=[
                {"address": str(item.step.address), "call": item.step.call, "why": item.why}
                for item in not_undone(failed, rollback)
            ],
            not_started=_addresses(failed, StepStatus.SKIPPED),
        )

    def recovery(self, report: RecoveryReport) -> Iterator[str]:
        """What a resume found out, and what it did then."""
        for step in report.steps:
            yield self.line(
                "resume_step",
                f"{step.address}: {step.operation.name} {step.fate.value}",
                "error" if step.fate is Fate.UNDECIDABLE else "info",
                hook={
                    "resource": resource(step.address, step.provider),
                    "step": step.number,
                    "operation": step.operation.name,
                    "fate": step.fate.value,
                    "why": step.why,
                },
            )
        for warning in report.warnings:
            yield self.diagnostic(Diagnostic(Severity.WARNING, "KP-APPLY", warning))
        if report.finished is not None:
            yield from self.report(report.finished, "resume")
        words = "closed" if report.closed else "open"
        yield self.line(
            "resume_complete",
            f"Run {report.run} is {words}" if report.run else nothing_open(report),
            run=report.run,
            closed=report.closed,
            finished=report.finished is not None and report.finished.ok,
            stopped=report.stopped,
            serial=report.serial,
            archived=list(report.archived),
        )


def _addresses(report: ApplyReport, *statuses: StepStatus) -> list[dict[str, str]]:
    return [
        {"address": str(item.step.address), "call": item.step.call}
        for item in report.results
        if item.status in statuses
    ]


def resource(address: Address, provider: str) -> dict[str, Any]:
    """Terraform's resource object."""
    parts = address.parts
    return {
        "addr": str(address),
        "module": address.module,
        "resource": str(address).removeprefix(f"{address.module}." if address.module else ""),
        "implied_provider": provider.partition(".")[0],
        "resource_type": parts.kind,
        "resource_name": parts.name,
        "resource_key": parts.instance,
    }


def step_action(step: Step) -> str:
    """Terraform's word for what a step does to its key."""
    match step.operation.name:
        case "create_key" | "replicate_key":
            return "create"
        case "schedule_deletion" | "destroy_key":
            return "delete"
        case "forget_key":
            return "forget"
        case "adopt_key":
            return "import"
        case "record_attributes":
            return "noop"
        case _:
            return "update"


def _planned(plan: Plan) -> dict[str, object]:
    """Outputs as planned; a value that is not known yet is left out."""
    return {
        item.name: {
            "sensitive": False,
            "action": change_of(item.before, item.after)["actions"][0].replace("no-op", "noop"),
            **({} if has_unknown(item.after) else {"value": item.after}),
        }
        for item in plan.outputs
    }


def _output(value: Value) -> dict[str, object]:
    return {"sensitive": False, "type": _type(value), "value": value}


def _type(value: Value) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case list():
            return "tuple"
        case dict():
            return "object"
        case _:
            return "string"
