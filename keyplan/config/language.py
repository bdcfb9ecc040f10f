"""Every block of the language and every field of it, with kind and shape.

`language_policy` has principals and policies, `language_key` has keys. Rules: what is
not in these tables is an error; what LANGUAGE.md promises and this version does not have
yet is in them with `later`, so that using it is an error that says so. Words and
sections are those of LANGUAGE.md.
"""

from __future__ import annotations

from keyplan.config.fields import (
    Choice,
    Field,
    Flag,
    Instant,
    Items,
    Kind,
    Number,
    Plain,
    Record,
    Table,
    Text,
)
from keyplan.model.policies import GROUPS, OPERATIONS
from keyplan.model.resources import RemovedMode
from keyplan.model.stack import StackMode

NAME = r"[a-z][a-z0-9_]{0,62}"
NAME_SAYS = "a small letter, then small letters, digits and _ (at most 63)"
SID = r"[A-Za-z][A-Za-z0-9]{0,127}"
SID_SAYS = "a letter, then letters and digits: it becomes the statement's Sid"

BLOCKS = (
    "keyplan", "variable", "locals", "defaults", "provider", "principal", "policy", "key",
    "module", "output", "import", "moved", "removed",
)  # fmt: skip
"""Top-level blocks that work."""

LIST_BLOCKS = ("import", "moved", "removed")
"""Those that are lists of entries; all others are maps of names."""

LATER_BLOCKS = ("guardrail",)
"""Top-level blocks of the language that are not there yet."""

RESERVED = ("migration", "approval", "token", "data", "generation", "material")
"""Words kept for what comes, as blocks and as attributes of a key."""

# -- parts of several blocks -------------------------------------------------------------

OPERATION = Choice(tuple(sorted(OPERATIONS | GROUPS)))

FOR_EACH = Field(
    "for_each", Plain(typed=True), "A map, or a list of text: one instance each.", Kind.EXPRESSION
)
DECLARE = Field("declare", Flag(), "`false` leaves the block out.", Kind.EXPRESSION)

UNENFORCED = Field(
    "unenforced",
    Table(
        Record(
            (
                Field("what", Items(Text(), single=True), "What is not enforced.", required=True),
                Field(
                    "then",
                    Choice(("skip", "drop")),
                    "Skip the statement, or drop the condition.",
                    required=True,
                ),
                Field("reason", Text(), "Why, for the record.", required=True),
                Field("until", Instant(end=True), "When the exception ends.", required=True),
            )
        ),
        NAME,
        "a provider type",
    ),
    "What a provider cannot honour, accepted by name, with a reason and an end.",
)


WORDS = Items(Text(), single=True)
"""A list of words."""

# -- keyplan -----------------------------------------------------------------------------

KEYPLAN = Record(
    (
        Field("required_version", Text(), "Versions of keyplan that may run this.", Kind.LITERAL),
        Field("mode", Choice(tuple(StackMode)), "`observe` writes nothing at all.", Kind.LITERAL),
        Field(
            "state",
            Table(Plain(), NAME, "the name of a store"),
            "Where the state is kept: one store, and `sealed` beside it to encrypt it.",
            Kind.LITERAL,
        ),
        Field(
            "safety",
            Record(
                (
                    Field("max_delete", Number(minimum=0, maximum=1), "", Kind.LITERAL),
                    Field("max_update", Number(minimum=0, maximum=1), "", Kind.LITERAL),
                    Field("min_existing", Number(integer=True, minimum=0), "", Kind.LITERAL),
                )
            ),
            "Brakes on how much one apply may change, as parts of the existing keys.",
            Kind.LITERAL,
        ),
    )
)

VARIABLE = Record(
    (
        Field(
            "type",
            Plain(),
            "string, number, bool, any, a list, set, map or object, or a kind of reference.",
            Kind.LITERAL,
            required=True,
        ),
        Field("description", Text(), "", Kind.LITERAL),
        Field("default", Plain(typed=True), "Its value if none is given.", Kind.LITERAL),
        Field(
            "sensitive",
            Flag(),
            "Its value decides, and is never shown or stored.",
            Kind.LITERAL,
        ),
        Field(
            "validation",
            Items(
                Record(
                    (
                        Field("condition", Flag(), "Must hold.", Kind.EXPRESSION, required=True),
                        Field("error_message", Text(), "Shown if not.", required=True),
                    )
                ),
                ordered=True,
            ),
            "What a value must fulfil.",
        ),
    )
)

# -- output, removed, defaults -----------------------------------------------------------

OUTPUT = Record(
    (
        DECLARE,
        Field(
            "value",
            Plain(typed=True),
            "An expression; it may wait for apply.",
            Kind.EXPRESSION,
            required=True,
            unknown=True,
        ),
        Field("description", Text(), "What it is for."),
    )
)

REMOVED = Record(
    (
        Field("from", Text(), "The address, `*` in an index for any.", Kind.LITERAL, required=True),
        Field(
            "mode", Choice(tuple(RemovedMode)), "What becomes of it.", Kind.LITERAL, required=True
        ),
    )
)

DEFAULTS = ("key", "policy", "principal")
"""Kinds of blocks that `defaults` can fill."""
