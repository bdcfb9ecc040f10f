"""Functions of text."""

from __future__ import annotations

from keyplan.config.engine.functions.signature import Arguments, function
from keyplan.config.engine.limits import MAX_LIST, MAX_TEXT, checked_text, not_known_yet, too_large
from keyplan.config.engine.operators import kind_of, to_text
from keyplan.config.engine.printf import format_text
from keyplan.config.engine.regex import find
from keyplan.config.faults import Fault
from keyplan.model.values import Unknown


def _join(args: Arguments) -> object:
    separator, values = args.text(0), args.items(1)
    texts: list[str] = []
    size = 0
    for value in values:
        if isinstance(value, Unknown):
            raise not_known_yet("one item")
        try:
            texts.append(to_text(value))
        except Fault:
            raise args.error(1, f"text is joined, and one item is {kind_of(value)}") from None
        size += len(texts[-1]) + len(separator)
        if size - len(separator) > MAX_TEXT:
            raise too_large("text", MAX_TEXT, "characters")
    args.run.charge(size >> 6)
    return separator.join(texts)


def _split(args: Arguments) -> object:
    separator, text = args.text(0), args.text(1)
    if (text.count(separator) if separator else len(text)) >= MAX_LIST:
        raise too_large("list", MAX_LIST, "items")
    parts: list[object] = list(text.split(separator) if separator else text)
    args.run.charge(len(parts))
    return parts


def _format(args: Arguments) -> object:
    return format_text(args.text(0), [args.value(number) for number in range(1, len(args))])


def _replace(args: Arguments) -> object:
    text, old, new = args.text(0), args.text(1), args.text(2)
    if not old:
        raise args.unusable(1, "the text to replace is empty")
    size = len(text) + text.count(old) * (len(new) - len(old))
    if size > MAX_TEXT:
        raise too_large("text", MAX_TEXT, "characters")
    args.run.charge(size >> 6)
    return text.replace(old, new)


def _regex(args: Arguments) -> object:
    pattern, text = args.text(0), args.text(1)
    found = find(pattern, text)
    if found is None:
        raise args.unusable(
            1, "nothing matches the pattern", "Give a default: try(regex(…), none)."
        )
    return found


def _lower(args: Arguments) -> object:
    return checked_text(args.text(0).lower())


def _upper(args: Arguments) -> object:
    return checked_text(args.text(0).upper())


def _trim(args: Arguments) -> object:
    return args.text(0).strip(args.text(1) if len(args) == 2 else None)


TABLE = (
    function("join(separator, list)", _join),
    function("split(separator, text)", _split),
    function("format(text, …)", _format),
    function("replace(text, old, new)", _replace),
    function("regex(pattern, text)", _regex),
    function("lower(text)", _lower),
    function("upper(text)", _upper),
    function("trim(text[, characters])", _trim),
)
