"""The data plane: what applications do with keys.

Every call is checked in this order, in one transaction with its audit record: the key's
usage, its state and its parents' (`rules`), then its policy and grants. What is not
allowed is refused; what is refused is recorded as well; data is never recorded.

Key material never leaves in clear: `derive` returns its result wrapped under a wrapping
key, `export` wraps for a recipient's public key, and only keys declared exportable.
Keys are named by id or alias. `context` is the encryption context: authenticated,
compared by policies, recorded, and not secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from keyplan.errors import RejectedError
from keyplan.model.canonical import canonical_json
from keyplan.model.keys import Family
from keyplan_hsm import cipher
from keyplan_hsm.audit import Call
from keyplan_hsm.blobs import Blob, Kind, bound, header, parse
from keyplan_hsm.certificates import certificate_pem
from keyplan_hsm.device import Device, Session
from keyplan_hsm.export import wrap_for_recipient
from keyplan_hsm.records import KeyRecord
from keyplan_hsm.tasks import (
    DECRYPT,
    DERIVE,
    ENCRYPT,
    EXPORT,
    MAC,
    PUBLIC_KEY,
    SIGN,
    UNWRAP,
    VERIFY,
    VERIFY_MAC,
    WRAP,
    Context,
    Task,
    accepted_materials,
    current,
    find,
    require,
    version_material,
)
from keyplan_hsm.vault import derive_octets
from keyplan_hsm.wrapping import Purpose

T = TypeVar("T")

MAX_DERIVED = 255 * 32
"""Octets; the limit of RFC 5869 for SHA-256."""

MAX_WRAPPED = 65_536
"""Octets of an application's key that is wrapped."""


