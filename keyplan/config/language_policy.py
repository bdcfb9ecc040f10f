"""Fields of `principal` and `policy` (LANGUAGE.md §2, §5)."""

from __future__ import annotations

from keyplan.config.fields import (
    Choice,
    Clock,
    Duration,
    Field,
    Flag,
    Instant,
    Items,
    Kind,
    Network,
    Number,
    Plain,
    Record,
    Refers,
    Table,
    Text,
    Zone,
)
from keyplan.config.language import (
    DECLARE,
    FOR_EACH,
    NAME,
    NAME_SAYS,
    OPERATION,
    SID,
    SID_SAYS,
    UNENFORCED,
    WORDS,
)
from keyplan.model.keys import ALGORITHMS, Protection, Usage
from keyplan.model.policies import Effect
from keyplan.model.principals import PrincipalKind

# -- principal ---------------------------------------------------------------------------

_NO_WILDCARD = Text(
    r"(?!\*$)[^\x00-\x1f\x7f]{1,2048}",
    "a name; everybody is `principals: any` in a statement, not *",
)
"""To a provider `*` is everybody, and a plan would show a principal with a harmless name."""

IDENTITY = Field(
    "identity", Items(_NO_WILDCARD, single=True, ordered=True), "Its names with a provider."
)
"""A field of a principal that is named like a provider type or instance."""

PRINCIPAL = Record(
    (
        FOR_EACH,
        DECLARE,
        Field("kind", Choice(tuple(PrincipalKind)), "What stands behind it.", required=True),
        Field("claims", Table(Text(), NAME, NAME_SAYS), "Claims that it authenticates with."),
    )
)

# -- policy ------------------------------------------------------------------------------

_MATCHES = Table(Items(Text(), single=True, collapse=True))

CONDITIONS = Record(
    (
        Field("context", _MATCHES, "Encryption context or additional authenticated data."),
        Field("source_ip", Items(Network(), single=True), "Where the call comes from."),
        Field("source_vpc", WORDS, "The private network that the call comes from."),
        Field("services", WORDS, "By way of these services."),
        Field("mfa", Flag(), "Whether a second factor was used."),
        Field("org", WORDS, "The organisation of the caller."),
        Field("account", WORDS, "The account of the caller."),
        Field("tags", _MATCHES, "Tags of the caller."),
        Field("not_before", Instant(), "From then on."),
        Field("not_after", Instant(end=True), "Until then."),
        Field(
            "hours",
            Record(
                (
                    Field(
                        "days",
                        Items(
                            Choice(("mon", "tue", "wed", "thu", "fri", "sat", "sun")), single=True
                        ),
                        "Days of the week; omitted: all.",
                    ),
                    Field("from", Clock(), "When it begins."),
                    Field("to", Clock(), "When it ends."),
                    Field("timezone", Zone(), "IANA name; omitted: UTC."),
                )
            ),
            "A window of hours.",
        ),
    )
)

_NATIVE = Field(
    "native",
    Table(Plain(typed=True), NAME, "a provider type"),
    "The provider's own form, by provider type: the escape hatch.",
)

STATEMENT = Record(
    (
        Field("effect", Choice(tuple(Effect)), "allow is the default; deny always wins."),
        Field(
            "principals",
            Items(Refers("principal"), single=True),
            "Who.",
            Kind.REFERENCE,
            required=True,
            words=("any",),
        ),
        Field("operations", Items(OPERATION, single=True), "What.", required=True),
        Field("when", CONDITIONS, "What must hold."),
        Field("unless", CONDITIONS, "What must not hold."),
        Field("expires_at", Instant(end=True), "When the statement ends."),
        _NATIVE,
        UNENFORCED,
    )
)

CONSTRAINTS = Record(
    (
        Field("algorithms", Items(Choice(tuple(ALGORITHMS)), single=True), "Allowed algorithms."),
        Field("min_strength", Number(integer=True, minimum=0), "Least security strength, bits."),
        Field("usage", Items(Choice(tuple(Usage)), single=True), "Allowed usages."),
        Field("protection", Choice(tuple(Protection)), "Least protection."),
        Field("max_rotation", Duration(), "Longest rotation period."),
        Field("max_ttl", Duration(), "Longest time to the key's end."),
        Field("regions", WORDS, "Allowed regions."),
        Field("exportable", Flag(), "Whether the key must, or must not, be exportable."),
    )
)

POLICY = Record(
    (
        FOR_EACH,
        DECLARE,
        Field(
            "administrators",
            Items(Refers("principal"), single=True),
            "Who may administer the keys.",
            Kind.REFERENCE,
        ),
        Field("statement", Table(STATEMENT, SID, SID_SAYS), "Rules, by Sid."),
        Field("constraints", CONSTRAINTS, "What keys that use the policy must be."),
        _NATIVE,
    ),
    extensions=True,
)
