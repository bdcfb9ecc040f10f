"""What applications do with keys: round trips, what is bound to what, and what never leaves."""

from __future__ import annotations

import os
import sqlite3

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from keyplan.errors import DeniedError, NotFoundError, RejectedError
from keyplan.model.keys import Usage
from keyplan.model.operations import CreateAlias, RotateKey
from keyplan_hsm import cipher
from keyplan_hsm.manifest import algorithms
from keyplan_hsm.wrapping import rsa_unwrap
from tests.unit.hsm.bench import APP, Bench, key, policy


def offered(usage: Usage) -> list[str]:
    """Algorithms for a usage; of RSA, which is slow to make, the smallest."""
    names = [name for name, usages in algorithms().items() if usage in usages]
    return [name for name in names if name not in ("rsa-3072", "rsa-4096")]


@pytest.mark.parametrize("algorithm", offered(Usage.ENCRYPT))
def test_what_was_encrypted_is_decrypted_in_the_same_context_only(
    hsm: Bench, algorithm: str
) -> None:
    data = hsm.create("data", algorithm=algorithm)
    plane = hsm.plane()
    sealed = plane.encrypt(data, b"message", {"tenant": "acme"})
    assert b"message" not in sealed
    assert plane.encrypt(data, b"message", {"tenant": "acme"}) != sealed
    assert plane.decrypt(data, sealed, {"tenant": "acme"}) == b"message"
    for context in ({"tenant": "globex"}, {}, {"tenant": "acme", "more": "x"}):
        with pytest.raises(RejectedError, match="does not open"):
            plane.decrypt(data, sealed, context)


@pytest.mark.parametrize("algorithm", offered(Usage.SIGN))
def test_what_was_signed_is_verified_also_after_rotation(hsm: Bench, algorithm: str) -> None:
    signer = hsm.create("signer", "sign", algorithm)
    plane = hsm.plane()
    signature = plane.sign(signer, b"message")
    old_public = plane.public_key(signer)
    hsm.do(RotateKey(key("signer"), 2))
    assert plane.public_key(signer) != old_public
    assert hsm.read("signer").attributes["public_key"] == plane.public_key(signer)
    assert plane.verify(signer, b"message", signature)
    assert plane.verify(signer, b"message", plane.sign(signer, b"message"))
    assert not plane.verify(signer, b"another", signature)
    assert not plane.verify(signer, b"message", b"nonsense")


def test_a_signature_is_checked_outside_with_the_public_key(hsm: Bench) -> None:
    signer = hsm.create("signer", "sign", "ed25519")
    signature = hsm.plane().sign(signer, b"message")
    load_pem_public_key(hsm.plane().public_key(signer).encode()).verify(signature, b"message")


@pytest.mark.parametrize("algorithm", offered(Usage.MAC))
def test_a_mac_is_verified_also_after_rotation(hsm: Bench, algorithm: str) -> None:
    mac = hsm.create("mac", "mac", algorithm)
    plane = hsm.plane()
    tag = plane.mac(mac, b"message")
    assert len(tag) * 8 == int(algorithm[-3:])
    hsm.do(RotateKey(key("mac"), 2))
    assert plane.mac(mac, b"message") != tag
    assert plane.verify_mac(mac, b"message", tag)
    assert not plane.verify_mac(mac, b"another", tag)


@pytest.mark.parametrize("algorithm", offered(Usage.WRAP))
def test_an_applications_key_is_wrapped_and_unwrapped_in_its_context(
    hsm: Bench, algorithm: str
) -> None:
    wrapper = hsm.create("wrapper", "wrap", algorithm)
    plane, own = hsm.plane(), os.urandom(37)
    wrapped = plane.wrap(wrapper, own, {"tenant": "acme"})
    hsm.do(RotateKey(key("wrapper"), 2))
    assert plane.unwrap(wrapper, wrapped, {"tenant": "acme"}) == own
    with pytest.raises(RejectedError, match="does not open"):
        plane.unwrap(wrapper, wrapped, {"tenant": "globex"})
    for size in (0, 65_537):
        with pytest.raises(RejectedError):
            plane.wrap(wrapper, bytes(size))


@pytest.mark.parametrize("algorithm", offered(Usage.DERIVE))
def test_deriving_is_repeatable_and_distinct_by_label_context_and_version(
    hsm: Bench, algorithm: str
) -> None:
    hsm.create("base", "derive", algorithm)
    hsm.create("wrapper", "wrap")
    base, wrapper = hsm.bind[key("base")], hsm.bind[key("wrapper")]
    plane = hsm.plane()

    def derived(label: str = "a", tenant: str = "acme", version: int | None = None) -> bytes:
        context = {"tenant": tenant}
        blob = plane.derive(base, under=wrapper, label=label, context=context, version=version)
        return plane.unwrap(wrapper, blob, context)

    first = derived()
    assert len(first) == 32
    assert derived() == first
    assert len({first, derived(label="b"), derived(tenant="globex")}) == 3
    hsm.do(RotateKey(key("base"), 2))
    assert derived() != first
    assert derived(version=1) == first
    with pytest.raises(RejectedError):
        derived(version=3)
    with pytest.raises(RejectedError):
        plane.derive(base, under=wrapper, length=0)


def test_deriving_needs_the_right_on_both_keys(hsm: Bench) -> None:
    hsm.create("base", "derive", policy=policy({"operations": ["derive"]}))
    hsm.create("wrapper", "wrap", policy=policy({"operations": ["unwrap"]}))
    base, wrapper = hsm.bind[key("base")], hsm.bind[key("wrapper")]
    with pytest.raises(DeniedError) as refused:
        hsm.plane(APP).derive(base, under=wrapper)
    assert refused.value.target == wrapper
    with pytest.raises(RejectedError, match="does not wrap"):
        hsm.plane(APP).derive(base, under=base)


