"""Fields of `guardrail`: packs of rules, rules of one's own, access rules, waivers.

This version checks what is written and then refuses the block: it does not act on it yet.
"""

from __future__ import annotations

from keyplan.config.fields import (
    Choice,
    Field,
    Flag,
    Instant,
    Items,
    Kind,
    Plain,
    Record,
    Refers,
    Table,
    Text,
)
from keyplan.config.language import NAME, NAME_SAYS, OPERATION

LEVELS = ("error", "warning", "note")

_PATTERNS = Items(Text(), single=True)

GUARDRAIL = Record(
    (
        Field("packs", Plain(), "Packs of rules: names, or a map to choose levels.", Kind.LITERAL),
        Field(
            "rule",
            Table(
                Record(
                    (
                        Field("level", Choice(LEVELS), "How bad a breach is.", required=True),
                        Field("when", Flag(), "Which keys it is for.", Kind.EXPRESSION),
                        Field("require", Flag(), "What must hold.", Kind.EXPRESSION, required=True),
                        Field("message", Text(), "Shown for a breach.", required=True),
                    )
                ),
                NAME,
                NAME_SAYS,
            ),
            "Rules of this stack.",
        ),
        Field(
            "access",
            Items(
                Record(
                    (
                        Field("never", Items(OPERATION, single=True), "What.", required=True),
                        Field(
                            "principals",
                            Items(Refers("principal"), single=True),
                            "Who.",
                            Kind.REFERENCE,
                            required=True,
                            words=("any",),
                        ),
                        Field("keys", _PATTERNS, "On which keys.", Kind.LITERAL, required=True),
                    )
                ),
                ordered=True,
            ),
            "What nobody may ever be allowed.",
        ),
        Field(
            "waive",
            Items(
                Record(
                    (
                        Field("rule", Text(), "Which rule.", Kind.LITERAL, required=True),
                        Field("keys", _PATTERNS, "For which keys.", Kind.LITERAL, required=True),
                        Field("until", Instant(end=True), "Until when.", required=True),
                        Field("reason", Text(), "Why, for the record.", required=True),
                    )
                ),
                ordered=True,
            ),
            "Breaches that are accepted for a time.",
        ),
    )
)
