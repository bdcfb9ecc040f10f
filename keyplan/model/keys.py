"""What a key is: tier, relation, usage, algorithm, protection, state.

Words and rules of NIST SP 800-57 Part 1 rev. 5: usages §5.2, security strengths
§5.6.1 Table 2, states and transitions §7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Tier(StrEnum):
    """A key's layer in the hierarchy, from the top down."""

    ROOT = "root"
    MASTER = "master"
    SERVICE = "service"
    DATA = "data"

    @property
    def depth(self) -> int:
        """0 for a root, 3 for a data key."""
        return _TIER_ORDER[self]


_TIER_ORDER = {Tier.ROOT: 0, Tier.MASTER: 1, Tier.SERVICE: 2, Tier.DATA: 3}


class Relation(StrEnum):
    """What a parent does for its child."""

    WRAPS = "wraps"
    DERIVES = "derives"
    SIGNS = "signs"
    GOVERNS = "governs"

    @property
    def protects_material(self) -> bool:
        """Whether the child is only as strong as the parent (SP 800-57 §5.6.2)."""
        return self is not Relation.GOVERNS


class Usage(StrEnum):
    """The one purpose of a key (SP 800-57 §5.2: a key has exactly one)."""

    ENCRYPT = "encrypt"
    SIGN = "sign"
    MAC = "mac"
    AGREE = "agree"
    WRAP = "wrap"
    DERIVE = "derive"
    ENCAPSULATE = "encapsulate"


class Protection(StrEnum):
    """The least protection the material must have, weakest first."""

    SOFTWARE = "software"
    HSM = "hsm"
    EXTERNAL = "external"


class KeyState(StrEnum):
    """States of SP 800-57 §7. A key pending deletion is `suspended` with a date of destruction."""

    PRE_ACTIVATION = "pre_activation"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"

    @property
    def may_apply(self) -> bool:
        """Whether new protection may be applied: encrypt, sign, wrap, derive."""
        return self is KeyState.ACTIVE

    @property
    def may_process(self) -> bool:
        """Whether existing protection may be processed: decrypt, verify, unwrap."""
        return self in (KeyState.ACTIVE, KeyState.DEACTIVATED)


TRANSITIONS: Mapping[KeyState, frozenset[KeyState]] = MappingProxyType(
    {
        KeyState.PRE_ACTIVATION: frozenset(
            {KeyState.ACTIVE, KeyState.COMPROMISED, KeyState.DESTROYED}
        ),
        KeyState.ACTIVE: frozenset(
            {KeyState.SUSPENDED, KeyState.DEACTIVATED, KeyState.COMPROMISED}
        ),
        KeyState.SUSPENDED: frozenset(
            {KeyState.ACTIVE, KeyState.DEACTIVATED, KeyState.COMPROMISED, KeyState.DESTROYED}
        ),
        KeyState.DEACTIVATED: frozenset({KeyState.COMPROMISED, KeyState.DESTROYED}),
        KeyState.COMPROMISED: frozenset({KeyState.DESTROYED}),
        KeyState.DESTROYED: frozenset(),
    }
)
"""Allowed transitions; only `active` and `suspended` lead back to each other.

Stricter than NIST in one place: an active key is suspended before it is destroyed,
so that nothing in use is ever destroyed in one step (LANGUAGE.md §8).
"""


class Family(StrEnum):
    """The mathematics behind an algorithm, as far as planning needs it."""

    AES = "aes"
    HMAC = "hmac"
    RSA = "rsa"
    EC = "ec"
    EDWARDS = "edwards"
    SM2 = "sm2"
    ML_DSA = "ml-dsa"
    ML_KEM = "ml-kem"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm. `strength` is in bits (SP 800-57 Table 2); `nist`: NIST approves it."""

    name: str
    family: Family
    strength: int
    usages: frozenset[Usage]
    nist: bool = True

    @property
    def symmetric(self) -> bool:
        """Whether there is one secret and no public key."""
        return self.family in (Family.AES, Family.HMAC)

    @property
    def quantum_vulnerable(self) -> bool:
        """Whether Shor's algorithm breaks it (NIST IR 8547)."""
        return self.family in (Family.RSA, Family.EC, Family.EDWARDS, Family.SM2)


def _algorithms() -> dict[str, Algorithm]:
    aes = frozenset({Usage.ENCRYPT, Usage.WRAP, Usage.DERIVE})
    mac = frozenset({Usage.MAC, Usage.DERIVE})
    rsa = frozenset({Usage.ENCRYPT, Usage.SIGN, Usage.WRAP})
    curve = frozenset({Usage.SIGN, Usage.AGREE})
    sign = frozenset({Usage.SIGN})
    kem = frozenset({Usage.ENCAPSULATE})
    rows = [
        Algorithm("aes-128", Family.AES, 128, aes),
        Algorithm("aes-256", Family.AES, 256, aes),
        Algorithm("hmac-sha224", Family.HMAC, 224, mac),
        Algorithm("hmac-sha256", Family.HMAC, 256, mac),
        Algorithm("hmac-sha384", Family.HMAC, 384, mac),
        Algorithm("hmac-sha512", Family.HMAC, 512, mac),
        Algorithm("rsa-2048", Family.RSA, 112, rsa),
        Algorithm("rsa-3072", Family.RSA, 128, rsa),
        Algorithm("rsa-4096", Family.RSA, 128, rsa),
        Algorithm("ec-p256", Family.EC, 128, curve),
        Algorithm("ec-p384", Family.EC, 192, curve),
        Algorithm("ec-p521", Family.EC, 256, curve),
        Algorithm("ec-secp256k1", Family.EC, 128, sign, nist=False),
        Algorithm("ed25519", Family.EDWARDS, 128, sign),
        Algorithm("sm2", Family.SM2, 128, curve | {Usage.ENCRYPT}, nist=False),
        Algorithm("ml-dsa-44", Family.ML_DSA, 128, sign),
        Algorithm("ml-dsa-65", Family.ML_DSA, 192, sign),
        Algorithm("ml-dsa-87", Family.ML_DSA, 256, sign),
        Algorithm("ml-kem-512", Family.ML_KEM, 128, kem),
        Algorithm("ml-kem-768", Family.ML_KEM, 192, kem),
        Algorithm("ml-kem-1024", Family.ML_KEM, 256, kem),
    ]
    return {row.name: row for row in rows}


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(_algorithms())
"""Every algorithm that the language knows, by name."""
