"""What the codes of providers and stores mean."""

from __future__ import annotations

PROVIDERS = {
    "KP-AWS-001": (
        "AWS has no such alias",
        (
            "Letters, digits and `: / _ -`, at most 250 of them, none that begins with `aws/`, and "
            "at most 50 for a key."
        ),
    ),
    "KP-AWS-002": (
        "The description is too long for AWS",
        "AWS KMS keeps 8192 characters.",
    ),
    "KP-AWS-003": (
        "A label cannot be a tag",
        (
            "Labels are tags in AWS: names of 1 to 128 and values of up to 256 characters, "
            "letters, digits, spaces and `_ . : / = + - @` only, not `aws:` nor `keyplan:`, 46 "
            "for a key."
        ),
    ),
    "KP-AWS-004": (
        "AWS does not rotate like this",
        (
            "Only aes-256 keys rotate by themselves, every 90 to 2560 days; older versions are "
            "kept for ever, so that there is no `overlap` and no `keep`."
        ),
    ),
    "KP-AWS-005": (
        "AWS counts deletion windows in whole days",
        "Write `window: 7d` to `30d`.",
    ),
    "KP-AWS-006": (
        "AWS cannot give a grant like this",
        (
            "A grant of AWS has one principal, operations that use the key or describe it, at "
            "most 8 pairs of context, and a name of letters, digits and `: _ -`."
        ),
    ),
    "KP-AWS-007": (
        "keyplan makes no keys with material outside AWS",
        (
            "Keys of custom key stores and with imported material are observed and protected: make "
            "them with AWS's tools, import them, and write `lifecycle: {manage: observe}`."
        ),
    ),
    "KP-AWS-008": (
        "Material never leaves AWS KMS",
        "Remove `exportable`, or write `exportable: false`.",
    ),
    "KP-HSM-001": (
        "A key pair cannot be derived",
        "The HSM emulator derives octets: AES and HMAC keys.",
    ),
    "KP-HSM-002": (
        "A symmetric key has nothing to certify",
        "`relation: signs` makes a certificate over a public key.",
    ),
    "KP-HSM-003": (
        "A certificate needs a parent that signs",
        "The parent is the authority that issues it.",
    ),
    "KP-HSM-004": (
        "The profile of a certificate cannot be used",
        (
            "The subject is no distinguished name, the validity no duration, or a usage is none of "
            "RFC 5280 that the emulator knows."
        ),
    ),
    "KP-HSM-005": (
        "The HSM emulator keeps every key itself",
        "It has no external key manager, so `protection: external` cannot be had.",
    ),
    "KP-KPOL-001": (
        "A key policy is too long",
        "KMS takes 32,768 bytes; from 80 % on it is a warning.",
    ),
    "KP-KPOL-002": (
        "A key policy holds a character that KMS refuses",
        "KMS takes tab, line feed, carriage return and the printable characters of Latin-1.",
    ),
    "KP-KPOL-004": (
        "A key policy cannot be repaired, or only by principals that can be deleted",
        (
            "Without the account, a key is lost to everybody when the principals that administer "
            "it are deleted; only AWS Support can help then."
        ),
    ),
    "KP-KPOL-006": (
        "An allow with NotPrincipal",
        "It allows everybody else, in every account.",
    ),
    "KP-KPOL-007": (
        "Everybody in every account is allowed",
        (
            "`principals: any` names everybody there is. A condition counts if it fails for "
            "strangers: account, organisation, network, ARN, without wildcards."
        ),
    ),
    "KP-KPOL-008": (
        "A key policy names what there is not, or can never match",
        (
            "An action, an operator or a condition key is unknown, or the action has no such key:"
            " AWS refuses the policy, or that part never applies."
        ),
    ),
    "KP-KPOL-009": (
        "ForAllValues on a key with one value",
        "It holds where the key is missing; on the encryption context KMS refuses it.",
    ),
    "KP-KPOL-010": (
        "ForAllValues without a test that the key is there",
        "It holds where the key is missing.",
    ),
    "KP-KPOL-011": (
        "A deny without a second factor spares long-term keys",
        "Their calls do not say whether there was a second factor, and `Bool` then does not match.",
    ),
    "KP-KPOL-012": (
        "A key policy names a principal that is deleted",
        (
            "AWS shows the unique id (`AROA...`, `AIDA...`) of a role or user that is gone; a new"
            " one of the same name is not it."
        ),
    ),
    "KP-KPOL-015": (
        "One principal can both set the policy and use the key",
        "Separation of duties: who decides about access should not have it.",
    ),
    "KP-KPOL-016": (
        "A principal may grant every use of the key",
        "`kms:CreateGrant` from a policy lets it grant any operation to anybody.",
    ),
    "KP-KPOL-017": (
        "A service may use the key for anybody",
        "Without the source, a service can be made to act for somebody else's resources.",
    ),
    "KP-KPOL-018": (
        "A principal of another account, without a limit",
        "Nothing says which organisation it must belong to, where it comes from, or when it ends.",
    ),
    "KP-KPOL-019": (
        "A live key policy cannot be read",
        (
            "It is no JSON, or has an element that keyplan does not know. It is kept word for word;"
            " what it allows is unknown, so it is drift wherever a policy is declared."
        ),
    ),
    "KP-PROV-001": (
        "A provider's setting cannot be used",
        (
            "The provider's own model refuses it when it is opened. The value is not repeated: it "
            "might be a secret."
        ),
    ),
    "KP-STORE-001": (
        "There is no such store",
        "`keyplan.state` names a store that no installed distribution brings.",
    ),
    "KP-STORE-002": (
        "A store's setting cannot be used",
        "The store's own model refuses it.",
    ),
}
"""Title and reason of each."""
