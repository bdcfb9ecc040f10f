"""Expressions that try to leave the language, or to take all time or memory there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.diagnostics import Diagnostic

Failure = Callable[..., Diagnostic]
Refused = Callable[..., str]

ESCAPES = (
    "''.__class__", "''['__class__']", "[].__class__.__mro__[1].__subclasses__()", "var.__init__",
    "var['__class__']['mro']", "length.__globals__", "range.__self__",
    "self.__init__.__globals__", "cycler.__init__.__globals__.os", "lipsum.__globals__['os']",
    "namespace()", "joiner()", "config", "request", "g.pop", "url_for.__globals__", "dict()",
    "''.join(['a'])", "'%s'.format(1)", "'{0.__class__}'.format('')", "'{}'.format_map({})",
    "'x' | attr('__class__')", "'x' | format", "'x' | map(attribute='y')", "[1] | sum",
    "'%c' % 99", "'%(a)s' % {'a': 1}", "'%1000000000d' % 1", "'%s' % 'x'", "x.mro()", "().__doc__",
    "1 .__class__", "(1).__class__", "none.__class__", "true.__class__", "var.get('x')",
    "var.items()", "var.pop('x')", "file.__call__('x')", "file('/etc/passwd')", "lambda: 1",
    "__import__('os')", "eval('1')", "exec('1')", "open('x')", "getattr('', 'x')", "vars()",
    "1 if 1 else 2", "[x for x in y]", "{x: y for x in y}", "x := 1", "(yield)", "await x",
    "`id`", "$(id)", "a; b", "import os", "{% raw %}", "{{ x }}", "{# x #}", "loop.index",
    "caller()", "varargs", "kwargs", "super()", "1_000", "0x10", "0b1", "1j", "1e400", "-1e400",
    "'\\x41'", "'\\ud800'", "'\\N{DASH}'", "b'x'", "f'{x}'", "r'x'", "u'x'", "'''x'''",
    "['a' 'b']", "'it''s'", "...",
)  # fmt: skip


@pytest.mark.parametrize("text", ESCAPES)
def test_there_is_no_way_out_of_the_language(text: str, failure: Failure) -> None:
    found = failure(text, var={"x": 1}, this={"scope": {}})
    assert found.code.startswith("KP-EXPR-")
    assert found.position is not None


BOMBS = {
    "text repeated": "'x' * 1000000000",
    "text repeated twice": "'x' * 1000000 * 1000000",
    "a list repeated": "[1] * 1000000000",
    "lists in lists": "[[['x'] * 1000] * 1000] * 1000",
    "a range": "range(1000000000)",
    "a range beyond numbers": "range(-9223372036854775807, 9223372036854775807)",
    "a product": "product(range(1000), range(1000))",
    "a width": "format('%1000000000d', 1)",
    "many widths": "format('" + "%1000d" * 600 + "', 1)",
    "a replacement": "replace('x' * 1000000, 'x', 'y' * 1000000)",
    "a join": "join('x' * 1000, range(100000))",
    "a pattern": "regex('(a+)+$', 'a' * 100000 ~ 'b')",
    "a pattern of alternatives": "regex('(a|a)*$', 'a' * 100 ~ 'b')",
    "a pattern with counts": "regex('((a{0,100}){0,100}){0,100}', 'a' * 1000)",
    "a pattern that overlaps": "regex('^(a|aa)+$', 'a' * 100 ~ 'b')",
    "a pattern of many dots": "regex('.*.*.*.*.*=x', 'x' * 100000)",
    "a pattern that looks back": r"regex('(a*)*\\1b', 'a' * 30)",
    "a pattern of brackets": "regex('(' * 1000, 'a')",
    "JSON of brackets": "jsondecode('[' * 1000000)",
    "JSON of digits": "jsondecode('9' * 1000000)",
    "JSON of exponents": "jsondecode('1e999')",
    "YAML of brackets": "yamldecode('[' * 1000000)",
    "YAML of aliases": (
        "yamldecode('a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\n"
        "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]')"
    ),
    "CSV of lines": "csvdecode('a\\n' * 500000)",
    "CSV of columns": "csvdecode('a,' * 500000)",
    "CSV of one field": "csvdecode('a\\n' ~ 'x' * 1000000)",
    "Base64 that grows": "base64encode('x' * 1000000)",
    "Base64 that is none": "base64decode('=' * 1000000)",
    "JSON that grows": "jsonencode('\\u0001' * 1000000)",
    "a split into letters": "split('', 'x' * 1000000)",
    "a number": "9223372036854775807 * 9223372036854775807",
    "a number of digits": "1" * 4000,
    "numbers that never end": "1e308 * 10",
    "a duration": "duration('9999999999y')",
    "durations": "duration('9999999d') + duration('9999999d') + duration('999999999d')",
    "a date": "date('9999-12-31') + duration('1y')",
    "a first date": "date('0001-01-01') - duration('1d')",
    "brackets": "(" * 2000 + "1" + ")" * 2000,
    "signs": "-" * 4000 + "1",
    "words": "not " * 1000 + "true",
    "sums": "1" + "+1" * 2000,
    "conditions": "1" + " if true else 1" * 270,
    "comparisons": "var.big == var.big and " * 150 + "true and not true or 1",
    "entries": "var" + ".x" * 2000,
    "items": "var" + "[0]" * 1300,
    "an expression of 5,000 characters": "1 + '" + "x" * 5000 + "'",
    "dates of several kinds in order": (
        "sort([date('2027-01-01'), date('2027-01-01T00:00:00Z'), date('2026-01-01')] * 30000)"
    ),
    "an attribute of a million characters": "var[var.big ~ 'x' * 1000000]",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.usefixtures("prompt")
def test_an_expression_that_exhausts_is_refused(name: str, failure: Failure) -> None:
    found = failure(BOMBS[name], var={"big": "x" * 1_000_000, "x": {}})
    assert found.code.startswith("KP-EXPR-")
    assert len(found.summary) + len(found.why) + len(found.advice) < 3100


ROUNDS = "%{ for a in range(1000) }%{ for b in range(1000) }BODY%{ endfor }%{ endfor }"
BODIES = (
    "x", "${a * b}", "%{ if length(var.big ~ a) > b }%{ endif }",
    "%{ if var.big[1:] == b }%{ endif }",
    "%{ if var.big == var.other }%{ endif }", "%{ if 'y' in var.big }%{ endif }",
    "${length(var.list)}",
    "%{ if length(var.list + var.list) > 0 }%{ endif }", "%{ if upper(var.big) == a }%{ endif }",
    "%{ if var.list == var.others }%{ endif }", "${sha256(var.big)}",
    "%{ if [var.big] == a }%{ endif }",
    "%{ if try(regex('[0-9]', var.big), a) == a }%{ endif }",
    "%{ for c in range(1000) }%{ endfor }",
    "%{ if keys({'a': b}) == [a] }%{ endif }", "%{ if length(split('x', var.big)) == b }%{ endif }",
    "%{ if try(jsondecode(var.big), 1) == a }%{ endif }",
    "%{ if try(lookup(var.map, 'y'), 1) == a }%{ endif }",
)  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.usefixtures("prompt")
def test_a_million_rounds_end_soon(body: str, failure: Failure) -> None:
    big, items = "x" * 1_000_000, [1] * 100_000
    found = failure(
        ROUNDS.replace("BODY", body),
        template=True,
        var={
            "big": big, "other": "x" * 999_999 + "y", "list": items, "others": list(items),
            "map": {f"n{number}": 1 for number in range(1000)},
        },
    )  # fmt: skip
    assert found.code == "KP-EXPR-013"


def test_a_template_of_twenty_one_loops_is_refused(failure: Failure) -> None:
    text = "%{ for a in range(9) }" * 21 + "x" + "%{ endfor }" * 21
    assert failure(text, template=True).code == "KP-EXPR-013"


def test_texts_that_double_are_refused_together(refused: Refused) -> None:
    lines = ["  a0: xxxxxxxx"]
    lines += [f'  a{n}: "${{local.a{n - 1}}}${{local.a{n - 1}}}"' for n in range(1, 60)]
    said = refused("locals:\n" + "\n".join(lines) + "\n", "KP-EXPR-013")
    assert "1,048,576 characters" in said


def test_lists_that_double_are_refused_together(refused: Refused) -> None:
    lines = ["  a0: [x]"]
    lines += [f"  a{n}: '${{[local.a{n - 1}, local.a{n - 1}]}}'" for n in range(1, 60)]
    refused("locals:\n" + "\n".join(lines) + "\n", "KP-EXPR-013")


def test_ten_thousand_texts_of_a_megabyte_are_refused_together(refused: Refused) -> None:
    lines = [f"  a{n}: \"${{'{n}' ~ 'x' * 1000000}}\"" for n in range(10_000)]
    refused("locals:\n" + "\n".join(lines) + "\n", "KP-EXPR-013", megabytes=900)


def test_ten_thousand_long_expressions_are_refused_together(refused: Refused) -> None:
    lines = [f"  a{n}: '${{length(sort(range(9{n:04})))}}'" for n in range(10_000)]
    refused("locals:\n" + "\n".join(lines) + "\n", "KP-EXPR-013")


def test_ten_thousand_expressions_that_fail_late_are_refused_together(refused: Refused) -> None:
    lines = [f"  a{n}: '${{sort(range(9{n:04}))[0].x}}'" for n in range(10_000)]
    refused("locals:\n" + "\n".join(lines) + "\n", "KP-EXPR-009")  # the first in the file
