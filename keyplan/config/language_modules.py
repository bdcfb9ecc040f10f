"""Fields of `import` and `moved`: how existing keys come in, and how addresses change."""

from __future__ import annotations

from keyplan.config.fields import Field, Kind, Record, Refers, Text
from keyplan.config.language import FOR_EACH

IMPORT = Record(
    (
        FOR_EACH,
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
