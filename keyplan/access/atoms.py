"""The smallest statement about access, and what a question about it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from keyplan.model.policies import Effect
from keyplan.model.values import Value

ANYONE = "*"
"""The principal of an atom that names nobody in particular."""


@dataclass(frozen=True, slots=True, order=True)
class Atom:
    """One principal, one neutral operation, one effect, under conditions.

    `principal` is an identity in the provider's own spelling, or `*`. `when` and
    `unless` are canonical JSON texts of neutral conditions (`{"context":{"tenant":"a"}}`),
    empty where there are none; `expires_at` is an RFC 3339 text or empty. `source`
    says where it comes from (a Sid, `administrators`, `grant batch`).
    """

    effect: Effect
    principal: str
    operation: str
    when: str = ""
    unless: str = ""
    expires_at: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A question: may `principal` do `operation`, in this situation?

    A condition that the situation does not mention is unknown, not false:
    `facts` maps neutral condition names to values, `context` is the encryption
    context (complete: what it does not name is absent). `now` decides expiry and hours.
    """

    principal: str
    operation: str
    now: datetime
    context: Mapping[str, str] | None = None
    facts: Mapping[str, Value] = field(default_factory=dict)


class Verdict(StrEnum):
    """Three-valued: what is not known is never called a no."""

    ALLOWED = "allowed"
    DENIED = "denied"
    CONDITIONAL = "conditional"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, the atom that decided it, and the conditions whose facts were missing."""

    verdict: Verdict
    because: Atom | None = None
    missing: tuple[str, ...] = ()
