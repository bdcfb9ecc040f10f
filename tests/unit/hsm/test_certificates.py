"""`relation: signs`: the parent certifies the child's public key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from keyplan.errors import RejectedError
from keyplan.model.keys import Usage
from keyplan.model.operations import (
    ActivateVersion,
    IssueCertificate,
    RewrapKey,
    RotateKey,
)
from keyplan_hsm.manifest import algorithms
from tests.unit.hsm.bench import Bench, key

PROFILE: dict[str, Any] = {
    "subject": "CN=release,O=Acme",
    "valid": "398d",
    "usages": ["code_signing"],
}


def issue(
    hsm: Bench, name: str = "release", parent: str = "ca", version: int = 1, **profile: Any
) -> Any:
    return hsm.do(IssueCertificate(key(name), key(parent), PROFILE | profile, version))


def certificate(hsm: Bench, name: str = "release") -> x509.Certificate:
    return x509.load_pem_x509_certificate(hsm.plane().certificate(hsm.bind[key(name)]).encode())


def family(hsm: Bench, authority: str = "ed25519") -> None:
    hsm.create("ca", "sign", authority)
    hsm.create("release", "sign", "ec-p256", parent="ca", relation="signs")


@pytest.mark.parametrize(
    "authority",
    [name for name, usages in algorithms().items() if Usage.SIGN in usages and name[-4:] != "4096"],
)
def test_the_certificate_is_signed_by_the_parent(hsm: Bench, authority: str) -> None:
    family(hsm, authority)
    observation = issue(hsm)
    assert observation.attributes["certificate"] == PROFILE
    issued = certificate(hsm)
    public = load_pem_public_key(hsm.plane().public_key(hsm.bind[key("ca")]).encode())
    assert issued.issuer.rfc4514_string().startswith(f"CN={hsm.bind[key('ca')]}")
    verify_signature(issued, public)


def verify_signature(issued: x509.Certificate, public: Any) -> None:
    signed, signature = issued.tbs_certificate_bytes, issued.signature
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(
            signature,
            signed,
            issued.signature_algorithm_parameters,
            issued.signature_hash_algorithm,
        )
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, signed, issued.signature_algorithm_parameters)
    else:
        public.verify(signature, signed)


def test_the_certificate_says_what_the_profile_says(hsm: Bench) -> None:
    family(hsm)
    issue(hsm, usages=["digital_signature", "code_signing", "time_stamping"])
    issued = certificate(hsm)
    assert issued.subject.rfc4514_string() == "CN=release,O=Acme"
    assert issued.not_valid_after_utc - issued.not_valid_before_utc == timedelta(days=398)
    usage = issued.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_cert_sign) == (True, False)
    extended = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(extended) == {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING}
    assert not issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_certificates_chain_from_authority_to_authority(hsm: Bench) -> None:
    hsm.create("root", "sign", "ec-p384")
    hsm.create("ca", "sign", "ec-p256", parent="root", relation="signs")
    hsm.create("release", "sign", "ed25519", parent="ca", relation="signs")
    issue(hsm, "ca", "root", subject="CN=ca", usages=["cert_sign"])
    issue(hsm)
    authority, leaf = certificate(hsm, "ca"), certificate(hsm)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    leaf.verify_directly_issued_by(authority)


def test_issuing_again_does_nothing_until_half_of_its_life_is_over(hsm: Bench) -> None:
    family(hsm)
    issue(hsm)
    first = certificate(hsm).serial_number
    hsm.later(days=190)
    issue(hsm)
    assert certificate(hsm).serial_number == first
    hsm.later(days=200)
    issue(hsm)
    assert certificate(hsm).serial_number != first


def test_another_profile_is_another_certificate(hsm: Bench) -> None:
    family(hsm)
    issue(hsm)
    changed = issue(hsm, valid="30d")
    assert changed.attributes["certificate"]["valid"] == "30d"
    assert certificate(hsm).not_valid_after_utc < hsm.device.clock() + timedelta(days=31)


def test_a_new_version_has_no_certificate_until_one_is_issued(hsm: Bench) -> None:
    family(hsm)
    issue(hsm)
    old = certificate(hsm)
    assert hsm.do(RotateKey(key("release"), 2)).attributes["certificate"] is None
    with pytest.raises(RejectedError, match="no certificate"):
        certificate(hsm)
    assert issue(hsm, version=2).attributes["certificate"] == PROFILE
    assert certificate(hsm).public_key() != old.public_key()
    back = hsm.do(ActivateVersion(key("release"), 2, 1))
    assert back.attributes["certificate"] == PROFILE
    assert certificate(hsm) == old


def test_another_authority_takes_over_by_certifying(hsm: Bench) -> None:
    family(hsm)
    issue(hsm)
    hsm.create("ca2", "sign", "ed25519")
    moved = issue(hsm, parent="ca2")
    assert moved.attributes["parent"] == hsm.bind[key("ca2")]
    with pytest.raises(RejectedError, match="not rewrapped"):
        hsm.do(RewrapKey(key("release"), key("ca2"), key("ca")))


def test_a_suspended_authority_certifies_nothing(hsm: Bench) -> None:
    family(hsm)
    hsm.become("ca", "suspended")
    with pytest.raises(RejectedError):
        issue(hsm)


@pytest.mark.parametrize(
    "profile", [{"subject": "release"}, {"usages": ["everything"]}, {"valid": "long"}]
)
def test_a_profile_that_means_nothing_is_refused(hsm: Bench, profile: dict[str, Any]) -> None:
    family(hsm)
    with pytest.raises(RejectedError, match="profile"):
        issue(hsm, **profile)


def test_only_a_key_that_its_parent_signs_is_certified(hsm: Bench) -> None:
    hsm.create("ca", "sign", "ed25519")
    hsm.create("governed", "sign", "ed25519", parent="ca", relation="governs")
    with pytest.raises(RejectedError, match="whose parent signs"):
        issue(hsm, "governed")
    with pytest.raises(RejectedError, match="no public key"):
        hsm.create("data", parent="ca", relation="signs")
