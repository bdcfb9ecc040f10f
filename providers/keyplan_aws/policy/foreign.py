"""Key policies that keyplan cannot read: kept word for word, and never guessed at.

Such a policy is a value of its own, equal to nothing but the same text. So it is drift where a
policy is declared, and replacing it is a change that a plan shows and that keeps the very text.
Rules: it may give anybody anything, as far as anyone can tell, and surely gives nobody anything.
So no step may put one: a rollback that would is refused, which the plan says before.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.access.atoms import ANYONE, Atom
from keyplan.errors import RejectedError
from keyplan.model.canonical import canonical_json
from keyplan.model.policies import OPERATIONS, Effect
from keyplan.model.values import Value
from keyplan_aws.policy.canonical import canonical_policy
from keyplan_aws.policy.document import foreign_text, parse

_UNTOLD = canonical_json({"policy": "cannot be read"})


def read_policy(text: str, account: str | None) -> Value:
    """The canonical value of a live policy; where that cannot be told, the text, marked."""
    try:
        policy = canonical_policy(parse(text), account=account)
        canonical_json(policy).encode()
    except (RejectedError, RecursionError, UnicodeError):
        return {"Unreadable": text}
    return policy


def objection(text: str, account: str | None) -> str:
    """Why a policy cannot be read, in a few words."""
    try:
        canonical_policy(parse(text), account=account)
    except RejectedError as error:
        return error.why.rstrip(".")
    except RecursionError:
        pass
    return "It is nested too deeply, or is no text"


def foreign_atoms(policy: Value) -> Iterator[Atom]:
    """Everything for everybody, under a condition of which nobody knows whether it holds."""
    if foreign_text(policy) is not None:
        for operation in sorted(OPERATIONS):
            yield Atom(Effect.ALLOW, ANYONE, operation, _UNTOLD, "", "", "unreadable")
