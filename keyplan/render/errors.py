"""Errors for people and for machines: what, to what, why, what next.

Rules: an expected error never shows a traceback; an unexpected one says that it is a
bug and how to report it; `error.class` carries the finer class that the exit code
does not.
"""

from __future__ import annotations

from typing import Any

from keyplan.diagnostics import ConfigurationError, Diagnostic, Severity
from keyplan.errors import KeyplanError, ProviderError
from keyplan.render.diagnostics import diagnostics_text
from keyplan.render.layout import clean, paragraph

FORMAT_VERSION = "1.0"

REPORT_AT = "the issue tracker of the project"

_SNIPPET = 1000
"""Characters of a source line that a document shows; of a longer one what is around the place."""


def error_text(error: KeyplanError) -> str:
    """An error as text, ending with a line end."""
    if isinstance(error, ConfigurationError):
        return diagnostics_text(error.diagnostics)
    lines = paragraph(f"error: {_what(error)}", 0, 2)
    if error.why:
        lines += ["", *_block(error.why)]
    if isinstance(error, ProviderError) and (error.operation or error.request_id):
        parts = [error.operation, f"request {error.request_id}" if error.request_id else ""]
        lines += ["", *paragraph(f"Call: {', '.join(part for part in parts if part)}", 2, 4)]
    if error.advice:
        lines += ["", *_block(error.advice)]
    return "\n".join(lines) + "\n"


def defect_text(error: BaseException, version: str) -> str:
    """What a person sees when keyplan itself is wrong. Never the message: it may hold anything."""
    lines = [
        *paragraph(f"error: this is a bug in keyplan ({type(error).__name__})", 0, 2),
        "",
        *paragraph("Nothing is wrong with your files as far as this message can tell.", 2),
        *paragraph(
            f"Run the command again with --debug before it (keyplan --debug ...), and report"
            f" what it shows together with the version, keyplan {version}, to {REPORT_AT}."
            " Remove what must stay private.",
            2,
        ),
    ]
    return "\n".join(lines) + "\n"


def error_document(error: KeyplanError) -> dict[str, Any]:
    """An error as JSON: `{"format_version", "error": {"class", ...}, "diagnostics": [...]}`."""
    return {
        "format_version": FORMAT_VERSION,
        "error": error_record(error),
        "diagnostics": [diagnostic_record(item) for item in error_diagnostics(error)],
    }


def error_record(error: KeyplanError) -> dict[str, Any]:
    """The error itself: class, what, target, why, advice, and for a provider's error the call."""
    record: dict[str, Any] = {
        "class": error.error_class,
        "what": error.what,
        "target": error.target,
        "why": error.why,
        "advice": error.advice,
    }
    if isinstance(error, ProviderError):
        record |= {"operation": error.operation, "request_id": error.request_id}
    return record


def error_diagnostics(error: KeyplanError) -> list[Diagnostic]:
    """The diagnostics that an error carries; one made from its fields if it carries none."""
    if isinstance(error, ConfigurationError):
        return list(error.diagnostics)
    return [
        Diagnostic(
            severity=Severity.ERROR,
            code=f"error.{error.error_class}",
            summary=_what(error),
            why=error.why,
            advice=error.advice,
        )
    ]


def diagnostic_record(item: Diagnostic) -> dict[str, Any]:
    """One diagnostic as `validate --json` shows it; `range` and `snippet` only where known."""
    record: dict[str, Any] = {
        "severity": item.severity.value,
        "code": item.code,
        "summary": item.summary,
        "detail": "\n".join(part for part in (item.why, item.advice) if part),
    }
    if item.address:
        record["address"] = item.address
    if item.position is not None:
        start, end = item.position.column, item.position.end_column or item.position.column + 1
        record["range"] = {
            "filename": item.position.file,
            "start": {"line": item.position.line, "column": start},
            "end": {"line": item.position.line, "column": end},
        }
        if item.snippet:
            begin = max(0, start - _SNIPPET // 2) if len(item.snippet) > _SNIPPET else 0
            code = item.snippet[begin : begin + _SNIPPET]
            record["snippet"] = {
                "context": None,
                "code": code,
                "start_line": item.position.line,
                "highlight_start_offset": min(start - 1 - begin, len(code)),
                "highlight_end_offset": min(end - 1 - begin, len(code)),
                "values": [],
            }
    return record


def validation_document(diagnostics: list[Diagnostic]) -> dict[str, Any]:
    """What `validate --json` prints."""
    errors = sum(item.severity is Severity.ERROR for item in diagnostics)
    warnings = sum(item.severity is Severity.WARNING for item in diagnostics)
    return {
        "format_version": FORMAT_VERSION,
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": warnings,
        "diagnostics": [diagnostic_record(item) for item in diagnostics],
    }


def _what(error: KeyplanError) -> str:
    return f"{clean(error.target)}: {error.what}" if error.target else error.what


def _block(text: str) -> list[str]:
    return [line for part in text.split("\n") for line in paragraph(part, 2)]
