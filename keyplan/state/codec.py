"""Everything of the state as text: the state itself, journal entries, and their parts.

One place to import from; each codec has a module of its own. Rules for all: what was
written reads back equal, and reading is strict.
"""

from keyplan.state.entry_codec import decode_entry, encode_entry
from keyplan.state.parts import (
    decode_inverse,
    decode_observation,
    decode_settlement,
    encode_inverse,
    encode_observation,
    encode_settlement,
)
from keyplan.state.reading import decode_state
from keyplan.state.writing import encode_state

__all__ = [
    "decode_entry",
    "decode_inverse",
    "decode_observation",
    "decode_settlement",
    "decode_state",
    "encode_entry",
    "encode_inverse",
    "encode_observation",
    "encode_settlement",
    "encode_state",
]
