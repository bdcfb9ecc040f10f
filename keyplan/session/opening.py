"""Connecting to a provider, as its block in the configuration says.

Rules: settings are validated by the provider's own model before anything is opened, and a
message about them names the field and never repeats its value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyplan.diagnostics import ConfigurationError, Diagnostic, Severity
from keyplan.errors import KeyplanError, ProviderDefectError, ProviderError
from keyplan.model.stack import ProviderBlock
from keyplan.sdk.provider import OpenContext, Plugin
from keyplan.session.clock import SYSTEM_CLOCK, Clock
from keyplan.session.session import ProviderSession

if TYPE_CHECKING:
    from pydantic import BaseModel


def open_session(
    block: ProviderBlock, plugin: Plugin, context: OpenContext, *, clock: Clock = SYSTEM_CLOCK
) -> ProviderSession:
    """Connect to the provider that a block describes.

    Raises `ConfigurationError` for settings that its model refuses, `ProviderError`
    if it cannot be reached or used (an SDK that is not installed included).
    """
    settings = settings_of(block, plugin)
    try:
        provider = plugin.open(settings, context)
    except KeyplanError:
        raise
    except ModuleNotFoundError as error:
        raise ProviderError(
            f"the Python module {error.name} is not installed",
            target=f"provider {block.instance}",
            advice=f"Install what it needs: pip install 'keyplan[{block.type}]'",
        ) from error
    except Exception as error:
        raise ProviderDefectError(
            f"the provider {plugin.name} cannot be opened ({type(error).__name__})",
            target=block.instance,
            operation="open",
            advice="This is a bug in the provider: --debug shows where. Report it to its authors.",
        ) from error
    return ProviderSession(block.instance, plugin, provider, clock=clock, settings=settings)


def settings_of(block: ProviderBlock, plugin: Plugin) -> BaseModel:
    """The block's settings, validated; raises `ConfigurationError` with one diagnostic a field."""
    from pydantic import ValidationError  # noqa: PLC0415  (60 ms that --help does not need)

    try:
        return plugin.settings_model.model_validate(dict(block.settings))
    except ValidationError as error:
        raise ConfigurationError(
            [
                Diagnostic(
                    Severity.ERROR,
                    "KP-PROV-001",
                    f"provider {block.instance}: {_field(problem['loc'])}{_lower(problem['msg'])}",
                    advice=f"See the settings of the provider: keyplan providers {block.type}",
                    position=block.position,
                    snippet=block.snippet,
                )
                for problem in error.errors(
                    include_input=False, include_url=False, include_context=False
                )
            ]
        ) from None


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) + ": " if location else ""


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
