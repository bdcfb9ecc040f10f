"""Diagnostic codes of files, YAML and expressions, each with title and explanation.

`docs/errors.md` is made from this table. A code is never reused for another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What a code means in general; the message itself says it for the case at hand."""

    title: str
    explanation: str


_YAML = {
    "KP-LANG-001": CodeInfo(
        "There is no stack here",
        "A stack is a directory with `keyplan.yaml` or files that end in `.keyplan.yaml`. "
        "Start one with `keyplan init`, or name its directory with `--chdir`.",
    ),
    "KP-LANG-002": CodeInfo(
        "A configuration file cannot be used",
        "It cannot be read, is larger than 10 MB, is not a regular file, or is a link that "
        "leaves the stack. Only what is below the stack's directory is ever read.",
    ),
    "KP-LANG-003": CodeInfo(
        "A configuration file is not UTF-8",
        "Files are UTF-8 text, with or without a byte order mark.",
    ),
    "KP-LANG-004": CodeInfo(
        "A configuration file contains an invisible character",
        "Control characters, zero-width characters and marks that change the direction of "
        "text make a review show something other than what is read. Remove them; a value "
        "that needs one writes it as an escape in double quotes.",
    ),
    "KP-LANG-006": CodeInfo(
        "This is not YAML",
        "The text breaks YAML's own rules: most often indentation, a quote or bracket that "
        "is not closed, or a tab.",
    ),
    "KP-LANG-007": CodeInfo(
        "An address must be quoted",
        "Inside `{ }` and `[ ]` YAML ends a plain value at `[`, so an address with an index "
        "is written in single quotes there: `'key.master[\"prod\"]'`.",
    ),
    "KP-LANG-008": CodeInfo(
        "A value must be quoted",
        'YAML gives some characters a meaning of their own: a value that begins with `% @ ! " '
        "[ { * &` or contains `: ` needs quotes around all of it.",
    ),
    "KP-LANG-009": CodeInfo(
        "Values are nested too deeply",
        "At most 100 levels; no block of the language needs more than ten.",
    ),
    "KP-LANG-010": CodeInfo(
        "An alias cannot be followed",
        "An alias (`*name`) repeats a value that was marked before it (`&name`). It cannot "
        "contain itself, and all aliases of a file repeat at most 100,000 values.",
    ),
    "KP-LANG-011": CodeInfo(
        "Tags are not part of the language",
        "YAML takes a word that begins with `!` for a tag. Every field has one declared type, "
        "so tags are not needed; in an expression write `not` instead of `!`.",
    ),
    "KP-LANG-012": CodeInfo(
        "Merge keys are not part of the language",
        "`<<` hides where a value comes from. Use `defaults`, or write the entries out.",
    ),
    "KP-LANG-013": CodeInfo(
        "A key is not text",
        "The keys of a map are names. Numbers, `true`, `null`, maps and lists are read "
        "differently by different tools; quotes make them text.",
    ),
    "KP-LANG-014": CodeInfo(
        "A key is written twice",
        "YAML's readers silently keep one of the two. Remove one, or merge what they say.",
    ),
    "KP-LANG-015": CodeInfo(
        "A file holds one document",
        "After `---` a second document begins. Put it into a file of its own: all files of a "
        "stack are merged.",
    ),
    "KP-LANG-016": CodeInfo(
        "A file holds a map of blocks",
        "The outermost level of a file names blocks: `key:`, `policy:`, `provider:`.",
    ),
}

_EXPRESSIONS = {
    "KP-EXPR-001": CodeInfo(
        "An expression cannot be read",
        "It is empty, ends too early, or has something in it that does not belong there.",
    ),
    "KP-EXPR-002": CodeInfo(
        "This is written differently here",
        "Terraform and other languages spell it so; the message shows how it is written in "
        "keyplan: `a if c else b`, `and`, `or`, `not`, `none`.",
    ),
    "KP-EXPR-003": CodeInfo(
        "This is not part of the language",
        "Expressions read, compare and compute. There are no methods, filters, powers, "
        "assignments or definitions.",
    ),
    "KP-EXPR-004": CodeInfo(
        "A template is not well formed",
        "`${` and `%{` must be closed, `%{ if }` needs `%{ endif }`, `%{ for }` needs "
        "`%{ endfor }`. `$${` and `%%{` are the literal characters.",
    ),
    "KP-EXPR-005": CodeInfo(
        "An unknown name",
        "The name means nothing here. Which names there are depends on the field: `each` "
        "only where there is `for_each`, `this` only in policies and guardrails.",
    ),
    "KP-EXPR-006": CodeInfo(
        "Something that was not declared",
        "The name after `var`, `local`, `each`, `key`, `policy`, `principal` or `module` is "
        "not declared. Deeper down, a missing entry is `none`.",
    ),
    "KP-EXPR-007": CodeInfo(
        "An unknown function",
        "Functions are a fixed list; stacks cannot define their own.",
    ),
    "KP-EXPR-008": CodeInfo(
        "A function was called wrongly",
        "It has another number of arguments, or an argument of another type.",
    ),
    "KP-EXPR-009": CodeInfo(
        "Values that do not fit the operator",
        "Nothing is converted silently: text is not a number, and a list is not text.",
    ),
    "KP-EXPR-010": CodeInfo(
        "A condition that is neither true nor false",
        "Conditions are booleans; `none` counts as false. Text, numbers, lists and maps must "
        'be compared: `x != ""`, `length(x) > 0`.',
    ),
    "KP-EXPR-011": CodeInfo(
        "Nothing is there",
        "A missing attribute or map entry is `none`. It cannot be read through, compared with "
        "`<`, or computed with. Test for it (`x is not none`), or use coalesce.",
    ),
    "KP-EXPR-012": CodeInfo(
        "A value that cannot stand in text",
        "Text takes scalars, spelt as in JSON. Join a list with `join`, spell a list or a map "
        "with `jsonencode`, give `none` a default with `coalesce`.",
    ),
    "KP-EXPR-013": CodeInfo(
        "A limit was passed",
        "Strings have at most 1 MiB, lists 100,000 items, numbers 64 bits, expressions 4,096 "
        "characters, and an evaluation a bounded number of steps.",
    ),
    "KP-EXPR-014": CodeInfo(
        "A value that the function or operator cannot use",
        "The type fits, the value does not: a date that is none, JSON with a mistake, an index "
        "beyond the list, a division by zero.",
    ),
    "KP-EXPR-015": CodeInfo(
        "A file cannot be read",
        "`file` and `templatefile` read UTF-8 text of at most 1 MiB, below the stack, relative "
        "to the file that calls them, and nothing of keyplan's own folder.",
    ),
    "KP-EXPR-016": CodeInfo(
        "A value that is known only after apply",
        "An attribute that the provider decides can stand alone, or in text around plain "
        "references. Nothing can be computed from it while planning.",
    ),
}

CODES: Mapping[str, CodeInfo] = MappingProxyType(_YAML | _EXPRESSIONS)
"""By code. Those of blocks and references are in their own table."""