def test_a_key_has_one_usage(hsm: Bench) -> None:
    data = hsm.create("data")
    for use in (hsm.plane().wrap, hsm.plane().sign, hsm.plane().mac):
        with pytest.raises(RejectedError, match="a key for encrypt does not"):
            use(data, b"x")


def test_keys_are_named_by_id_or_alias(hsm: Bench) -> None:
    data = hsm.create("data")
    hsm.do(CreateAlias(key("data"), "acme/data"))
    sealed = hsm.plane().encrypt("acme/data", b"x")
    assert hsm.plane().decrypt(data, sealed) == b"x"
    with pytest.raises(NotFoundError):
        hsm.plane().encrypt("nobody", b"x")


def test_a_ciphertext_says_who_made_it_and_cannot_be_passed_off(hsm: Bench) -> None:
    one, two = hsm.create("one"), hsm.create("two")
    wrapper = hsm.create("wrapper", "wrap")
    plane = hsm.plane()
    sealed = plane.encrypt(one, b"x")
    with pytest.raises(RejectedError, match="another key") as refused:
        plane.decrypt(two, sealed)
    assert one in refused.value.advice
    forged = sealed[:5] + bytes.fromhex(two[3:]) + sealed[13:]
    with pytest.raises(RejectedError, match="does not open"):
        plane.decrypt(two, forged)
    with pytest.raises(RejectedError, match="another operation"):
        plane.unwrap(wrapper, sealed[:5] + bytes.fromhex(wrapper[3:]) + sealed[13:])
    for nonsense in (b"", b"KPH1", os.urandom(64)):
        with pytest.raises(RejectedError, match="not made by"):
            plane.decrypt(one, nonsense)


def test_a_plaintext_too_long_for_rsa_is_refused(hsm: Bench) -> None:
    data = hsm.create("data", algorithm="rsa-2048")
    with pytest.raises(RejectedError, match="too many"):
        hsm.plane().encrypt(data, bytes(300))


def test_a_version_does_not_encrypt_for_ever(hsm: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cipher, "GCM_INVOCATIONS", 3)
    data = hsm.create("data")
    for _ in range(3):
        hsm.plane().encrypt(data, b"x")
    with pytest.raises(RejectedError, match="2\\^32"):
        hsm.plane().encrypt(data, b"x")
    hsm.do(RotateKey(key("data"), 2))
    assert hsm.plane().encrypt(data, b"x")


# -- what leaves -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recipient() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


def pem(private: rsa.RSAPrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_an_exportable_key_leaves_wrapped_for_its_recipient(
    hsm: Bench, recipient: rsa.RSAPrivateKey
) -> None:
    data = hsm.create("data", exportable=True)
    sealed = hsm.plane().encrypt(data, b"message", {"t": "a"})
    material = rsa_unwrap(recipient, hsm.plane().export(data, pem(recipient)))
    head, iv, body = sealed[:17], sealed[17:29], sealed[29:]
    assert AESGCM(material).decrypt(iv, body, head + b'{"t":"a"}') == b"message"


def test_an_exported_mac_key_is_the_key(hsm: Bench, recipient: rsa.RSAPrivateKey) -> None:
    mac = hsm.create("mac", "mac", "hmac-sha256", exportable=True)
    material = rsa_unwrap(recipient, hsm.plane().export(mac, pem(recipient)))
    reference = HMAC(material, SHA256())
    reference.update(b"message")
    assert hsm.plane().mac(mac, b"message") == reference.finalize()


def test_a_key_that_is_not_exportable_never_leaves(
    hsm: Bench, recipient: rsa.RSAPrivateKey
) -> None:
    data = hsm.create("data")
    with pytest.raises(RejectedError, match="not exportable"):
        hsm.plane().export(data, pem(recipient))


def test_exporting_takes_the_right_to(hsm: Bench, recipient: rsa.RSAPrivateKey) -> None:
    data = hsm.create("data", exportable=True, policy=policy({"operations": ["decrypt"]}))
    with pytest.raises(DeniedError):
        hsm.plane(APP).export(data, pem(recipient))


def test_a_weak_or_wrong_recipient_is_refused(hsm: Bench) -> None:
    data = hsm.create("data", exportable=True)
    weak = pem(rsa.generate_private_key(65537, 2048))
    for bad in (
        weak,
        b"not a key",
        hsm.plane().public_key(hsm.create("s", "sign", "ed25519")).encode(),
    ):
        with pytest.raises(RejectedError, match="recipient"):
            hsm.plane().export(data, bad)


def test_unwrap_never_opens_a_key_of_the_hsm(hsm: Bench) -> None:
    top = hsm.create("top", "wrap")
    child = hsm.create("child", parent="top")
    with hsm.device.reading() as rows:
        assert rows is not None
        row = rows.material(child, 1)
    assert row is not None
    assert row.wrapped is not None
    own = hsm.plane().wrap(top, bytes(32))
    with pytest.raises(RejectedError, match="does not open"):
        hsm.plane().unwrap(top, own[:17] + row.wrapped)


def test_stored_material_that_was_moved_to_another_key_does_not_open(hsm: Bench) -> None:
    hsm.create("top", "wrap")
    one, two = hsm.create("one", parent="top"), hsm.create("two", parent="top")
    hsm.provider.close()
    with sqlite3.connect(hsm.store) as connection:
        connection.execute(
            "UPDATE material SET wrapped = (SELECT wrapped FROM material WHERE key_id = ?) "
            "WHERE key_id = ?",
            (one, two),
        )
    connection.close()
    hsm.later(minutes=1)
    with pytest.raises(RejectedError, match="does not open") as refused:
        hsm.plane().encrypt(two, b"x")
    assert "altered" in refused.value.why
