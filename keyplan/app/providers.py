"""What is installed, and what each provider can do and needs."""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.config.report import suggest
from keyplan.errors import KeyplanError, UnknownNameError
from keyplan.sdk.provider import Plugin
from keyplan.session.registry import Registry


@dataclass(frozen=True, slots=True)
class InstalledProvider:
    """A provider by name; `problem` says why it cannot be used, if it cannot."""

    name: str
    plugin: Plugin | None
    problem: str = ""
    advice: str = ""


def installed_providers(registry: Registry, only: str | None = None) -> list[InstalledProvider]:
    """Every installed provider, or the one asked for. Raises `UnknownNameError` for another."""
    names = sorted(registry.plugins)
    if only is not None:
        if only not in names:
            raise UnknownNameError(
                f"the provider {only} is not installed",
                why=f"Installed: {', '.join(names) or 'none'}.",
                advice=suggest(only, names) or "A provider is a Python package: install it here.",
            )
        names = [only]
    return [_installed(registry, name) for name in names]


def _installed(registry: Registry, name: str) -> InstalledProvider:
    try:
        return InstalledProvider(name, registry.plugins[name])
    except KeyplanError as error:
        return InstalledProvider(name, None, error.what, error.advice)
