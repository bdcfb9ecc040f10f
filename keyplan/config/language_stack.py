"""A whole file of a stack as one record: every top-level block, with its shape.

The fields of the blocks are declared in `language` and `language_*`; here they are put
together, for whoever walks the language from the top: the JSON Schema and `keyplan fmt`.
Rules: a block that works is here, one that is not there yet is not; each has a
description, and so has each field.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from keyplan.config.fields import Field, Items, Kind, Plain, Record, Shape, Table, Text
from keyplan.config.language import DEFAULTS, KEYPLAN, NAME, NAME_SAYS, OUTPUT, REMOVED, VARIABLE
from keyplan.config.language_key import KEY
from keyplan.config.language_modules import IMPORT, MODULE, MOVED
from keyplan.config.language_policy import POLICY, PRINCIPAL

INSTANCE = rf"{NAME}(?:\.{NAME})?"
INSTANCE_SAYS = "a provider type, and perhaps a dot and an alias"
PER_INSTANCE = ("for_each", "declare")
"""Fields that say which blocks there are: `defaults` has none of them."""

_RECORDS = {"key": KEY, "policy": POLICY, "principal": PRINCIPAL}


def _named(record: Record) -> Table:
    return Table(record, NAME, NAME_SAYS)


def _without_instances(record: Record) -> Record:
    fields = tuple(field for field in record.fields if field.name not in PER_INSTANCE)
    return replace(record, fields=fields)


STACK = Record(
    (
        Field("keyplan", KEYPLAN, "What the stack says about itself.", Kind.LITERAL),
        Field("variable", _named(VARIABLE), "Values that a stack is given.", Kind.LITERAL),
        Field(
            "locals",
            Table(Plain(typed=True), NAME, NAME_SAYS),
            "Values that are computed once and read as `local.name`.",
        ),
        Field(
            "defaults",
            Record(
                tuple(
                    Field(kind, _without_instances(_RECORDS[kind]), f"For every {kind}.")
                    for kind in DEFAULTS
                )
            ),
            "What every block of a kind has unless it says otherwise.",
        ),
        Field(
            "provider",
            Table(Plain(), INSTANCE, INSTANCE_SAYS),
            "Where keys live: `type`, or `type.alias` for a further one.",
        ),
        Field("principal", _named(PRINCIPAL), "Who: one neutral name, identities per provider."),
        Field("policy", _named(POLICY), "Who may do what, for the keys that refer to it."),
        Field("key", _named(KEY), "The keys of the hierarchy."),
        Field("module", _named(MODULE), "Stacks that are used again, with inputs of their own."),
        Field("output", _named(OUTPUT), "Values for other tools, after apply."),
        Field("import", Items(IMPORT, ordered=True), "Keys that exist and come in.", Kind.LITERAL),
        Field("moved", Items(MOVED, ordered=True), "Addresses that changed.", Kind.LITERAL),
        Field(
            "removed",
            Items(REMOVED, ordered=True),
            "What becomes of keys that are no longer declared.",
            Kind.LITERAL,
        ),
    )
)
"""Every top-level block that works, in the order in which people write them."""

_DOCS = {
    "keyplan.safety.max_delete": "The largest part of the keys that one apply may destroy.",
    "keyplan.safety.max_update": "The largest part of the keys that one apply may change.",
    "keyplan.safety.min_existing": "Below so many keys the brakes do not act.",
    "variable.description": "What it is for.",
}
"""Descriptions of fields whose declaration has none, by path."""


def documentation(path: tuple[str, ...], field: Field) -> str:
    """One or two sentences about a field; `path` has field names only, not those of users."""
    return field.doc or _DOCS.get(".".join(path), "")


@lru_cache(maxsize=4096)
def field_at(path: tuple[str, ...]) -> tuple[Kind, Shape] | None:
    """Kind and shape of the value at a path of keys, lists not counted.

    `None` where the language does not say: in plain data, in what only a provider has,
    and where nothing is.
    """
    kind = Kind.LITERAL
    shape: Shape = STACK
    for name in path:
        while isinstance(shape, Items):
            shape = shape.item
        if isinstance(shape, Table):
            shape = shape.item
            continue
        fields = shape.fields if isinstance(shape, Record) else ()
        found = next((field for field in fields if field.name == name and not field.later), None)
        if found is None:
            return None
        kind, shape = found.kind, found.shape
    while isinstance(shape, Items):
        shape = shape.item
    return kind, shape


def quotes_matter(path: tuple[str, ...]) -> bool:
    """Whether quotes around an address at this path could change what it means.

    A reference is one with quotes or without, and text is text. In an expression quotes
    make a text of it.
    """
    found = field_at(path)
    if found is None:
        return True
    kind, shape = found
    return kind is not Kind.REFERENCE and (kind is Kind.EXPRESSION or not isinstance(shape, Text))
