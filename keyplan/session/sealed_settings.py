"""`keyplan.state.sealed`: what opens a sealed store, and the store with it.

sealed: {passphrase: {env: KEYPLAN_STATE_PASSPHRASE}}     # or {file: PATH}
sealed: {key_file: ~/.keyplan/state.key}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from keyplan.model.secrets import SecretReference
from keyplan.sdk.store import Store
from keyplan.session.high_water import HighWater
from keyplan.session.sealed import SealedStore
from keyplan.state.unlocking import Opener


class Passphrase(BaseModel):
    """Where the passphrase is: `{env: NAME}` or `{file: PATH}`, relative to the stack."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    env: str = ""
    file: str = Field(default="", pattern=r"^[^\x00]*$")

    @model_validator(mode="after")
    def _one_place(self) -> Passphrase:
        if bool(self.env) == bool(self.file):
            raise ValueError("write either {env: NAME} or {file: PATH}")
        return self


class SealedSettings(BaseModel):
    """Either a passphrase or a key file of 32 random bytes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    passphrase: Passphrase | None = None
    key_file: str = Field(default="", pattern=r"^[^\x00]*$")

    @model_validator(mode="after")
    def _one_secret(self) -> SealedSettings:
        if (self.passphrase is None) == (not self.key_file):
            raise ValueError("write either passphrase: {env: NAME} or key_file: PATH")
        return self


def opener(settings: SealedSettings, stack: Path, environment: Mapping[str, str]) -> Opener:
    """What the settings name; nothing is read yet. Paths are relative to the stack."""
    if settings.passphrase is None:
        return Opener(key_file=_path(settings.key_file, stack, environment))
    file = settings.passphrase.file
    reference = SecretReference(
        env=settings.passphrase.env, file=str(_path(file, stack, environment)) if file else ""
    )
    return Opener(reference, environment=environment)


def seal(
    store: Store, settings: SealedSettings, *, stack: Path, environment: Mapping[str, str]
) -> SealedStore:
    """The store, sealed. Nothing is read or derived before it is needed."""
    place = f"{stack.resolve()} {store.describe()}"
    marks = HighWater.of_machine(place, environment)
    return SealedStore(store, opener(settings, stack, environment), marks)


def _path(path: str, stack: Path, environment: Mapping[str, str]) -> Path:
    home = environment.get("HOME", "")
    if path.startswith("~/") and home:
        return Path(home, path[2:])
    return stack / path
