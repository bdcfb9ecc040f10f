"""What a key asks of its provider that the provider does not do.

Rules: capabilities are read before anything is attempted; what is not supported is an
error at the line that asked for it, never ignored (LANGUAGE.md §3). Whatever else the
provider's own `check` finds is shown at the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from keyplan.diagnostics import Diagnostic, Severity
from keyplan.errors import RejectedError
from keyplan.graph.resources import ResourceGraph
from keyplan.model.keys import KeyState
from keyplan.model.resources import DesiredKey
from keyplan.model.timing import format_duration, parse_duration
from keyplan.sdk.capabilities import Capabilities
from keyplan.sdk.provider import Plugin, PolicyReview


def check_capabilities(
    graph: ResourceGraph, plugins: Mapping[str, Plugin]
) -> tuple[Diagnostic, ...]:
    """Everything that the manifests of the keys' providers do not allow."""
    used = {key.provider_type for key in graph.keys.values()} & set(plugins)
    manifests = {name: plugins[name].capabilities() for name in used}
    found: list[Diagnostic] = []
    for key in graph.keys.values():
        manifest = manifests.get(key.provider_type)
        if manifest is not None:
            found += _attributes(key, manifest)
        if manifest is not None and key.replica_of is None:
            found += _kind(key, manifest)
            found += _values(key, manifest)
    return tuple(found)


def check_with_providers(
    graph: ResourceGraph, plugins: Mapping[str, Plugin]
) -> tuple[Diagnostic, ...]:
    """What the providers themselves find, placed at the key where they name no line."""
    found: list[Diagnostic] = []
    for key in graph.keys.values():
        plugin = plugins.get(key.provider_type)
        for diagnostic in plugin.check(key) if plugin is not None else ():
            if diagnostic.position is None:
                diagnostic = replace(  # noqa: PLW2901  # the same message, placed
                    diagnostic, position=key.position(), snippet=key.snippet()
                )
            found.append(replace(diagnostic, address=diagnostic.address or key.address))
    return tuple(found)


def check_policies(graph: ResourceGraph, plugins: Mapping[str, Plugin]) -> tuple[Diagnostic, ...]:
    """Policies that a provider cannot compile, or that its own rules refuse whoever applies.

    A plan asks the same, of every policy that it puts in force; this is offline.
    """
    found: list[Diagnostic] = []
    for key in graph.keys.values():
        plugin = plugins.get(key.provider_type)
        if plugin is None or key.policy is None or key.keep_policy:
            continue
        try:
            compiled = plugin.compile_policy(key.policy, key)
        except RejectedError as error:
            advice = "\n".join(part for part in (error.why, error.advice) if part)
            what = f"{key.address}: {error.what}"
            found.append(_error("KP-POL-004", key, "policies", what, advice=advice))
        else:
            found += _refused(key, plugin.review_policy(compiled, ""))
    return tuple(found)


def _refused(key: DesiredKey, review: PolicyReview | None) -> Iterator[Diagnostic]:
    """What nobody could apply."""
    for problem in review.problems if review else ():
        if problem.level is Severity.ERROR:
            what = f"the policy of {key.address}: {problem.message}"
            yield _error(problem.code, key, "policies", what, advice=problem.advice)


def _attributes(key: DesiredKey, manifest: Capabilities) -> Iterator[Diagnostic]:
    asked = {name: name for name in key.attributes.keys() - manifest.attributes.keys()}
    if key.policy is not None and "policy" not in manifest.attributes:
        asked["policies"] = "policies"
    for name in sorted(asked):
        gap = f"{{{key.provider_type}: {{what: [{name}], then: skip, reason: ..., until: ...}}}}"
        yield _error(
            "KP-CAP-001",
            key,
            name,
            f"{key.provider} does not support {name}, which {key.address} asks for",
            advice=f"Remove {name}, or accept the gap: `unenforced: {gap}`.",
        )


def _kind(key: DesiredKey, manifest: Capabilities) -> Iterator[Diagnostic]:
    if key.algorithm is not None and key.algorithm not in manifest.algorithms:
        known = ", ".join(sorted(manifest.algorithms))
        yield _error(
            "KP-CAP-002",
            key,
            "algorithm",
            f"{key.provider} has no {key.algorithm} keys, which {key.address} asks for",
            advice=f"It has {known}.",
        )
    elif key.algorithm is not None and key.usage is not None:
        usages = manifest.algorithms[key.algorithm]
        if key.usage not in usages and _suits(key):
            yield _error(
                "KP-CAP-003",
                key,
                "usage",
                f"an {key.algorithm} key of {key.provider} cannot {key.usage}, "
                f"as {key.address} should",
                advice=f"There it can {', '.join(sorted(usages))}.",
            )
    if key.relation is not None and key.relation not in manifest.relations:
        possible = ", ".join(sorted(manifest.relations))
        yield _error(
            "KP-CAP-004",
            key,
            "relation" if "relation" in key.positions else "parent",
            f"{key.provider} has no relation {key.relation}, which {key.address} has",
            advice=f"It has {possible}.",
        )


def _suits(key: DesiredKey) -> bool:
    """Whether the algorithm has the usage anywhere; if not, the hierarchy's rules say so."""
    facts = key.algorithm_facts
    return facts is None or key.usage in facts.usages


def _values(key: DesiredKey, manifest: Capabilities) -> Iterator[Diagnostic]:
    state = key.attributes.get("state")
    if isinstance(state, str) and KeyState(state) not in manifest.states:
        possible = ", ".join(sorted(manifest.states))
        yield _error(
            "KP-CAP-005",
            key,
            "state",
            f"{key.provider} cannot put {key.address} into state {state}",
            advice=f"It has {possible}.",
        )
    deletion = key.attributes.get("deletion")
    if isinstance(deletion, dict) and "deletion" in manifest.attributes:
        yield from _window(key, str(deletion["window"]), manifest)


def _window(key: DesiredKey, written: str, manifest: Capabilities) -> Iterator[Diagnostic]:
    window, longest = parse_duration(written), manifest.max_window
    if window >= manifest.min_window and (longest is None or window <= longest):
        return
    least = format_duration(manifest.min_window)
    most = "" if longest is None else f" and at most {format_duration(longest)}"
    yield _error(
        "KP-CAP-006",
        key,
        "deletion",
        f"{key.provider} has no deletion window of {written}, which {key.address} asks for",
        advice=f"Write at least {least}{most}.",
    )


def _error(code: str, key: DesiredKey, attribute: str, summary: str, *, advice: str) -> Diagnostic:
    return Diagnostic(
        Severity.ERROR,
        code,
        summary,
        advice=advice,
        address=key.address,
        position=key.position(attribute),
        snippet=key.snippet(attribute),
    )
