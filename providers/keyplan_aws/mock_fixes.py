"""Where moto is helped, so that trying keyplan out is quick and ends in an empty plan.

Rules: three things only, for this process only; where moto no longer has what is mended,
nothing is done. All else stays as moto does it, its laxity included.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import moto.kms.models
import moto.kms.responses
from moto.kms.exceptions import ValidationException
from moto.kms.utils import KeySpec


def mend_moto() -> None:
    """Mend it, once."""
    models: Any = moto.kms.models
    responses: Any = moto.kms.responses.KmsResponse
    if not hasattr(models, "generate_private_key") or getattr(models, "mended_by_keyplan", False):
        return
    models.mended_by_keyplan = True
    models.generate_private_key = _late(models.generate_private_key)
    responses.create_key = _saying_who(responses.create_key)
    responses.enable_key_rotation = _keeping_period(responses.enable_key_rotation)
    responses.get_key_rotation_status = _showing_period(responses.get_key_rotation_status)


class _LaterPrivateKey:
    """The key pair that moto gives to each key, made when something is signed with it."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make: Callable[[], Any] = make
        self._made: Any = None

    def _key(self) -> Any:
        self._made = self._made or self._make()
        return self._made

    def sign(self, *arguments: Any) -> Any:
        """As moto's."""
        return self._key().sign(*arguments)

    def verify(self, *arguments: Any) -> Any:
        """As moto's."""
        return self._key().verify(*arguments)

    def public_key(self) -> Any:
        """As moto's."""
        return self._key().public_key()


def _late(make: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make no RSA key for a symmetric key, which never signs: moto takes 40 ms for each."""

    def late(key_spec: str) -> Any:
        if key_spec == KeySpec.SYMMETRIC_DEFAULT or str(key_spec).startswith("HMAC_"):
            return _LaterPrivateKey(lambda: make(key_spec))
        return make(key_spec)

    return late


def _saying_who(create: Callable[[Any], str]) -> Callable[[Any], str]:
    """Say that it is moto which makes no such key: its words are AWS's."""

    def created(response: Any) -> str:
        try:
            return create(response)
        except ValidationException as error:
            raise ValidationException(
                f"{error.message}. This is moto, behind keyplan mock aws: AWS makes more kinds of"
                " keys than it does"
            ) from None

    return created


def _keeping_period(enable: Callable[[Any], str]) -> Callable[[Any], str]:
    """Keep the period of a rotation, which moto forgets: every plan would set it again."""

    def enabled(response: Any) -> str:
        answer = enable(response)
        _key_of(response).rotation_period = response._get_param("RotationPeriodInDays") or 365  # noqa: SLF001  (moto's way to its input)
        return answer

    return enabled


def _showing_period(status: Callable[[Any], str]) -> Callable[[Any], str]:
    def shown(response: Any) -> str:
        answer = json.loads(status(response))
        if answer.get("KeyRotationEnabled"):
            period = getattr(_key_of(response), "rotation_period", 365)
            answer = {"RotationPeriodInDays": period, **answer}
        return json.dumps(answer)

    return shown


def _key_of(response: Any) -> Any:
    backend = response.kms_backend
    return backend.keys[backend.get_key_id(response._get_param("KeyId"))]  # noqa: SLF001
