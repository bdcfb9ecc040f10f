"""JSON, YAML, CSV, Base64 and digests."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import json
from pathlib import Path

from keyplan.config.engine.functions.signature import Arguments, function
from keyplan.config.engine.limits import (
    MAX_LIST,
    MAX_NUMBER,
    checked_number,
    checked_text,
    too_large,
)
from keyplan.config.engine.results import known_value
from keyplan.config.faults import Fault
from keyplan.config.source import SourceFile
from keyplan.config.tree import MAX_DEPTH, ListNode, Node, ScalarNode, parse_any, plain_value
from keyplan.diagnostics import Diagnostics


def _jsonencode(args: Arguments) -> object:
    """Compact, names in order, characters as they are."""
    value = known_value(args.weighed(args.elements(0)))
    return checked_text(
        json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    )


def _jsondecode(args: Arguments) -> object:
    text = args.text(0)
    _check_depth(args, text)
    args.run.charge(len(text) >> 3)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_json_integer,
            parse_float=_json_float,
        )
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise args.unusable(0, "this JSON has half of a character in it") from None
    except ValueError as error:
        raise args.unusable(0, f"this is not JSON: {error}") from None
    args.weighed(value)
    return value


def _check_depth(args: Arguments, text: str) -> None:
    depth = 0
    for part in text.split('"')[::2]:  # escaped quotes only make it count more
        for character in part:
            depth += (character in "[{") - (character in "]}")
            if depth > MAX_DEPTH:
                raise args.unusable(0, f"this JSON has more than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name is written twice in the same object")
    return result


def _refuse_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number of JSON")


def _json_integer(text: str) -> int | float:
    if len(text) > len(str(MAX_NUMBER)) + 1:
        raise ValueError("a number is out of range")
    return checked_number(int(text))


def _json_float(text: str) -> int | float:
    try:
        return checked_number(float(text))
    except Fault:
        raise ValueError("a number is out of range") from None


def _yamldecode(args: Arguments) -> object:
    """Plain scalars as in locals: `1.10` and `012` stay text."""
    text = args.text(0)
    args.run.charge(len(text) >> 3)
    diagnostics = Diagnostics()
    node = parse_any(SourceFile.of("text", Path("text"), text), diagnostics)
    if node is None or diagnostics.has_errors:
        problem = diagnostics.in_order()[0]
        line = problem.position.line if problem.position else 1
        raise args.unusable(0, f"this is not YAML: line {line}: {problem.summary}", problem.advice)
    return args.weighed(_from_node(node))


def _from_node(node: Node) -> object:
    if isinstance(node, ScalarNode):
        return plain_value(node)
    if isinstance(node, ListNode):
        return [_from_node(item) for item in node.items]
    return {name: _from_node(entry.value) for name, entry in node.entries.items()}


def _csvdecode(args: Arguments) -> object:
    """One map per line; the first line has the names."""
    text = args.text(0)
    args.run.charge(len(text) >> 3)
    try:
        rows = [row for row in csv.reader(text.splitlines(keepends=True), strict=True) if row]
    except csv.Error as error:
        raise args.unusable(0, f"this is not CSV: {error}") from None
    if not rows:
        raise args.unusable(0, "the first line must have the names of the columns")
    names = rows[0]
    if len(set(names)) != len(names):
        raise args.unusable(0, "two columns have the same name")
    if len(rows) > MAX_LIST:
        raise too_large("list", MAX_LIST, "items")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise args.unusable(
                0, f"row {number} has {len(row)} fields, and there are {len(names)} columns"
            )
    return [dict(zip(names, row, strict=True)) for row in rows[1:]]


def _base64encode(args: Arguments) -> object:
    return checked_text(base64.b64encode(args.text(0).encode()).decode())


def _base64decode(args: Arguments) -> object:
    try:
        return base64.b64decode(args.text(0), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        what = "it is not text" if isinstance(error, UnicodeDecodeError) else "it is not Base64"
        raise args.unusable(0, f"this cannot be decoded: {what}") from None


def _sha256(args: Arguments) -> object:
    """64 hexadecimal digits of the UTF-8 text (FIPS 180-4)."""
    return hashlib.sha256(args.text(0).encode()).hexdigest()


TABLE = (
    function("jsonencode(value)", _jsonencode),
    function("jsondecode(text)", _jsondecode),
    function("yamldecode(text)", _yamldecode),
    function("csvdecode(text)", _csvdecode),
    function("base64encode(text)", _base64encode),
    function("base64decode(text)", _base64decode),
    function("sha256(text)", _sha256),
)
