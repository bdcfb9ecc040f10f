"""Makes the tables of `docs/aws.md` of the code: `python -m tests.docs.aws_page`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from keyplan_aws.permissions import permissions
from keyplan_aws.quotas import QUOTAS
from tests.docs.pages import DOCS

PAGE = DOCS / "aws.md"


def made(page: str) -> str:
    """The page with its tables as they should be, each behind the comment that names it."""
    for name, lines in (("permissions", _permissions()), ("quotas", _quotas())):
        table = "\n".join(lines)
        marked = re.compile(rf"^(<!-- {name} -->\n\n)(?:\|.*\n)*\n*", re.MULTILINE)
        page = marked.sub(lambda found: f"{found[1]}{table}\n\n", page)  # noqa: B023  (called at once)
    return page


def _permissions() -> Iterator[str]:
    yield "| permission | for | why |"
    yield "|---|---|---|"
    for each in permissions():
        yield f"| `{each.name}` | {', '.join(each.needed_for)} | {each.why} |"


def _quotas() -> Iterator[str]:
    calls: dict[float, list[str]] = defaultdict(list)
    for name, rate in QUOTAS.items():
        calls[rate].append(f"`{name}`")
    yield "| a second | calls |"
    yield "|---|---|"
    for rate in sorted(calls):
        yield f"| {rate:g} | {', '.join(sorted(calls[rate]))} |"


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
