"""Texts made from other texts: what a tired person, a bad merge or an attacker would write.

Everything is decided by the `Random` that is given, so that a seed and a number make the
same input again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random

from tests.fuzz.seeds import Stack

EXPRESSION_WORDS = (
    "${", "}", "%{", "%{ if ", "%{ else }", "%{ endif }", "%{ for x in ", "%{ endfor }", "$${",
    "%%{", "var", "each", "this", "local", "key", ".m", ".n", ".key", ".value", "[", "]", "(", ")",
    "{", ":", ",", "'", '"', "\\", "\\n", "\\u00e9", "\\ud800", "+", "-", "*", "/", "//", "%", "~",
    "==", "!=", "<", ">=", " in ", " not in ", " not ", " and ", " or ", " if ", " else ", " is ",
    " is not ", "none", "true", "false", "1", "0", "-1", "2.5", "1e308", "1e-999",
    "9223372036854775807", "9223372036854775808", "99999", "1048577", "length", "join", "range",
    "jsonencode", "jsondecode", "yamldecode", "csvdecode", "base64decode", "regex", "format",
    "try", "coalesce", "product", "flatten", "sort", "merge", "split", "replace", "trim", "sha256",
    "duration", "date", "cidrcontains", "templatefile", "file", "attributes", "index_by", "'90d'",
    "'2027-02-30'", "'0001-01-01T00:00:00+23:59'", "'9999-12-31'", "'%1000d'", "'%s'", "'(a+)+$'",
    "'[[[['", "'{\"a\":1e999}'", "'../x'", "'keyplan.yaml'", "__class__", "mro", ".__init__", "|",
    "!", "?", "&&", "**", "null", "for", "self", "\u202e", "\x00", "é", "😀", "\n", "\r", " ",
)  # fmt: skip
YAML_WORDS = (
    ": ", ":", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ",", "'", '"', "*x", "&x ", "!t ",
    "!!int ", "<<: ", "|\n", ">-\n", "#", " #", "? ", "---\n", "...\n", "%YAML 1.2\n", "\t", "${",
    "}", "%{ if x }", "1", "012", "1.10", "true", "yes", "null", "~", "none", "''", "[]", "{}",
    "é", "\u00a0", "\u2028", "\ufeff", "\x00", "\x85", "\r", "\ud7ff", "\U0010ffff", "😀",
)  # fmt: skip
VALUES = (
    "none", "true", "false", "[]", "{}", "''", "~", "0", "-1", "1e9", "99999999999999999999",
    "key", "key.it", 'key.it["a"]', "'key.it[\"a\"]'", "key.root", "this", "each.key", "var.names",
    "${var.names}", "${key.root.arn}", "${each.value.x.y}", "policy.own", "principal.admins",
    "[a, [b]]", "{a: {b: c}}", "'*'", "*x", "&x y", "!t", "${", "%{ if x }", "key.root.parent",
    "${key.it}", "keep", "any", "fake.dr", "hsm", "aws.dr", "2027-06-30", "30d", "0d", "module.x",
    "local.who", "self", "[key.root, key.root]", "x" * 300, "\u202e", "é", "for_each", "a.b",
    'module.tenant["acme"].key.data', "'key.old[\"*\"]'", "./modules/tenant", "../..", ".", "/",
)  # fmt: skip

_TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)
_VALUE = re.compile(r"(?<=: )[^\n,{}\[\]]+|(?<=- )[^\n,{}\[\]]+")
_WORD = re.compile(r"[\w.]+")


def mutate_text(random: Random, text: str, words: Sequence[str], others: Sequence[str]) -> str:
    """The text after one to six changes to its tokens."""
    tokens = _TOKEN.findall(text) or [""]
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(tokens) + 1)
        end = min(len(tokens), at + random.randint(0, 4))
        match random.randrange(8):
            case 0:
                del tokens[at:end]
            case 1:
                tokens[at:at] = tokens[at:end] * random.choice((1, 2, 50))
            case 2 | 3:
                tokens[at:at] = [random.choice(words)]
            case 4:
                tokens[at:end] = [random.choice(words)]
            case 5:
                other = _TOKEN.findall(random.choice(others)) or [""]
                begin = random.randrange(len(other))
                tokens[at:end] = other[begin : begin + random.randint(1, 12)]
            case 6:
                tokens[at:end] = [
                    chr(random.choice((random.randrange(256), random.randrange(0xD800))))
                ]
            case _:
                with_end = tokens[at:end]
                random.shuffle(with_end)
                tokens[at:end] = with_end
        if len(tokens) > 3000:
            del tokens[3000:]
        tokens = tokens or [""]
    return "".join(tokens)


def words_in_any_order(random: Random, words: Sequence[str]) -> str:
    """Up to forty words, one after the other."""
    return "".join(random.choices(words, k=random.randint(0, 40)))


def mutate_lines(random: Random, text: str) -> str:
    """The text after one change to whole lines: what an editor or a merge does."""
    lines = text.split("\n")
    at = random.randrange(len(lines))
    end = min(len(lines), at + random.randint(1, 5))
    match random.randrange(6):
        case 0:
            del lines[at:end]
        case 1:
            to = random.randrange(len(lines))
            lines[to:to] = lines[at:end]
        case 2:
            lines[at:end] = ["  " + line for line in lines[at:end]]
        case 3:
            lines[at:end] = [line[2:] for line in lines[at:end]]
        case 4:
            lines[at:end] = lines[at:end][::-1]
        case _:
            lines[at] = lines[at].lstrip()
    return "\n".join(lines)


def mutate_document(random: Random, text: str, others: Sequence[str]) -> str:
    """A YAML text with other values, names or lines; sometimes with its tokens changed."""
    for _ in range(random.randint(1, 3)):
        match random.randrange(10):
            case 0 | 1 | 2 | 3:
                text = _replace(random, text, _VALUE, random.choice(VALUES))
            case 4 | 5:
                names = _WORD.findall(random.choice((text, random.choice(others)))) or ["x"]
                text = _replace(random, text, _WORD, random.choice(names))
            case 6 | 7:
                text = mutate_lines(random, text)
            case _:
                text = mutate_text(random, text, YAML_WORDS + VALUES, others)
    return text


def mutate_stack(random: Random, stack: Stack, others: Sequence[str]) -> Mapping[str, str]:
    """The stack with one or two of its files changed."""
    files = dict(stack)
    for name in random.choices(sorted(files), k=random.randint(1, 2)):
        files[name] = mutate_document(random, files[name], others)
    return files


def _replace(random: Random, text: str, pattern: re.Pattern[str], value: str) -> str:
    found = list(pattern.finditer(text))
    if not found:
        return text + value
    chosen = random.choice(found)
    return text[: chosen.start()] + value + text[chosen.end() :]
