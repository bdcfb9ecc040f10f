"""The JSON Schema of the language, with what is installed here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keyplan import __version__
from keyplan.config.schema.document import Installed, stack_schema
from keyplan.errors import KeyplanError
from keyplan.session.registry import Registry


@dataclass(frozen=True, slots=True)
class LanguageSchema:
    """The schema, and the names of plugins that it says nothing of because they are unusable."""

    document: Mapping[str, Any]
    unusable: tuple[str, ...]


def language_schema(registry: Registry) -> LanguageSchema:
    """JSON Schema 2020-12 of a file of a stack, as this installation reads it."""
    unusable: list[str] = []
    plugins = _usable(registry.plugins, registry.plugins.__getitem__, unusable)
    stores = _usable(registry.stores, registry.stores.__getitem__, unusable)
    keys = {name: plugin.key_settings_model for name, plugin in plugins.items()}
    installed = Installed(
        providers={name: plugin.settings_model for name, plugin in plugins.items()},
        keys={name: model for name, model in keys.items() if model is not None},
        stores={name: store.settings_model for name, store in stores.items()},
    )
    return LanguageSchema(stack_schema(installed, __version__), tuple(unusable))


def _usable(
    names: Mapping[str, Any], load: Callable[[str], Any], unusable: list[str]
) -> dict[str, Any]:
    """What can be imported, by name."""
    found: dict[str, Any] = {}
    for name in sorted(names):
        try:
            found[name] = load(name)
        except KeyplanError as error:
            logging.getLogger(__name__).info("%s", error.what)
            unusable.append(name)
    return found
