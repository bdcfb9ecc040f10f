"""Installed providers for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from keyplan.model.timing import format_duration
from keyplan.render.layout import entry, paragraph
from keyplan.sdk.capabilities import Capabilities, Mutability, Reading
from keyplan.sdk.provider import Permission, Plugin


class Installed(Protocol):
    """A provider by name; `plugin` is `None` where it cannot be used, and `problem` says why."""

    @property
    def name(self) -> str:
        """The provider type."""

    @property
    def plugin(self) -> Plugin | None:
        """What it offers."""

    @property
    def problem(self) -> str:
        """Why it cannot be used."""

    @property
    def advice(self) -> str:
        """What to do about it."""


def providers_text(found: Sequence[Installed], *, detailed: bool, permissions: bool) -> str:
    """One line a provider; `detailed` adds its manifest, `permissions` what it needs."""
    if not found:
        return "No provider is installed.\n"
    lines: list[str] = []
    for item in found:
        if item.plugin is None:
            lines += entry(0, item.name, f"cannot be used: {item.problem}", width=10)
            lines += paragraph(item.advice, 10)
            continue
        lines += entry(0, item.name, item.plugin.summary, width=10)
        if detailed:
            lines += ["", *_manifest(item.plugin.capabilities()), ""]
        if permissions:
            lines += ["", *_permissions(item.plugin.permissions()), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def providers_document(found: Iterable[Installed]) -> dict[str, Any]:
    """Everything as JSON data."""
    return {"format_version": "1.0", "providers": [_record(item) for item in found]}


def _manifest(manifest: Capabilities) -> list[str]:
    observed = _names(manifest, Reading.OBSERVED)
    recorded = _names(manifest, Reading.RECORDED)
    fixed = sorted(
        name
        for name, item in manifest.attributes.items()
        if item.mutability is Mutability.IMMUTABLE
    )
    one_way = sorted(
        name for name, item in manifest.attributes.items() if item.mutability is Mutability.ONE_WAY
    )
    relations = ", ".join(
        f"{item.value} (default)" if item is manifest.default_relation else item.value
        for item in sorted(manifest.relations)
    )
    window = f"{manifest.deletion.value}, window {format_duration(manifest.default_window)}"
    rows = [
        ("algorithms", ", ".join(sorted(manifest.algorithms))),
        ("relations", relations),
        ("observed", ", ".join(observed)),
        ("recorded", ", ".join(recorded)),
        ("immutable", ", ".join(fixed)),
        ("one way", ", ".join(one_way)),
        ("operations", ", ".join(sorted(manifest.operations))),
        ("deletion", window),
        ("rotation", manifest.rotation.value),
        ("finding", manifest.finding.value),
    ]
    return [line for label, text in rows if text for line in entry(2, label, text)]


def _names(manifest: Capabilities, reading: Reading) -> list[str]:
    return sorted(name for name, item in manifest.attributes.items() if item.reading is reading)


def _permissions(permissions: Sequence[Permission]) -> list[str]:
    if not permissions:
        return ["  No permissions are needed."]
    lines: list[str] = []
    for item in permissions:
        needed = ", ".join(item.needed_for)
        lines += entry(2, item.name, f"{needed}: {item.why}", width=28)
    return lines


def _record(item: Installed) -> dict[str, Any]:
    if item.plugin is None:
        return {"name": item.name, "usable": False, "problem": item.problem, "advice": item.advice}
    manifest = item.plugin.capabilities()
    return {
        "name": item.name,
        "usable": True,
        "summary": item.plugin.summary,
        "capabilities": {
            "algorithms": {
                name: sorted(usage.value for usage in usages)
                for name, usages in sorted(manifest.algorithms.items())
            },
            "attributes": {
                name: {
                    "reading": facts.reading.value,
                    "mutability": facts.mutability.value,
                    "at_create": facts.at_create,
                }
                for name, facts in sorted(manifest.attributes.items())
            },
            "operations": sorted(manifest.operations),
            "relations": sorted(relation.value for relation in manifest.relations),
            "default_relation": manifest.default_relation.value,
            "deletion": manifest.deletion.value,
            "default_window": format_duration(manifest.default_window),
            "finding": manifest.finding.value,
            "rotation": manifest.rotation.value,
            "states": sorted(state.value for state in manifest.states),
            "rates": dict(sorted(manifest.rates.items())),
        },
        "permissions": [
            {"name": need.name, "needed_for": list(need.needed_for), "why": need.why}
            for need in item.plugin.permissions()
        ],
    }
