"""Names that exist in the language and cannot be read where keys and policies are linked."""

from __future__ import annotations

from keyplan.config.names import Absent

NO_THIS = Absent("this", "only policies and guardrails speak of the key that they are used on")
