"""X.509 certificates: what `relation: signs` means here.

The parent signs a certificate (RFC 5280) over the public key of one version of the
child. Its issuer is the subject of the parent's own certificate, or the parent's id
within this HSM where it has none. RSA parents sign with PSS (RFC 8017).

Rules: profiles name usages from a closed list; a certificate is public, and kept beside
the version it certifies. Issuing the same profile again does nothing until half of the
certificate's life is over: then it is a renewal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyplan.errors import RejectedError
from keyplan.model.canonical import canonical_json
from keyplan.model.timing import parse_duration
from keyplan.model.values import Value
from keyplan_hsm.attributes import canonical
from keyplan_hsm.device import Session
from keyplan_hsm.material import private_key, signature_digest
from keyplan_hsm.records import KeyRecord
from keyplan_hsm.rows import Rows

EXTENDED = {
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "time_stamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}
"""Extended key usages (RFC 5280 §4.2.1.12)."""

BASIC = frozenset({"digital_signature", "content_commitment", "cert_sign", "crl_sign"})
"""Key usages (RFC 5280 §4.2.1.3); `cert_sign` makes the certificate a CA's."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A `certificate` attribute, parsed."""

    subject: x509.Name
    usages: frozenset[str]
    document: dict[str, Value]

    @classmethod
    def parse(cls, document: Mapping[str, Value]) -> Profile:
        """Raises `ValueError` that says what is wrong."""
        spelt: Any = canonical({"certificate": dict(document)})["certificate"]
        usages = frozenset(str(usage) for usage in spelt["usages"])
        unknown = usages - BASIC - EXTENDED.keys()
        if unknown:
            known = ", ".join(sorted(BASIC | EXTENDED.keys()))
            raise ValueError(f"no such usages: {', '.join(sorted(unknown))} (there are {known})")
        try:
            subject = x509.Name.from_rfc4514_string(str(spelt["subject"]))
        except ValueError:
            raise ValueError("the subject is not a name such as CN=release,O=Acme") from None
        return cls(subject, usages, spelt)


def issue(
    session: Session, key: KeyRecord, parent: KeyRecord, version: int, profile: Profile
) -> None:
    """Let the parent's current version certify a version of the key, unless it has already."""
    row = session.rows.material(key.id, version)
    if row is None:
        raise RejectedError(f"there is no version {version} to certify", target=key.id)
    issuer = parent.current.number
    certified = canonical_json(
        {"profile": profile.document, "parent": parent.id, "parent_version": issuer}
    )
    if row.certificate is not None and row.certified == certified:
        present = x509.load_der_x509_certificate(row.certificate)
        life = present.not_valid_after_utc - present.not_valid_before_utc
        if session.now < present.not_valid_before_utc + life / 2:
            return
    public = private_key(session.vault.material(session.rows, key, version)).public_key()
    signer = private_key(session.vault.material(session.rows, parent, issuer))
    certificate = _builder(session, parent, profile, session.now).public_key(public)
    certificate = certificate.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(public), critical=False
    ).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    pss = isinstance(signer, rsa.RSAPrivateKey)
    signed = certificate.sign(
        signer,
        signature_digest(parent.algorithm),
        rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        if pss
        else None,
    )
    session.rows.put_certificate(key.id, version, signed.public_bytes(Encoding.DER), certified)


def _builder(
    session: Session, parent: KeyRecord, profile: Profile, now: datetime
) -> x509.CertificateBuilder:
    begin = now.replace(microsecond=0)
    authority = "cert_sign" in profile.usages
    basic = profile.usages & BASIC or {"digital_signature"}
    builder = (
        x509.CertificateBuilder()
        .subject_name(profile.subject)
        .issuer_name(_issuer_name(session.rows, parent))
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + parse_duration(str(profile.document["valid"])))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature="digital_signature" in basic,
                content_commitment="content_commitment" in basic,
                key_cert_sign=authority,
                crl_sign="crl_sign" in basic,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    extended = [EXTENDED[usage] for usage in sorted(profile.usages & EXTENDED.keys())]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    return builder


def _issuer_name(rows: Rows, parent: KeyRecord) -> x509.Name:
    row = rows.material(parent.id, parent.current.number)
    if row is not None and row.certificate is not None:
        return x509.load_der_x509_certificate(row.certificate).subject
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "keyplan HSM emulator"),
            x509.NameAttribute(NameOID.COMMON_NAME, parent.id),
        ]
    )


def certificate_pem(rows: Rows, key: KeyRecord) -> str | None:
    """The certificate of the key's current version in PEM, if it has one."""
    row = rows.material(key.id, key.current.number)
    if row is None or row.certificate is None:
        return None
    return x509.load_der_x509_certificate(row.certificate).public_bytes(Encoding.PEM).decode()


def certified_profile(rows: Rows, key: KeyRecord, version: int) -> Value:
    """The profile by which a version was certified, or `None`."""
    row = rows.material(key.id, version)
    if row is None or row.certified is None:
        return None
    profile: Value = json.loads(row.certified)["profile"]
    return profile
