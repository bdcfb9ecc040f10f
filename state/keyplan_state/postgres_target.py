"""Which database a `postgres` store speaks to, and how its connection is protected.

Rules: the address comes from the environment or a file, and neither it nor a part of it is
shown: it may hold a password. Whatever is not this machine is reached with
`sslmode=verify-full` and nothing less.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from keyplan.errors import KeyplanError, StoreError
from keyplan.model.secrets import SecretReference
from keyplan_state.lease_settings import LeaseSettings

_WAIT = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Seconds, the last one milliseconds. What the address itself says is kept."""


class Place(BaseModel):
    """Where the address of the database is: `{env: NAME}` or `{file: PATH}`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    env: str = ""
    file: str = Field(default="", pattern=r"^[^\x00]*$")

    @model_validator(mode="after")
    def _one_place(self) -> Place:
        if bool(self.env) == bool(self.file):
            raise ValueError("write either {env: NAME} or {file: PATH}")
        return self


class PostgresSettings(LeaseSettings):
    """`state: {postgres: {url: {env: KEYPLAN_STATE_URL}, stack: payments}}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Place
    stack: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")
    schema_name: str = Field(default="keyplan", alias="schema", pattern=r"^[a-z_][a-z0-9_]{0,62}$")

    @field_validator("schema_name")
    @classmethod
    def _not_the_servers_own(cls, name: str) -> str:
        if name.startswith("pg_"):
            raise ValueError("names that begin with pg_ belong to PostgreSQL")
        return name


@dataclass(frozen=True, slots=True)
class Target:
    """Where one state is. `parameters` are libpq's and never shown; `name` is."""

    parameters: Mapping[str, Any] = field(repr=False)
    schema: str
    stack: str

    @property
    def name(self) -> str:
        """One line for people."""
        return f"postgres {self.schema}, stack {self.stack}"

    def redacted(self, text: str) -> str:
        """The text without the password, should a library repeat it."""
        for parameter in ("password", "sslpassword"):
            secret = str(self.parameters.get(parameter) or "")
            text = text.replace(secret, "***") if secret else text
        return text


def driver() -> ModuleType:
    """The module psycopg, imported when it is first needed (60 ms)."""
    try:
        import psycopg  # noqa: PLC0415
    except ImportError as error:
        raise StoreError(
            "the store postgres cannot be used here: the Python module psycopg is missing or"
            " incomplete",
            advice="Install what it needs: pip install 'keyplan[postgres]'",
        ) from error
    return psycopg


def resolve(settings: PostgresSettings, stack: Path, environment: Mapping[str, str]) -> Target:
    """Read the address and settle what protects the connection. Connects to nothing."""
    psycopg = driver()
    place = f"postgres {settings.schema_name}, stack {settings.stack}"
    text = _address(settings.url, place, stack, environment)
    try:
        parameters: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(text)
    except psycopg.Error:
        raise StoreError(  # the driver's message may repeat a part of the password
            "the address of the database cannot be understood",
            target=place,
            why=f"It was read from {_named(settings.url)} and is not shown: it may hold a"
            " password.",
            advice="Write postgresql://USER:PASSWORD@HOST:5432/DATABASE, with characters such"
            " as @ and / in the password written as %40 and %2F.",
        ) from None
    if not _is_here(parameters):
        parameters |= _protected(parameters, place)
    defaults = {**_WAIT, "application_name": "keyplan"}
    return Target({**defaults, **parameters}, settings.schema_name, settings.stack)


def _named(place: Place) -> str:
    return f"the variable {place.env}" if place.env else f"the file {place.file}"


def _address(place: Place, target: str, stack: Path, environment: Mapping[str, str]) -> str:
    if place.env and environment.get(place.env):
        return environment[place.env]
    path = str(stack / place.file) if place.file else ""
    try:
        return os.fsdecode(SecretReference(env=place.env, file=path).resolve().reveal())
    except KeyplanError as error:
        raise StoreError(error.what, target=target, advice=error.advice) from None


def _is_here(parameters: Mapping[str, Any]) -> bool:
    """Whether every server that libpq may try is on this machine.

    It takes what the address leaves out from the environment, or from a service file, of
    which nothing is assumed.
    """
    if parameters.get("service") or os.environ.get("PGSERVICE"):
        return False
    hosts = str(parameters.get("host") or os.environ.get("PGHOST") or "")
    addresses = str(parameters.get("hostaddr") or os.environ.get("PGHOSTADDR") or "")
    found = [*hosts.split(","), *addresses.split(",")] if addresses else hosts.split(",")
    return all(_is_loopback(host.strip()) for host in found)


def _is_loopback(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):  # a socket of this machine
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _protected(parameters: Mapping[str, Any], place: str) -> dict[str, str]:
    mode = parameters.get("sslmode") or os.environ.get("PGSSLMODE") or "verify-full"
    if mode != "verify-full":
        raise StoreError(
            f"sslmode={mode} does not protect the connection to the database",
            target=place,
            why="The state says which keys exist, and whoever can change it decides what the"
            " next apply does. Only verify-full makes sure who answers.",
            advice="Take sslmode out of the address, or write sslmode=verify-full, and name the"
            " certificate authority: sslrootcert=/path/to/ca.pem, or sslrootcert=system.",
        )
    return {"sslmode": "verify-full", "gssencmode": "disable"}  # GSS would come before TLS
