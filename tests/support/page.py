"""What may be longer than a line of 80 columns: one name, which is there to be copied."""

from __future__ import annotations

import re

_ONE_NAME = re.compile(r"""\s*(?:(?:[0-9]+|[-+~!=.|]) +)?(?:\["(?:[^"\\]|\\.)*"\]|[^\s{}])+""")


def on_the_page(line: str) -> bool:
    """Whether a line fits, or holds one ARN, id, address or argument that is longer itself.

    A number or a mark may stand before it.
    """
    return len(line) <= 80 or _ONE_NAME.fullmatch(line.removesuffix(" \\")) is not None
