"""What kinds of keys there are: specs, their usages, the algorithms of both.

The specs and the algorithms are those that the installed botocore knows.
"""

from __future__ import annotations

from botocore.session import get_session

MODEL = get_session().get_service_model("kms")


def _known(shape: str) -> list[str]:
    return list(MODEL.shape_for(shape).enum) if shape in MODEL.shape_names else []


SPECS = tuple(_known("KeySpec"))
SYMMETRIC = "SYMMETRIC_DEFAULT"

_FIELD = {
    "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
    "SIGN_VERIFY": "SigningAlgorithms",
    "GENERATE_VERIFY_MAC": "MacAlgorithms",
    "KEY_AGREEMENT": "KeyAgreementAlgorithms",
    "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
}

_CURVE_HASH = {
    "ECC_NIST_P256": "ECDSA_SHA_256",
    "ECC_NIST_P384": "ECDSA_SHA_384",
    "ECC_NIST_P521": "ECDSA_SHA_512",
    "ECC_SECG_P256K1": "ECDSA_SHA_256",
}


def family(spec: str) -> str:
    """Symmetric, MAC or asymmetric: what an alias cannot move between."""
    if spec == SYMMETRIC:
        return "symmetric"
    return "hmac" if spec.startswith("HMAC_") else "asymmetric"


def usages(spec: str) -> dict[str, list[str]]:
    """The usages of a spec, each with its algorithms."""
    if spec == SYMMETRIC:
        return {"ENCRYPT_DECRYPT": [SYMMETRIC]}
    if spec.startswith("HMAC_"):
        return {"GENERATE_VERIFY_MAC": [spec.replace("HMAC_", "HMAC_SHA_")]}
    if spec.startswith("RSA_"):
        return {
            "ENCRYPT_DECRYPT": _starting("EncryptionAlgorithmSpec", "RSAES_"),
            "SIGN_VERIFY": _starting("SigningAlgorithmSpec", "RSASSA_"),
        }
    if spec == "ECC_NIST_EDWARDS25519":
        return {"SIGN_VERIFY": _starting("SigningAlgorithmSpec", "ED25519")}
    if spec.startswith("ECC_"):
        signs = {"SIGN_VERIFY": [_CURVE_HASH[spec]]}
        return signs if "SECG" in spec else signs | {"KEY_AGREEMENT": ["ECDH"]}
    if spec.startswith("ML_DSA_"):
        return {"SIGN_VERIFY": _starting("SigningAlgorithmSpec", "ML_DSA")}
    if spec.startswith("ML_KEM_"):
        return {"ENCAPSULATE_DECAPSULATE": _starting("EncapsulationAlgorithmSpec", "ML_KEM")}
    return {
        "ENCRYPT_DECRYPT": ["SM2PKE"],
        "SIGN_VERIFY": ["SM2DSA"],
        "KEY_AGREEMENT": ["ECDH"],
    }


def algorithms(spec: str, usage: str) -> dict[str, list[str]]:
    """The field of `DescribeKey` that lists the algorithms, with them."""
    return {_FIELD[usage]: usages(spec)[usage]}


def grantable(spec: str, usage: str) -> set[str]:
    """The operations that a grant on such a key may allow."""
    common = {"CreateGrant", "RetireGrant", "DescribeKey"}
    if usage == "GENERATE_VERIFY_MAC":
        return common | {"GenerateMac", "VerifyMac"}
    if usage == "SIGN_VERIFY":
        return common | {"Sign", "Verify", "GetPublicKey"}
    if usage == "KEY_AGREEMENT":
        return common | {"DeriveSharedSecret", "GetPublicKey"}
    if usage == "ENCAPSULATE_DECAPSULATE":
        return common | {"Encapsulate", "Decapsulate", "GetPublicKey"}
    cipher = common | {"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"}
    if spec != SYMMETRIC:
        return cipher | {"GetPublicKey"}
    return cipher | {
        name for name in _known("GrantOperation") if name.startswith("GenerateDataKey")
    }


def _starting(shape: str, prefix: str) -> list[str]:
    return [name for name in _known(shape) if name.startswith(prefix)]
