"""Names of providers, where modules call them differently than the stack does."""

from __future__ import annotations


class ProviderName(str):
    """The name that the stack itself knows a provider by: an input that carries one."""

    __slots__ = ()
