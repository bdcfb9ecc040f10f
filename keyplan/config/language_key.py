"""Fields of `key`: every attribute of LANGUAGE.md §4."""

from __future__ import annotations

from keyplan.config.fields import (
    Choice,
    Duration,
    Field,
    Flag,
    Instant,
    Items,
    Kind,
    Number,
    Plain,
    Record,
    Refers,
    Table,
    Text,
)
from keyplan.config.language import (
    DECLARE,
    FOR_EACH,
    NAME,
    NAME_SAYS,
    OPERATION,
    RESERVED,
    UNENFORCED,
    WORDS,
)
from keyplan.model.keys import ALGORITHMS, Protection, Relation, Tier, Usage
from keyplan.model.resources import Manage, OnDrift

# -- key ---------------------------------------------------------------------------------

_LABELS = Table(Text(), says="the name of a label", elements=True)
_POLICIES = Items(Refers("policy"), single=True)
_ALIASES = Items(Text(r"\S.{0,255}", "a name of at most 256 characters"), single=True)

KEY = Record(
    (
        FOR_EACH,
        DECLARE,
        Field("provider", Refers("provider"), "Where it lives.", Kind.REFERENCE),
        Field("tier", Choice(tuple(Tier)), "Its layer; `service` if omitted."),
        Field("parent", Refers("key"), "The key above it.", Kind.REFERENCE, nullable=True),
        Field("relation", Choice(tuple(Relation)), "What the parent does for it."),
        Field("usage", Choice(tuple(Usage)), "Its one purpose (NIST SP 800-57 5.2)."),
        Field("algorithm", Choice(tuple(ALGORITHMS)), "Fixed when the key is made."),
        Field("protection", Choice(tuple(Protection)), "The least it must have.", nullable=True),
        Field(
            "scope",
            Table(Text(r".{1,256}", "text of at most 256 characters"), NAME, NAME_SAYS),
            "Where it may be used; inherited, and only narrowed.",
        ),
        Field(
            "state",
            Choice(("active", "suspended", "deactivated", "compromised")),
            "Wanted state (NIST SP 800-57 7).",
        ),
        Field(
            "rotation",
            Record(
                (
                    Field("every", Duration(), "How often.", required=True),
                    Field("overlap", Duration(), "How long the old version is accepted."),
                    Field("keep", Number(integer=True, minimum=1), "Versions that are kept."),
                    Field("by", Text(), "", later=True),
                )
            ),
            "When a new version is made.",
            nullable=True,
        ),
        Field(
            "expires_at", Instant(end=True), "End of the originator-usage period.", nullable=True
        ),
        Field("aliases", _ALIASES, "Names that point to the key.", nullable=True),
        Field("multi_region", Flag(), "Whether the same key can be elsewhere."),
        Field(
            "replicas",
            Table(
                Record(
                    (
                        Field(
                            "provider", Refers("provider"), "Where.", Kind.REFERENCE, required=True
                        ),
                        Field("aliases", _ALIASES, "Names there."),
                        Field("policies", _POLICIES, "Policies there.", Kind.REFERENCE),
                        Field("labels", _LABELS, "Labels there."),
                    )
                ),
                NAME,
                NAME_SAYS,
            ),
            "The same key elsewhere.",
            nullable=True,
        ),
        Field("primary", Text(NAME, NAME_SAYS), "The replica that is primary.", nullable=True),
        Field("policies", _POLICIES, "The policies in force.", Kind.REFERENCE, words=("keep",)),
        Field(
            "grants",
            Table(
                Record(
                    (
                        Field(
                            "principal",
                            Refers("principal"),
                            "To whom.",
                            Kind.REFERENCE,
                            required=True,
                        ),
                        Field("operations", Items(OPERATION, single=True), "What.", required=True),
                        Field("context", Table(Text()), "Under this encryption context."),
                        Field("expires_at", Instant(end=True), "When it ends."),
                    )
                ),
                r"[A-Za-z][A-Za-z0-9_-]{0,62}",
                "a letter, then letters, digits, _ and -",
            ),
            "Named, revocable permissions.",
            nullable=True,
        ),
        Field(
            "certificate",
            Record(
                (
                    Field("subject", Text(), "Distinguished name, such as CN=x.", required=True),
                    Field("valid", Duration(), "How long.", required=True),
                    Field("usages", WORDS, "Key usages, such as code_signing."),
                )
            ),
            "The certificate that the parent signs.",
            nullable=True,
        ),
        Field("labels", _LABELS, "Labels with the provider.", unknown=True, nullable=True),
        Field("owner", Text(), "Who answers for it.", nullable=True),
        Field("description", Text(), "What it is for.", unknown=True, nullable=True),
        Field("exportable", Flag(), "Whether material may leave, wrapped."),
        Field(
            "deletion",
            Record(
                (
                    Field("protection", Flag(), "Refuse to destroy it."),
                    Field("soak", Duration(), "How long it is suspended first."),
                    Field("window", Duration(), "How long deletion can be cancelled."),
                )
            ),
            "How it is destroyed.",
        ),
        Field(
            "lifecycle",
            Record(
                (
                    Field("manage", Choice(tuple(Manage)), "`observe` only reads."),
                    Field("ignore_changes", WORDS, "Attributes left alone after creation."),
                    Field("on_drift", Choice(tuple(OnDrift)), "What a plan does about drift."),
                )
            ),
            "How keyplan treats it.",
        ),
        UNENFORCED,
        Field(
            "depends_on", Items(Refers("key"), single=True), "Keys that come first.", Kind.REFERENCE
        ),
        *(Field(word, Plain(), "", later=True) for word in RESERVED),
    ),
    extensions=True,
)
