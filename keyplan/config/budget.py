"""How much all expressions of a stack may do together.

One expression is bounded by itself; a file can hold a hundred thousand. Work is counted
in the steps of `engine.run`, and text that stays in memory counts too.
"""

from __future__ import annotations

MAX_STACK_STEPS = 20_000_000
"""Steps of a whole stack: about ten seconds, or some 600 MB of text."""

_CHARACTERS = 32


class Budget:
    """What is left of a stack's steps. One per run, shared by everything that evaluates."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STACK_STEPS) -> None:
        self.left = steps

    def is_spent(self) -> bool:
        """Whether nothing more may be evaluated."""
        return self.left <= 0

    def spend(self, steps: int, value: object) -> None:
        """Count what an evaluation did, and the text that it leaves; it may overdraw."""
        if type(value) is str:
            steps += len(value) // _CHARACTERS
        self.left -= 1 + steps
