"""Key derivation and wrapping give what the standards say they give."""

from __future__ import annotations

from itertools import combinations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from keyplan_hsm.wrapping import Purpose, hkdf, kbkdf_cmac, rsa_unwrap, rsa_wrap, unwrap, wrap

KEK = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")

A2_OUTPUT = (
    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb"
    "41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
)


@pytest.mark.parametrize(
    ("plain", "wrapped"),
    [
        (
            "c37b7e6492584340bed12207808941155068f738",
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
        ),
        ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
    ],
)
def test_key_wrap_matches_the_vectors_of_rfc_5649(plain: str, wrapped: str) -> None:
    assert wrap(KEK, bytes.fromhex(plain)).hex() == wrapped
    assert unwrap(KEK, bytes.fromhex(wrapped)).hex() == plain


def test_a_wrapped_key_opens_only_unaltered_and_under_its_own_key() -> None:
    wrapped = wrap(KEK, b"secret")
    with pytest.raises(ValueError, match="5649"):
        unwrap(bytes(24), wrapped)
    with pytest.raises(ValueError, match="5649"):
        unwrap(KEK, bytes([wrapped[0] ^ 1]) + wrapped[1:])


@pytest.mark.parametrize(
    ("key", "salt", "info", "output"),
    [
        (
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x50)).hex(),
            bytes(range(0x60, 0xB0)).hex(),
            bytes(range(0xB0, 0x100)).hex(),
            A2_OUTPUT,
        ),
        (
            "0b" * 22,
            "",
            "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
)
def test_hkdf_matches_the_vectors_of_rfc_5869(key: str, salt: str, info: str, output: str) -> None:
    derived = hkdf(
        bytes.fromhex(key),
        salt=bytes.fromhex(salt) or None,
        info=bytes.fromhex(info),
        length=len(output) // 2,
    )
    assert derived.hex() == output


def test_the_counter_kdf_is_the_construction_of_sp_800_108() -> None:
    key, label, context, length = bytes(range(32)), b"label", b"context", 40
    expected = b""
    for number in (1, 2, 3):
        prf = CMAC(algorithms.AES(key))
        prf.update(
            number.to_bytes(4, "big") + label + b"\0" + context + (length * 8).to_bytes(4, "big")
        )
        expected += prf.finalize()
    assert kbkdf_cmac(key, label=label, context=context, length=length) == expected[:length]


def test_no_two_purposes_share_a_derived_key() -> None:
    for one, other in combinations(Purpose, 2):
        assert not one.bind(b"").startswith(other.bind(b""))
        assert hkdf(KEK, info=one.bind(b"x"), length=32) != hkdf(
            KEK, info=other.bind(b"x"), length=32
        )


def test_rsa_key_wrap_opens_for_its_recipient_and_label_only() -> None:
    recipient = rsa.generate_private_key(65537, 2048)
    wrapped = rsa_wrap(recipient.public_key(), b"secret" * 100, b"label")
    assert rsa_unwrap(recipient, wrapped, b"label") == b"secret" * 100
    with pytest.raises(ValueError):
        rsa_unwrap(recipient, wrapped, b"another")
