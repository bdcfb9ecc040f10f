"""The exact IAM actions that plan, apply and drift need, and why. The docs' table is made of it."""

from __future__ import annotations

from keyplan.sdk.provider import Permission

_READ = ("plan", "drift", "apply")
_WRITE = ("apply",)


def permissions() -> tuple[Permission, ...]:
    """Every action that keyplan calls; nothing else is ever needed."""
    return _reading() + _writing()


def _reading() -> tuple[Permission, ...]:
    return (
        Permission("sts:GetCallerIdentity", _READ, "names account and principal; always allowed"),
        Permission("kms:DescribeKey", _READ, "state, kind and deletion date of a key: required"),
        Permission(
            "kms:GetKeyPolicy", _READ, "without it the policy is unreadable", reads=("policy",)
        ),
        Permission(
            "kms:GetKeyRotationStatus",
            _READ,
            "without it rotation is unreadable",
            reads=("rotation",),
        ),
        Permission("kms:ListGrants", _READ, "without it grants are unreadable", reads=("grants",)),
        Permission(
            "kms:ListAliases", _READ, "without it aliases are unreadable", reads=("aliases",)
        ),
        Permission(
            "kms:ListResourceTags",
            _READ,
            "without it labels and the owner are unreadable",
            reads=("labels", "owner"),
        ),
        Permission(
            "kms:ListKeyRotations", _READ, "counts the on-demand rotations that keyplan made"
        ),
        Permission(
            "kms:ListKeys", ("apply", "drift"), "lists keys, and finds one whose answer was lost"
        ),
        Permission(
            "tag:GetResources",
            _READ,
            "reads the tags of a hundred keys at once, and finds a key by its token; without"
            " it each key costs one call more, and each create lists all keys",
        ),
    )


def _writing() -> tuple[Permission, ...]:
    return (
        Permission(
            "iam:GetRole",
            _WRITE,
            "records whom the policy of a changed key means, to say later whose id is left of a"
            " deleted role; optional",
        ),
        Permission("iam:GetUser", _WRITE, "the same for users; optional"),
        Permission("kms:CreateKey", _WRITE, "makes a key"),
        Permission("kms:TagResource", _WRITE, "marks a key when it is made; sets labels"),
        Permission("kms:UntagResource", _WRITE, "removes labels, and the mark of a key let go"),
        Permission("kms:UpdateKeyDescription", _WRITE, "sets the description"),
        Permission("kms:PutKeyPolicy", _WRITE, "sets the policy, also of a new key"),
        Permission("kms:EnableKey", _WRITE, "`state: active`"),
        Permission("kms:DisableKey", _WRITE, "`state: suspended` and `compromised`; rollback"),
        Permission("kms:EnableKeyRotation", _WRITE, "turns automatic rotation on"),
        Permission("kms:DisableKeyRotation", _WRITE, "turns automatic rotation off"),
        Permission("kms:RotateKeyOnDemand", _WRITE, "rotates now"),
        Permission("kms:CreateAlias", _WRITE, "names a key; needed on key and alias"),
        Permission("kms:UpdateAlias", _WRITE, "moves a name; needed on both keys and the alias"),
        Permission("kms:DeleteAlias", _WRITE, "takes a name off; needed on key and alias"),
        Permission("kms:CreateGrant", _WRITE, "gives a grant"),
        Permission("kms:RevokeGrant", _WRITE, "takes a grant back"),
        Permission("kms:ScheduleKeyDeletion", _WRITE, "starts the window of a deletion"),
        Permission("kms:CancelKeyDeletion", _WRITE, "brings a key back out of the window"),
        Permission("kms:ReplicateKey", _WRITE, "makes a replica; needed in the primary's Region"),
        Permission("kms:UpdatePrimaryRegion", _WRITE, "makes another replica the primary"),
    )