class DataPlane:
    """One caller's view of an HSM. `actor` is who calls; the emulator takes their word for it.

    Every method raises `NotFoundError`, `RejectedError` (usage, state, input), or
    `DeniedError` (policy).
    """

    def __init__(self, device: Device, actor: str) -> None:
        self._device = device
        self._actor = actor

    def encrypt(self, key: str, plaintext: bytes, context: Context | None = None) -> bytes:
        """Encrypt under the current version: AES-GCM, or RSA-OAEP for short plaintexts."""

        def work(session: Session, record: KeyRecord) -> bytes:
            version, material = current(session, record)
            if record.algorithm.family is Family.RSA:
                head = header(Kind.RSA_OAEP, record.id, version)
                try:
                    body = cipher.rsa_encrypt(material, plaintext, bound(head, context or {}))
                except ValueError:
                    raise RejectedError(
                        f"{len(plaintext)} octets are too many for {record.algorithm.name}",
                        target=record.id,
                        advice="Encrypt them under a data key, and that under this key.",
                    ) from None
                return head + body
            if session.rows.count_use(record.id, version) > cipher.GCM_INVOCATIONS:
                raise RejectedError(
                    f"version {version} has encrypted 2^32 times and may not any more",
                    target=record.id,
                    why="SP 800-38D §8.3 limits AES-GCM with random IVs.",
                    advice="Rotate the key.",
                )
            head = header(Kind.AES_GCM, record.id, version)
            return head + cipher.gcm_encrypt(material, plaintext, bound(head, context or {}))

        return self._perform(ENCRYPT, key, context, work)

    def decrypt(self, key: str, ciphertext: bytes, context: Context | None = None) -> bytes:
        """The plaintext; the context must be the one that it was encrypted with."""

        def work(session: Session, record: KeyRecord) -> bytes:
            blob = parse(ciphertext, record.id, (Kind.AES_GCM, Kind.RSA_OAEP))
            material = version_material(session, record, blob.version)
            authenticated = bound(header(blob.kind, record.id, blob.version), context or {})
            decrypt = cipher.gcm_decrypt if blob.kind is Kind.AES_GCM else cipher.rsa_decrypt
            try:
                return decrypt(material, blob.body, authenticated)
            except ValueError:
                raise _not_opened(record, "ciphertext") from None

        return self._perform(DECRYPT, key, context, work)

    def sign(self, key: str, message: bytes, context: Context | None = None) -> bytes:
        """A signature by the current version, in the algorithm's usual encoding."""

        def work(session: Session, record: KeyRecord) -> bytes:
            _, material = current(session, record)
            return cipher.sign(record.algorithm, material, message)

        return self._perform(SIGN, key, context, work)

    def verify(
        self, key: str, message: bytes, signature: bytes, context: Context | None = None
    ) -> bool:
        """Whether a version that is still accepted made the signature."""

        def work(session: Session, record: KeyRecord) -> bool:
            return any(
                cipher.verify(record.algorithm, material, message, signature)
                for material in accepted_materials(session, record)
            )

        return self._perform(VERIFY, key, context, work)

    def mac(self, key: str, message: bytes, context: Context | None = None) -> bytes:
        """An HMAC by the current version."""

        def work(session: Session, record: KeyRecord) -> bytes:
            _, material = current(session, record)
            return cipher.mac(record.algorithm, material, message)

        return self._perform(MAC, key, context, work)

    def verify_mac(
        self, key: str, message: bytes, tag: bytes, context: Context | None = None
    ) -> bool:
        """Whether a version that is still accepted made the tag."""

        def work(session: Session, record: KeyRecord) -> bool:
            return any(
                cipher.verify_mac(record.algorithm, material, message, tag)
                for material in accepted_materials(session, record)
            )

        return self._perform(VERIFY_MAC, key, context, work)

    def wrap(self, key: str, data: bytes, context: Context | None = None) -> bytes:
        """Wrap an application's own key (1 octet to 64 KiB) under the current version."""
        if not 1 <= len(data) <= MAX_WRAPPED:
            raise RejectedError(f"a key of {len(data)} octets cannot be wrapped", target=key)

        def work(session: Session, record: KeyRecord) -> bytes:
            return _wrap(session, record, data, context or {})

        return self._perform(WRAP, key, context, work)

    def unwrap(self, key: str, wrapped: bytes, context: Context | None = None) -> bytes:
        """The application's key again; never a key of the HSM, which is wrapped otherwise."""

        def work(session: Session, record: KeyRecord) -> bytes:
            blob: Blob = parse(wrapped, record.id, (Kind.WRAPPED,))
            material = version_material(session, record, blob.version)
            authenticated = bound(header(blob.kind, record.id, blob.version), context or {})
            try:
                return cipher.unwrap_data(record.algorithm, material, blob.body, authenticated)
            except ValueError:
                raise _not_opened(record, "wrapped key") from None

        return self._perform(UNWRAP, key, context, work)

    def derive(
        self,
        key: str,
        *,
        under: str,
        label: str = "",
        context: Context | None = None,
        length: int = 32,
        version: int | None = None,
    ) -> bytes:
        """Derive `length` octets from label and context, wrapped under the key `under`.

        The same arguments give the same octets again, from the same `version` (the
        current one if it is not given). `unwrap` with `under` and the context opens them.
        """
        if not 1 <= length <= MAX_DERIVED:
            raise RejectedError(f"{length} octets cannot be derived", target=key)

        def work(session: Session, record: KeyRecord) -> bytes:
            wrapping = find(session.rows, under)
            require(session, wrapping, WRAP, self._actor, context)
            number = record.current.number if version is None else version
            material = version_material(session, record, number)
            info = canonical_json({"label": label, "context": dict(context or {})}).encode()
            octets = derive_octets(record.algorithm, material, Purpose.DERIVE_DATA, info, length)
            session.call.detail |= {"under": wrapping.id, "version": number}
            return _wrap(session, wrapping, octets, context or {})

        return self._perform(DERIVE, key, context, work)

    def export(self, key: str, recipient: bytes, context: Context | None = None) -> bytes:
        """An exportable key, wrapped for a recipient's RSA public key (PEM, 3072 bits or more).

        The result is that of CKM_RSA_AES_KEY_WRAP: symmetric keys as raw octets, key
        pairs as PKCS #8. Keys that are not exportable never leave.
        """

        def work(session: Session, record: KeyRecord) -> bytes:
            if record.attributes["exportable"] is not True:
                raise RejectedError(
                    "the key is not exportable",
                    target=record.id,
                    why="It was made to stay in the HSM.",
                    advice="`exportable: true` lets it leave, wrapped; that cannot be undone.",
                )
            _, material = current(session, record)
            return wrap_for_recipient(recipient, material)

        return self._perform(EXPORT, key, context, work)

    def public_key(self, key: str) -> str:
        """The public key of the current version, in PEM."""

        def work(_: Session, record: KeyRecord) -> str:
            return _pem(record, record.attributes["public_key"], "public key")

        return self._perform(PUBLIC_KEY, key, None, work)

    def certificate(self, key: str) -> str:
        """The certificate of the current version, in PEM."""

        def work(session: Session, record: KeyRecord) -> str:
            return _pem(record, certificate_pem(session.rows, record), "certificate")

        return self._perform(PUBLIC_KEY, key, None, work)

    def _perform(
        self,
        task: Task,
        key: str,
        context: Context | None,
        work: Callable[[Session, KeyRecord], T],
    ) -> T:
        call = Call(self._actor, task.operation, key)
        if context:
            call.detail["context"] = dict(context)

        def checked(session: Session) -> T:
            record = find(session.rows, key)
            session.call.key = record.id
            require(session, record, task, self._actor, context)
            result = work(session, record)
            if isinstance(result, bool):
                session.call.detail["valid"] = result
            return result

        return self._device.perform(call, checked)


def _wrap(session: Session, record: KeyRecord, data: bytes, context: Context) -> bytes:
    number, material = current(session, record)
    head = header(Kind.WRAPPED, record.id, number)
    return head + cipher.wrap_data(record.algorithm, material, data, bound(head, context))


def _not_opened(record: KeyRecord, what: str) -> RejectedError:
    return RejectedError(
        f"the {what} does not open with this key and context",
        target=record.id,
        why="It was altered, or the encryption context is another than when it was made.",
    )


def _pem(record: KeyRecord, pem: object, what: str) -> str:
    if not isinstance(pem, str):
        raise RejectedError(f"the key has no {what}", target=record.id)
    return pem
