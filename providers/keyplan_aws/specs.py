"""Key specs and usages of AWS KMS, and keyplan's neutral names for them.

What can be created is what the installed botocore knows: its service model is read as
data, without importing botocore, so that `validate` loads no SDK. A spec for which the
language has no name yet is reported under its own and never created.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from keyplan.model.keys import Usage

SPECS: Mapping[str, str] = MappingProxyType(
    {
        "aes-256": "SYMMETRIC_DEFAULT",
        "hmac-sha224": "HMAC_224",
        "hmac-sha256": "HMAC_256",
        "hmac-sha384": "HMAC_384",
        "hmac-sha512": "HMAC_512",
        "rsa-2048": "RSA_2048",
        "rsa-3072": "RSA_3072",
        "rsa-4096": "RSA_4096",
        "ec-p256": "ECC_NIST_P256",
        "ec-p384": "ECC_NIST_P384",
        "ec-p521": "ECC_NIST_P521",
        "ec-secp256k1": "ECC_SECG_P256K1",
        "ed25519": "ECC_NIST_EDWARDS25519",
        "sm2": "SM2",
        "ml-dsa-44": "ML_DSA_44",
        "ml-dsa-65": "ML_DSA_65",
        "ml-dsa-87": "ML_DSA_87",
        "ml-kem-512": "ML_KEM_512",
        "ml-kem-768": "ML_KEM_768",
        "ml-kem-1024": "ML_KEM_1024",
    }
)
"""The KeySpec of each neutral algorithm. SM2 is for the Regions of China alone."""

_ALGORITHMS = {spec: name for name, spec in SPECS.items()}

KEY_USAGES: Mapping[str, str] = MappingProxyType(
    {
        Usage.ENCRYPT.value: "ENCRYPT_DECRYPT",
        Usage.WRAP.value: "ENCRYPT_DECRYPT",
        Usage.SIGN.value: "SIGN_VERIFY",
        Usage.MAC.value: "GENERATE_VERIFY_MAC",
        Usage.AGREE.value: "KEY_AGREEMENT",
        Usage.ENCAPSULATE.value: "ENCAPSULATE_DECAPSULATE",
    }
)
"""The KeyUsage of each neutral usage; AWS derives no keys."""

_ENCRYPT = frozenset({Usage.ENCRYPT, Usage.WRAP})
_SIGN = frozenset({Usage.SIGN})
_USAGES: Mapping[str, frozenset[Usage]] = MappingProxyType(
    {
        "SYMMETRIC_DEFAULT": _ENCRYPT,
        "HMAC_224": frozenset({Usage.MAC}),
        "HMAC_256": frozenset({Usage.MAC}),
        "HMAC_384": frozenset({Usage.MAC}),
        "HMAC_512": frozenset({Usage.MAC}),
        "RSA_2048": _ENCRYPT | _SIGN,
        "RSA_3072": _ENCRYPT | _SIGN,
        "RSA_4096": _ENCRYPT | _SIGN,
        "ECC_NIST_P256": _SIGN | {Usage.AGREE},
        "ECC_NIST_P384": _SIGN | {Usage.AGREE},
        "ECC_NIST_P521": _SIGN | {Usage.AGREE},
        "SM2": _SIGN | {Usage.AGREE, Usage.ENCRYPT},
        "ML_KEM_512": frozenset({Usage.ENCAPSULATE}),
        "ML_KEM_768": frozenset({Usage.ENCAPSULATE}),
        "ML_KEM_1024": frozenset({Usage.ENCAPSULATE}),
    }
)
"""What a spec can be used for; specs that are not here sign."""


@lru_cache(maxsize=1)
def known_specs() -> frozenset[str]:
    """The KeySpecs of the installed botocore; every spec with a neutral name if there is none."""
    found = find_spec("botocore")
    if found is None or found.origin is None:
        return frozenset(SPECS.values())
    model = Path(found.origin).parent / "data" / "kms" / "2014-11-01" / "service-2.json"
    packed = model.with_suffix(".json.gz")
    text = gzip.decompress(packed.read_bytes()) if packed.is_file() else model.read_bytes()
    return frozenset(json.loads(text)["shapes"]["KeySpec"]["enum"])


@lru_cache(maxsize=1)
def algorithms() -> Mapping[str, frozenset[Usage]]:
    """What each neutral algorithm can be used for, as far as the installed botocore knows it."""
    known = known_specs()
    return {name: _USAGES.get(spec, _SIGN) for name, spec in SPECS.items() if spec in known}


def algorithm_of(spec: str) -> str:
    """The neutral name of a KeySpec; its own, spelt the same way, where there is none."""
    return _ALGORITHMS.get(spec) or spec.lower().replace("_", "-")


def usage_of(key_usage: str) -> str:
    """The neutral usage of a key; one that wraps is, to AWS, one that encrypts."""
    return next((name for name, own in KEY_USAGES.items() if own == key_usage), key_usage.lower())
