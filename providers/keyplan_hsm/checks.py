"""What the emulator would refuse about a declared key, found offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyplan.diagnostics import Diagnostic, Severity
from keyplan.model.keys import Protection, Relation
from keyplan.model.resources import DesiredKey


def check(key: DesiredKey) -> Sequence[Diagnostic]:
    """Every reason, each at the attribute that causes it."""
    return [*_relation(key), *_certificate(key), *_protection(key)]


def _relation(key: DesiredKey) -> Iterator[Diagnostic]:
    algorithm = key.algorithm_facts
    if algorithm is None or key.parent is None:
        return
    if key.relation is Relation.DERIVES and not algorithm.symmetric:
        yield _error(
            key,
            "relation",
            "KP-HSM-001",
            summary=f"{algorithm.name} keys cannot be derived",
            why="The HSM emulator derives octets: AES and HMAC keys.",
            advice="Use `relation: wraps` or `relation: signs`.",
        )
    if key.relation is Relation.SIGNS and algorithm.symmetric:
        yield _error(
            key,
            "relation",
            "KP-HSM-002",
            summary=f"an {algorithm.name} key has no public key that a parent could certify",
            why="A certificate is over a public key.",
            advice="Use `relation: wraps` or `relation: derives`.",
        )


def _certificate(key: DesiredKey) -> Iterator[Diagnostic]:
    declared = key.attributes.get("certificate")
    if not isinstance(declared, dict):
        return
    if key.relation is not Relation.SIGNS:
        yield _error(
            key,
            "certificate",
            "KP-HSM-003",
            summary="a certificate needs a parent that signs the key",
            why="The parent is the authority that issues it.",
            advice="Add `relation: signs`, or remove `certificate`.",
        )
    from keyplan_hsm.certificates import Profile  # noqa: PLC0415  (loads the X.509 library)

    try:
        Profile.parse(declared)
    except (ValueError, KeyError, TypeError) as error:
        yield _error(
            key,
            "certificate",
            "KP-HSM-004",
            summary="the certificate's profile cannot be used",
            why=str(error),
            advice='Write {subject: "CN=release", valid: 398d, usages: [code_signing]}.',
        )


def _protection(key: DesiredKey) -> Iterator[Diagnostic]:
    if key.attributes.get("protection") == Protection.EXTERNAL.value:
        yield _error(
            key,
            "protection",
            "KP-HSM-005",
            summary="the HSM emulator keeps every key in its own store",
            why="It has no external key manager to hold material.",
            advice="Declare `protection: hsm` (emulated: it is software), or `software`.",
        )


def _error(
    key: DesiredKey, attribute: str, code: str, *, summary: str, why: str, advice: str
) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code=code,
        summary=summary,
        why=why,
        advice=advice,
        address=str(key.address),
        position=key.position(attribute),
        snippet=key.snippet(attribute),
    )
