"""Expressions end: every limit is checked before the work is done."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from keyplan.diagnostics import Diagnostic

Failure = Callable[..., Diagnostic]


@pytest.mark.parametrize(
    "text",
    [
        "'x' * 1000000000",
        "[0] * 1000000000",
        "range(1000000000)",
        "range(0, 9999999999, 1)",
        "[[0] * 100000] * 100000",
        "[[[0] * 1000] * 1000] * 1000",
        "('x' * 1048576) ~ 'x'",
        "('x' * 1048576) + 'x'",
        "join('x' * 1000, range(2000))",
        "replace('x' * 1000, 'x', 'y' * 2000)",
        "format('%1001d', 1)",
        "format('%s%s', 'x' * 1000000, 'x' * 1000000)",
        "split('', 'x' * 200000)",
        "concat(range(60000), range(60000))",
        "flatten([range(60000), range(60000)])",
        "product(range(1000), range(1000))",
        "jsonencode([range(1000)] * 2000)",
        "[range(1000)] * 1000 == [range(1000)] * 1000",
        "9223372036854775807 + 1",
        "9223372036854775807 * 9223372036854775807",
        "1e308 * 10",
        "1e308 // 1e-308",
        "base64encode('x' * 1048576)",
        "upper('ß' * 600000)",
        "'a' +" + " " * 4100 + "'b'",
        "(" * 40 + "1" + ")" * 40,
        "[" * 40 + "]" * 40,
        "not " * 500 + "true",
        "- " * 500 + "1",
        "1" + " + 1" * 150,
        "1 if true else " * 200 + "1",
        "true" + " and true" * 150,
        "x" + ".x" * 500,
        "x" + "[0]" * 500,
        "date('9999-12-31') + duration('9999999999s')",
        "duration('9999999999y')",
    ],
)
def test_every_limit_is_checked_before_the_work_is_done(failure: Failure, text: str) -> None:
    started = time.process_time()
    problem = failure(text, x={"x": 1})
    assert time.process_time() - started < 1.5
    assert problem.code in {"KP-EXPR-013", "KP-EXPR-014", "KP-EXPR-009", "KP-EXPR-011"}


def test_nested_loops_end(failure: Failure) -> None:
    loops = "".join(f"%{{ for x{n} in range(1000) }}" for n in range(4))
    started = time.process_time()
    problem = failure(loops + "%{ endfor }" * 4, template=True)
    assert problem.code == "KP-EXPR-013"
    assert time.process_time() - started < 5


def test_costly_functions_in_a_loop_end(failure: Failure) -> None:
    text = "%{ for x in range(100000) }${sha256('x' * 1000000)}%{ endfor }"
    started = time.process_time()
    problem = failure(text, template=True)
    assert problem.code == "KP-EXPR-013"
    assert time.process_time() - started < 5


def test_a_template_has_a_bounded_number_of_expressions(failure: Failure) -> None:
    assert failure("${1}x" * 10_001, template=True).code == "KP-EXPR-013"


def test_values_nested_beyond_reason_are_refused(failure: Failure) -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    assert failure("x", x=deep).code == "KP-EXPR-013"
    assert failure("x == [x]", x=deep).code == "KP-EXPR-013"
