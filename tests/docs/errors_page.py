"""Makes `docs/errors.md` of the tables of codes: `python -m tests.docs.errors_page`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keyplan.config.codes_declarations import ALL_CODES
from keyplan.state.integrity import INVARIANTS
from tests.docs.pages import DOCS
from tests.docs.remedies import OTHERS, REMEDIES, STATE_REASON, STATE_REMEDY

PAGE = DOCS / "errors.md"

HEAD = """\
# Errors and findings

Every code that keyplan shows: what it means, why it is refused, what to do. Findings of a
plan show their code; diagnostics of a declaration have it in `keyplan validate --json`. A
code is never reused for another meaning. An error blocks, a warning does not.

This page is made from the code: `python -m tests.docs.errors_page`.
"""

SECTIONS = (
    ("KP-LANG", "Files and YAML"),
    ("KP-EXPR", "Expressions and templates"),
    ("KP-DECL", "Blocks and fields"),
    ("KP-REF", "References"),
    ("KP-HIER", "The hierarchy"),
    ("KP-POL", "Policies"),
    ("KP-CAP", "What a provider can do"),
    ("KP-PLAN", "Plans"),
    ("KP-LOCK", "Lockout"),
    ("KP-KPOL", "Key policies of AWS"),
    ("KP-BACK", "Rollback"),
    ("KP-STATE", "States"),
    ("KP-STORE", "Stores"),
    ("KP-PROV", "Providers"),
    ("KP-AWS", "AWS KMS"),
    ("KP-HSM", "The HSM emulator"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One code as the page explains it."""

    code: str
    title: str
    why: str
    remedy: str


def entries() -> Iterator[Entry]:
    """Every code, from the tables."""
    for code, info in ALL_CODES.items():
        if code not in OTHERS:
            yield Entry(code, info.title, info.explanation, REMEDIES[code])
    for code, (title, why) in OTHERS.items():
        yield Entry(code, title, why, REMEDIES[code])
    for code, rule in INVARIANTS.items():
        yield Entry(code, f"{rule[:1].upper()}{rule[1:]}", STATE_REASON, STATE_REMEDY)


def page() -> str:
    """The whole page."""
    found = sorted(entries(), key=lambda entry: entry.code)
    parts = [HEAD]
    for prefix, title in SECTIONS:
        parts.append(f"\n## {title}\n")
        for entry in found:
            if entry.code.rpartition("-")[0] == prefix:
                text = f"{entry.why}\n\nDo: {entry.remedy}"
                parts.append(f"\n### {entry.code}: {entry.title}\n\n{_ascii(text)}\n")
    return "".join(parts)


def _ascii(text: str) -> str:
    return text.replace("\N{SECTION SIGN}", "section ").replace("\N{HORIZONTAL ELLIPSIS}", "...")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
