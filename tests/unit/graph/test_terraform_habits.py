"""What people who know Terraform bring along: the error says what to write here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keyplan.diagnostics import Diagnostic

Mistakes = Callable[..., list[Diagnostic]]

ROOT = "provider: {hsm: {}}\nkey:\n  root:\n    provider: hsm\n    tier: root\n    usage: wrap\n"
MODULE = {"modules/m/keyplan.yaml": "variable:\n  name: {type: string, default: x}\n"}


@pytest.mark.parametrize(
    ("stack", "advice"),
    [
        (ROOT + "    algorithm: aes-256\n    count: 2\n", "write for_each"),
        (
            ROOT + "    algorithm: aes-256\n    lifecycle: {prevent_destroy: true}\n",
            "deletion: {protection: true}",
        ),
        ("module:\n  m: {source: ./modules/m, name: acme}\n", "inputs: {name: ...}"),
        ("module:\n  m: {source: ./modules/m, count: 2}\n", "write for_each"),
        ("variable:\n  x: {type: string, default: null}\n", "Write none"),
        ('variable:\n  x: {type: "string", default: ~}\n', "Write none"),
        (ROOT + "    algorithm: aes-256\n    owner: null\n", "Write none"),
        (ROOT + "    algorithm: aes-256\n    labels: {team: null}\n", "Write none"),
    ],
)
def test_a_habit_is_told_what_to_write(mistakes: Mistakes, stack: str, advice: str) -> None:
    [mistake] = mistakes({"keyplan.yaml": stack, **MODULE})
    assert advice in mistake.advice


def test_null_in_quotes_is_text_also_after_one_without(mistakes: Mistakes) -> None:
    stack = (
        "variable:\n  a: {type: string, default: 'null'}\n  b: {type: string, default: null}\n"
        "  c: {type: string, default: '~'}\n"
    )
    assert [mistake.code for mistake in mistakes({"keyplan.yaml": stack})] == ["KP-DECL-005"]
