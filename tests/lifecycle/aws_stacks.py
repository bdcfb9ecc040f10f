"""Random stacks on AWS KMS, and what somebody with a client of their own does to a key.

Rules: every stack drawn may be declared and made; shrinking leads to one key with nothing
on it. A change by hand says which attribute it is a change of; some of them are none that
keyplan should tell of (`path` is empty).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.lifecycle.aws_world import ROLE, Document, document, key

_WORD = st.text("abcxyz019 _.:/=+-@", min_size=1, max_size=9).map(str.strip).filter(bool)
_KINDS = {
    ("encrypt", "aes-256"): ["decrypt", "generate_data_key", "encrypt"],
    ("wrap", "aes-256"): ["wrap", "unwrap"],
    ("encrypt", "rsa-2048"): ["decrypt", "encrypt", "get_public_key"],
    ("sign", "ec-p256"): ["sign", "verify", "get_public_key"],
    ("sign", "ml-dsa-65"): ["sign"],
    ("mac", "hmac-sha256"): ["generate_mac", "verify_mac"],
    ("agree", "ec-p384"): ["agree", "get_public_key"],
}
"""Kinds of keys, and what a grant on them can give."""

ONE_PLACE = {"provider", "tier", "usage", "algorithm", "parent", "multi_region", "replicas"}
"""What an edit does not take away: a key has it for life, or its replicas live by it."""


@st.composite
def stacks(draw: st.DrawFn, *, max_keys: int = 4) -> Document:
    """A hierarchy of one to `max_keys` keys, some with a replica in another Region."""
    keys: dict[str, Any] = {}
    for number in range(draw(st.integers(1, max_keys))):
        usage, algorithm = draw(st.sampled_from(list(_KINDS)))
        parents = [name for name, one in keys.items() if one["tier"] == "root"]
        parent = draw(st.none() | st.sampled_from(parents)) if parents else None
        place = {"tier": "service", "parent": f"key.{parent}"} if parent else {"tier": "root"}
        name = f"k{number}"
        keys[name] = key(
            usage=usage, algorithm=algorithm, **place, **draw(_dress(name, usage, algorithm))
        )
    return document(keys)


@st.composite
def _dress(draw: st.DrawFn, name: str, usage: str, algorithm: str) -> dict[str, Any]:
    labels = st.dictionaries(st.sampled_from(["team", "tier", "Cost Center"]), _WORD, max_size=3)
    own: dict[str, st.SearchStrategy[Any]] = {
        "description": _WORD,
        "labels": labels,
        "policies": st.lists(
            st.sampled_from(["ceremony", "envelope", "audit"]), min_size=1, max_size=2, unique=True
        ).map(lambda names: [f"policy.{item}" for item in names]),
        "aliases": st.lists(
            st.sampled_from("abc").map(lambda letter: f"{name}/{letter}"), unique=True
        ),
        "state": st.sampled_from(["active", "suspended"]),
        "grants": st.dictionaries(
            st.sampled_from(["batch", "nightly"]), _grants(usage, algorithm), max_size=2
        ),
    }
    if algorithm == "aes-256":
        own["rotation"] = st.sampled_from([{"every": "90d"}, {"every": "365d"}])
    drawn: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=own))
    if draw(st.booleans()):
        drawn["multi_region"] = True
        drawn |= draw(_replicas(name, suspended=drawn.get("state") == "suspended"))
    return drawn


@st.composite
def _replicas(draw: st.DrawFn, name: str, *, suspended: bool) -> dict[str, Any]:
    if suspended or draw(st.booleans()):
        return {}
    entry = {"provider": "aws.dr"} | draw(
        st.fixed_dictionaries(
            {},
            optional={
                "aliases": st.just([f"{name}/there"]),
                "labels": st.just({"place": "there"}),
            },
        )
    )
    primary = draw(st.sampled_from([{}, {"primary": "dr"}]))
    return {"replicas": {"dr": entry}, **primary}


@st.composite
def _grants(draw: st.DrawFn, usage: str, algorithm: str) -> dict[str, Any]:
    operations = _KINDS[usage, algorithm]
    terms: dict[str, Any] = {
        "principal": draw(st.sampled_from(["principal.api", "principal.report"])),
        "operations": draw(st.lists(st.sampled_from(operations), min_size=1, unique=True)),
    }
    if algorithm == "aes-256":
        terms |= draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "context": st.just({"tenant": "acme"}),
                    "expires_at": st.just("2031-06-30T00:00:00Z"),
                },
            )
        )
    return terms


@st.composite
def edits(draw: st.DrawFn) -> tuple[Document, Document]:
    """A stack before and after somebody edited it: attributes change, and leaves go."""
    before, other = draw(stacks()), draw(stacks())
    after = deepcopy(before)
    for name, block in after["key"].items():
        for attribute in sorted(block.keys() - ONE_PLACE - {"deletion", "primary"}):
            if draw(st.booleans()):
                del block[attribute]
        fitting = other["key"].get(name, {})
        if fitting.get("algorithm") == block["algorithm"] and fitting["usage"] == block["usage"]:
            block |= {a: v for a, v in fitting.items() if a not in ONE_PLACE | {"primary"}}
        if "replicas" in block:
            block["primary"] = draw(st.sampled_from(["none", "dr"]))
    parents = {block.get("parent") for block in after["key"].values()}
    leaves = [name for name in after["key"] if f"key.{name}" not in parents]
    for name in leaves[: draw(st.integers(0, 1))]:
        if "replicas" not in after["key"][name] and len(after["key"]) > 1:
            del after["key"][name]
    first, second = (after, before) if draw(st.booleans()) else (before, after)
    for name, block in second["key"].items():
        _keep_what_needs_an_active_key(first["key"].get(name, {}), block)
    return first, second


def _keep_what_needs_an_active_key(was: Mapping[str, Any], block: dict[str, Any]) -> None:
    """AWS gives no grant on a disabled key, and does not change how it rotates."""
    if was.get("state") != "suspended":
        return
    for attribute in ("grants", "rotation"):
        block.pop(attribute, None)
        if attribute in was:
            block[attribute] = was[attribute]


# -- by hand -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ByHand:
    """What somebody does to a key; `fits` says whether it can be done to it."""

    path: str
    does: Callable[[Any, str], object]
    fits: Callable[[Mapping[str, Any]], bool] = lambda block: True


def _retag(**tags: str) -> Callable[[Any, str], object]:
    return lambda kms, arn: kms.tag_resource(
        KeyId=arn, Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()]
    )


def _rewrite(kms: Any, arn: str) -> None:
    """Let somebody else read the key, too."""
    text = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    more = (
        '{"Sid":"ByHand","Effect":"Allow","Action":"kms:DescribeKey","Resource":"*",'
        f'"Principal":{{"AWS":"{ROLE}stranger"}}}},'
    )
    kms.put_key_policy(
        KeyId=arn,
        PolicyName="default",
        Policy=text.replace('"Statement" : [', f'"Statement" : [{more}', 1),
    )


def _respell(kms: Any, arn: str) -> None:
    """Write the same policy in other words."""
    text = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    kms.put_key_policy(
        KeyId=arn,
        PolicyName="default",
        Policy=text.replace("kms:D", "KMS:d").replace('"Resource" : "*"', '"Resource":["*"]'),
    )


def _revoke(kms: Any, arn: str) -> None:
    for grant in kms.list_grants(KeyId=arn)["Grants"]:
        if str(grant.get("Name", "")).startswith("keyplan/batch"):
            kms.revoke_grant(KeyId=arn, GrantId=grant["GrantId"])


def _is_active(block: Mapping[str, Any]) -> bool:
    return block.get("state") != "suspended"


def _rotates(block: Mapping[str, Any]) -> bool:
    return "rotation" in block and _is_active(block) and block.get("primary") != "dr"


def _alias(block: Mapping[str, Any]) -> bool:
    return bool(block.get("aliases"))


CHANGES: Mapping[str, ByHand] = {
    "description": ByHand(
        "description",
        lambda kms, arn: kms.update_key_description(KeyId=arn, Description="by hand"),
        lambda block: "description" in block,
    ),
    "disabled": ByHand("state", lambda kms, arn: kms.disable_key(KeyId=arn), _is_active),
    "enabled": ByHand(
        "state",
        lambda kms, arn: kms.enable_key(KeyId=arn),
        lambda block: not _is_active(block),
    ),
    "label": ByHand(
        "labels:team", _retag(team="by hand"), lambda block: "team" in block.get("labels", {})
    ),
    "label gone": ByHand(
        "labels:team",
        lambda kms, arn: kms.untag_resource(KeyId=arn, TagKeys=["team"]),
        lambda block: "team" in block.get("labels", {}),
    ),
    "foreign label": ByHand("", _retag(foreign="x")),
    "policy": ByHand("policy", _rewrite),
    "policy respelt": ByHand("", _respell),
    "rotation off": ByHand(
        "rotation", lambda kms, arn: kms.disable_key_rotation(KeyId=arn), _rotates
    ),
    "rotation period": ByHand(
        "rotation",
        lambda kms, arn: kms.enable_key_rotation(KeyId=arn, RotationPeriodInDays=200),
        _rotates,
    ),
    "alias": ByHand(
        "aliases:", lambda kms, arn: kms.create_alias(AliasName="alias/by-hand", TargetKeyId=arn)
    ),
    "alias gone": ByHand(
        "aliases:",
        lambda kms, arn: kms.delete_alias(
            AliasName=kms.list_aliases(KeyId=arn)["Aliases"][0]["AliasName"]
        ),
        _alias,
    ),
    "grant": ByHand(
        "grants:",
        lambda kms, arn: kms.create_grant(
            KeyId=arn, GranteePrincipal=f"{ROLE}rds", Operations=["DescribeKey"]
        ),
        _is_active,
    ),
    "grant gone": ByHand("grants:batch", _revoke, lambda block: "batch" in block.get("grants", {})),
    "deletion": ByHand(
        "deletion_at",
        lambda kms, arn: kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7),
        # A key is rescued suspended; only a declared state brings it back to work.
        lambda block: "multi_region" not in block and "state" in block,
    ),
}
"""What can be done by hand, by name."""
