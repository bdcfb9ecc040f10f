"""What somebody does to a key behind keyplan's back, and the report of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from keyplan.model.address import Address
from keyplan.model.keys import KeyState
from keyplan.model.observations import OwnerMark
from keyplan.plans.changes import DriftKind
from keyplan.plans.drift import Drifted, DriftReport
from keyplan.testing.bench import Bench, key, policy
from keyplan.testing.fake_service import FakeKey

A = Address("key.a")
TERMS = {"principal": ["who:reader"], "operations": ["decrypt"], "context": {"t": "x"}}
WIDER = {**TERMS, "context": {}}
NARROWER = {**TERMS, "context": {"t": "x", "u": "y"}}
OPEN = {"administrators": ["who:admins", "who:stranger"], "statements": []}
CLOSED = {"administrators": ["who:admins"], "statements": []}


def everything(**more: Any) -> Any:
    attributes: dict[str, Any] = {
        "description": "d",
        "labels": {"team": "x"},
        "aliases": ["name"],
        "grants": {"batch": TERMS},
        "state": "active",
        "rotation": {"every": "90d"},
        "exportable": False,
        "expires_at": "2030-01-01T00:00:00Z",
        "multi_region": False,
        "protection": "software",
        "policy": policy("decrypt"),
    }
    return key("key.a", "root", "encrypt", **(attributes | more))


def having(name: str, value: Any) -> Callable[[FakeKey], FakeKey]:
    return lambda seen: seen.having(name, value)


def being(**fields: Any) -> Callable[[FakeKey], FakeKey]:
    return lambda seen: replace(seen, **fields)


K = DriftKind
TABLE: Mapping[str, tuple[Callable[[FakeKey], FakeKey], str, DriftKind]] = {
    "description": (having("description", "e"), "description", K.METADATA),
    "description gone": (having("description", None), "description", K.METADATA),
    "label": (having("labels", {"team": "y"}), "labels:team", K.METADATA),
    "label gone": (having("labels", {}), "labels:team", K.METADATA),
    "alias gone": (being(aliases=()), "aliases:name", K.AVAILABILITY),
    "alias of others": (being(aliases=("name", "theirs")), "aliases:theirs", K.ACCESS_WIDENED),
    "grant gone": (having("grants", {}), "grants:batch", K.ACCESS_NARROWED),
    "grant wider": (having("grants", {"batch": WIDER}), "grants:batch", K.ACCESS_WIDENED),
    "grant narrower": (having("grants", {"batch": NARROWER}), "grants:batch", K.ACCESS_NARROWED),
    "grant of others": (
        having("grants", {"batch": TERMS, "more": TERMS}),
        "grants:more",
        K.ACCESS_WIDENED,
    ),
    "suspended": (being(state=KeyState.SUSPENDED), "state", K.AVAILABILITY),
    "deactivated": (being(state=KeyState.DEACTIVATED), "state", K.AVAILABILITY),
    "compromised": (being(state=KeyState.COMPROMISED), "state", K.DESTRUCTIVE),
    "rotation off": (having("rotation", None), "rotation", K.AVAILABILITY),
    "rotation slower": (having("rotation", {"every": "700d"}), "rotation", K.AVAILABILITY),
    "exportable": (having("exportable", True), "exportable", K.ACCESS_WIDENED),
    "ends later": (
        having("expires_at", "2031-01-01T00:00:00Z"), "expires_at", K.ACCESS_WIDENED
    ),
    "ends never": (having("expires_at", None), "expires_at", K.ACCESS_WIDENED),
    "ends sooner": (having("expires_at", "2029-01-01T00:00:00Z"), "expires_at", K.AVAILABILITY),
    "policy wider": (having("policy", OPEN), "policy", K.ACCESS_WIDENED),
    "policy narrower": (having("policy", CLOSED), "policy", K.ACCESS_NARROWED),
    "policy dropped": (having("policy", None), "policy", K.ACCESS_WIDENED),
    "other algorithm": (being(algorithm="aes-128"), "algorithm", K.DESTRUCTIVE),
    "other usage": (being(usage="mac"), "usage", K.DESTRUCTIVE),
    "protection": (having("protection", "external"), "protection", K.DESTRUCTIVE),
    "multi-region": (having("multi_region", True), "multi_region", K.DESTRUCTIVE),
    "mark gone": (being(owner=None), "mark", K.METADATA),
    "mark of others": (being(owner=OwnerMark("other", "token")), "mark", K.METADATA),
}  # fmt: skip
"""What somebody does to a key: the path and the class under which it is told."""


def converged(*keys: Any, **options: Any) -> Bench:
    bench = Bench(**options)
    bench.converge(*keys)
    return bench


def edit(bench: Bench, change: Callable[[FakeKey], FakeKey], name: str = "key.a") -> None:
    bench.plugin.service().edit(bench.state.resources[Address(name)].id, change)


def drift_of(bench: Bench, *keys: Any, **options: Any) -> DriftReport:
    return bench.survey(bench.graph_of(*keys), **options).report


def only(report: DriftReport) -> Drifted:
    (entry,) = report.drifted
    return entry
