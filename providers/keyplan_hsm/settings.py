"""The provider block of an emulated HSM, validated."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from keyplan.model.timing import parse_duration

DEFAULT_STORE = ".keyplan/hsm.db"
OFFICER = "hsm:security-officer"
"""Whoever can unlock the store: administers every key, and uses those without a policy."""


def _duration(text: str) -> str:
    parse_duration(text.removeprefix("-"))
    return text


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pin(_Strict):
    """Where the PIN is: `{env: NAME}` or `{file: PATH}`, relative to the stack."""

    env: str = ""
    file: str = Field(default="", pattern=r"^[^\x00]*$")

    @model_validator(mode="after")
    def _one_place(self) -> Pin:
        if bool(self.env) == bool(self.file):
            raise ValueError("write either {env: NAME} or {file: PATH}")
        return self


class Faults(_Strict):
    """Faults on request, for tests only. Counters start with each connection.

    `latency` is in seconds for every call; `throttle_every: 3` refuses every third
    operation before it is done; `lose_answer_every: 3` does every third and then loses
    the answer; `outage` refuses everything; `clock_offset` (`36h`, `-5m`) moves the
    HSM's clock. `operations` limits the middle three to operations of these names.
    """

    latency: float = Field(default=0.0, ge=0.0, le=60.0)
    throttle_every: int = Field(default=0, ge=0)
    fail_every: int = Field(default=0, ge=0)
    lose_answer_every: int = Field(default=0, ge=0)
    operations: tuple[str, ...] = ()
    outage: bool = False
    clock_offset: Annotated[str, AfterValidator(_duration)] = "0s"

    @property
    def offset(self) -> timedelta:
        """How far the HSM's clock is ahead of the true one."""
        offset = parse_duration(self.clock_offset.removeprefix("-"))
        return -offset if self.clock_offset.startswith("-") else offset


class HsmSettings(_Strict):
    """`provider: {hsm: {...}}`.

    `store` is the file, relative to the stack. Without `pin`, the store is unlocked by
    a file beside it, `<store>.unlock`. `identity` is who acts on keys; without it, the
    security officer does.
    """

    store: str = Field(default=DEFAULT_STORE, min_length=1, pattern=r"^[^\x00]+$")
    pin: Pin | None = None
    identity: str | None = Field(default=None, min_length=1)
    faults: Faults = Faults()
