"""Fields of `module`, `import` and `moved`: what is used again, comes in, or moves."""

from __future__ import annotations

from keyplan.config.fields import Field, Kind, Plain, Record, Refers, Table, Text
from keyplan.config.language import DECLARE, FOR_EACH, NAME, NAME_SAYS

MODULE = Record(
    (
        FOR_EACH,
        DECLARE,
        Field(
            "source",
            Text(),
            "The module's directory below the stack, such as ./modules/tenant.",
            Kind.LITERAL,
            required=True,
        ),
        Field(
            "inputs",
            Table(Plain(typed=True), NAME, NAME_SAYS),
            "Values for the module's variables, of the types that they declare.",
            unknown=True,
        ),
        Field(
            "providers",
            Table(
                Refers("provider"),
                rf"{NAME}(?:\.{NAME})?",
                "a provider type, and perhaps a dot and an alias",
            ),
            "What a provider is called in the module, and which one it is here.",
            Kind.REFERENCE,
        ),
    )
)

IMPORT = Record(
    (
        FOR_EACH,
        DECLARE,
        Field(
            "to",
            Refers("key"),
            "The declared key that takes it over; `each` may stand in its index.",
            Kind.REFERENCE,
            required=True,
        ),
        Field(
            "id",
            Text(r"\S(?:.{0,2046}\S)?", "the id that the provider knows the key by"),
            "The provider's id of the existing key.",
            required=True,
        ),
    )
)

MOVED = Record(
    (
        Field("from", Text(), "The address it had.", Kind.LITERAL, required=True),
        Field("to", Text(), "The address that declares it now.", Kind.LITERAL, required=True),
    )
)
