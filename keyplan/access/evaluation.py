"""The neutral evaluator: may this principal do this operation, in this situation?

Rules: what nobody allows is denied; a deny wins over every allow; what is not known
is never called a no. An atom applies when all of `when` hold and not all of `unless`
do (both maps are conjunctions: `unless: {context: ..., mfa: true}` is met only by both
together), until its expiry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keyplan.access.atoms import ANYONE, Atom, Decision, Request, Verdict
from keyplan.access.conditions import Truth, both, hold, parse_conditions
from keyplan.model.policies import Effect
from keyplan.model.timing import parse_instant


@dataclass(frozen=True, slots=True)
class Consideration:
    """One atom that speaks of the request: whether it applies, and which facts were missing."""

    atom: Atom
    applies: Truth
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with everything that was weighed, denies first."""

    decision: Decision
    considered: tuple[Consideration, ...]


def evaluate(atoms: Iterable[Atom], request: Request) -> Decision:
    """The decision on a request."""
    return explain(atoms, request).decision


def explain(atoms: Iterable[Atom], request: Request) -> Explanation:
    """The decision on a request, and why."""
    considered = tuple(
        sorted(
            (
                consider(atom, request)
                for atom in atoms
                if atom.operation == request.operation
                and atom.principal in (ANYONE, request.principal)
            ),
            key=lambda item: (item.atom.effect is Effect.ALLOW, item.atom),
        )
    )
    return Explanation(_decide(considered), considered)


def consider(atom: Atom, request: Request) -> Consideration:
    """Whether an atom that names the principal and operation applies in the situation."""
    if atom.expires_at and request.now > parse_instant(atom.expires_at, end=True):
        return Consideration(atom, applies=False)
    required, missing = hold(parse_conditions(atom.when), request)
    if not atom.unless:
        return Consideration(atom, required, missing)
    excluded, more = hold(parse_conditions(atom.unless), request)
    applies = both((required, None if excluded is None else not excluded))
    return Consideration(atom, applies, tuple(sorted({*missing, *more})))


def _decide(considered: Iterable[Consideration]) -> Decision:
    """A sure deny decides; then a sure allow that no possible deny threatens; the rest is open."""
    allows = [item for item in considered if item.atom.effect is Effect.ALLOW]
    denies = [item for item in considered if item.atom.effect is Effect.DENY]
    for deny in denies:
        if deny.applies:
            return Decision(Verdict.DENIED, deny.atom)
    sure = next((item for item in allows if item.applies), None)
    open_allows = [item for item in allows if item.applies is None]
    open_denies = [item for item in denies if item.applies is None]
    if sure is None and not open_allows:
        return Decision(Verdict.DENIED)
    if sure is not None and not open_denies:
        return Decision(Verdict.ALLOWED, sure.atom)
    undecided = open_denies if sure is not None else open_denies + open_allows
    missing = sorted({name for item in undecided for name in item.missing})
    because = (sure or open_allows[0]).atom
    return Decision(Verdict.CONDITIONAL, because, tuple(missing))
