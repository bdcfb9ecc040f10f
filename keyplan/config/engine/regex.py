"""`regex`: patterns that cannot be made to run for long.

Rules: a pattern's cost for the text at hand is bounded before it runs; one that could
take exponential time is refused whatever the text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from keyplan.config.engine.regex_syntax import Pattern, read_pattern
from keyplan.config.faults import Fault

MAX_COST = 20_000_000
"""Steps of a match, by the upper bound: at most a fifth of a second."""


def find(pattern: str, text: str) -> str | list[object] | dict[str, object] | None:
    """What the pattern finds first: the match, or its groups as a list or a map.

    As Terraform's `regex` has it: without groups the text that matches, with groups
    their texts, `none` for one that took no part. `None` if nothing matches.
    """
    known, compiled = _compiled(pattern)
    if not known.deterministic and known.nested:
        raise Fault(
            "KP-EXPR-014",
            "this pattern could take exponential time",
            why="a repetition contains another, and the same text can be matched in many ways",
            advice="Make the parts differ in their first characters, as in [a-z]+(-[a-z]+)*.",
        )
    if known.cost(len(text)) > MAX_COST:
        raise Fault(
            "KP-EXPR-013",
            f"this pattern takes too long for a text of {len(text):,} characters",
            advice="Begin it with ^, or use fewer repetitions of overlapping characters.",
        )
    found = compiled.search(text)
    if found is None:
        return None
    if compiled.groupindex:
        if len(compiled.groupindex) != compiled.groups:
            raise Fault("KP-EXPR-014", "name all groups of the pattern, or none")
        return dict(found.groupdict())
    return list(found.groups()) if compiled.groups else found[0]


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[Pattern, re.Pattern[str]]:
    known = read_pattern(pattern)
    flags = re.ASCII
    flags |= re.IGNORECASE if known.ignore_case else 0
    flags |= re.DOTALL if known.dot_all else 0
    try:
        return known, re.compile(known.text, flags)
    except re.error as error:
        raise Fault("KP-EXPR-014", f"this is not a pattern: {error.msg}") from None
