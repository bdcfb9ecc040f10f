"""Strategies for YAML as people write it: uneven indentation, all styles, comments anywhere."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

WORDS = ("key", "root", "parent", "labels", "a", "b-c", "x.y", "from", "to", "a b", "Z9")

ADDRESSES = (
    'key.master["prod"]',
    'module.tenant["acme"].key.data',
    'policy.envelope["it\'s"]',
    'key.payments.replicas["dr"]',
)

PLAIN = (
    "text", "012", "1.10", "yes", "2027-06-30", "some words here", "key.root", "${var.x}",
    "spiffe://acme.example/x", "a#b", "-1", "a:b", "none", "~", "é",
)  # fmt: skip

BLOCK_ONLY = ("length(var.x) > 0", 'a if b == "c" else d', *ADDRESSES)
"""Plain text that flow style would end early."""

QUOTED = (
    "''", '""', "'it''s'", '"a\\n\\tb"', '"${each.key}"', "'#no comment'", '"\\""', "'- x'",
    *(f"'{address}'" for address in ADDRESSES if "'" not in address),
    *('"' + address.replace('"', '\\"') + '"' for address in ADDRESSES),
)  # fmt: skip

_spaces = st.integers(1, 3).map(" ".__mul__)
_gap = st.sampled_from(("", " ", "  "))
_comment = st.sampled_from(("# note", "#", "#: {odd} [one", "# 'q", '# "'))


@st.composite
def documents(draw: DrawFn) -> str:
    """A whole file."""
    lines = draw(_noise(0))
    lines += draw(_map(0, draw(st.integers(1, 3))))
    lines += draw(_noise(draw(st.integers(0, 4))))
    end = draw(st.sampled_from(("\n", "\n\n\n", "")))
    return "\n".join(lines) + end


def _noise(indent: int) -> SearchStrategy[list[str]]:
    """Empty lines and comments on lines of their own."""
    line = st.one_of(st.just(""), st.just("  "), _comment.map(lambda text: " " * indent + text))
    return st.lists(line, max_size=2)


@st.composite
def _tail(draw: DrawFn) -> str:
    """What may stand behind a value: nothing, spaces, or a comment."""
    return draw(st.one_of(st.just(""), st.just("  "), st.builds(str.__add__, _spaces, _comment)))


@st.composite
def _map(draw: DrawFn, indent: int, depth: int) -> list[str]:
    """A block map, each line complete."""
    lines: list[str] = []
    for name in draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True)):
        key = draw(st.sampled_from((name, f"'{name}'", f'"{name}"')))
        lines += draw(_noise(draw(st.sampled_from((indent, indent + 1)))))
        value = draw(_value(indent, depth, below_dash=False))
        lines += [f"{' ' * indent}{key}:{value[0]}", *value[1:]]
    return lines


@st.composite
def _list(draw: DrawFn, indent: int, depth: int) -> list[str]:
    """A block list; an entry may begin a map behind its dash."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        lines += draw(_noise(indent))
        dash = " " * indent + "-"
        if depth > 0 and draw(st.booleans()):
            gap = draw(_spaces)
            inner = draw(_map(indent + 1 + len(gap), depth - 1))
            while inner and (not inner[0].strip() or inner[0].lstrip().startswith("#")):
                inner.pop(0)
            lines += [dash + gap + inner[0].lstrip(), *inner[1:]]
        else:
            value = draw(_value(indent, depth, below_dash=True))
            lines += [dash + value[0], *value[1:]]
    return lines


@st.composite
def _value(draw: DrawFn, indent: int, depth: int, *, below_dash: bool) -> list[str]:
    """What follows a colon or a dash: the rest of its line, and lines below."""
    kinds = ["plain", "quoted", "flow", "folded", "block", "empty"]
    kind = draw(st.sampled_from([*kinds, "map", "list"] if depth > 0 else kinds))
    deeper = indent + draw(st.integers(1, 5))
    tail = draw(_tail())
    gap = draw(_spaces)
    match kind:
        case "plain":
            return [gap + draw(st.sampled_from(PLAIN + BLOCK_ONLY)) + tail]
        case "quoted":
            return [gap + draw(st.sampled_from(QUOTED)) + tail]
        case "flow":
            first, *rest = draw(_flow(deeper, 2))
            lines = [gap + first, *rest]
            return [*lines[:-1], lines[-1] + tail]
        case "folded":
            quote = draw(st.sampled_from(("", "'", '"')))
            return [f"{gap}{quote}one", "", f"{' ' * deeper}two{quote}{tail}"]
        case "block":
            header = draw(st.sampled_from(("|", ">", "|-", ">+", "|+")))
            body = draw(st.lists(st.sampled_from(("x", "", "  y", "# z")), min_size=1, max_size=3))
            text = ["w", *body]
            return [gap + header + tail, *(" " * deeper + line if line else "" for line in text)]
        case "map":
            return [tail, *draw(_map(deeper, depth - 1))]
        case "list":
            column = deeper if below_dash else draw(st.sampled_from((indent, deeper)))
            return [tail, *draw(_list(column, depth - 1))]
        case _:
            return [tail]


@st.composite
def _flow(draw: DrawFn, indent: int, depth: int) -> list[str]:
    """A flow collection on one line, or spread over several with comments in it."""
    is_map = draw(st.booleans())
    spread = draw(st.booleans())
    lines = ["{" if is_map else "["]
    names = draw(st.lists(st.sampled_from(WORDS), max_size=3, unique=True))
    for number, name in enumerate(names):
        if spread and draw(st.booleans()):
            lines[-1] += draw(_tail())
            lines.append(" " * indent)
        value = draw(st.sampled_from(PLAIN + QUOTED))
        item = [value]
        if depth and draw(st.booleans()):
            item = draw(_flow(indent + 1, depth - 1))
        head = f"{name}: " if is_map else ""
        comma = "," if number + 1 < len(names) or draw(st.booleans()) else ""
        lines[-1] += draw(_gap) + head + item[0]
        lines += item[1:]
        lines[-1] += draw(st.sampled_from(("", " "))) + comma + draw(_gap)
    if spread and draw(st.booleans()):
        lines[-1] += draw(_tail())
        lines.append(" " * indent)
    lines[-1] += "}" if is_map else "]"
    return lines
