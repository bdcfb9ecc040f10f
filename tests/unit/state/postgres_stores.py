"""Stores of one stack in PostgreSQL, by their address."""

from __future__ import annotations

from pathlib import Path

from keyplan_state.postgres import PostgresStore
from keyplan_state.postgres_target import PostgresSettings, resolve


def postgres_settings(**extra: object) -> PostgresSettings:
    return PostgresSettings.model_validate({"url": {"env": "URL"}, "stack": "payments", **extra})


def postgres_store(url: str, *, ttl: float = 60.0, **extra: object) -> PostgresStore:
    return PostgresStore(resolve(postgres_settings(**extra), Path(), {"URL": url}), ttl=ttl)
