"""What changes in a text file, as a unified diff that `patch` and `git apply` understand."""

from __future__ import annotations

import difflib


def unified_diff(name: str, before: bytes, after: bytes) -> str:
    """The difference; empty if there is none. `name` is the file's path."""
    lines = difflib.unified_diff(
        _lines(before), _lines(after), fromfile=f"a/{name}", tofile=f"b/{name}"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(content: bytes) -> list[str]:
    """Lines as `\\n` ends them: a carriage return is part of its line, and differs."""
    text = content.decode("utf-8", errors="replace")
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])
