"""Making keys and replicas: each one call, marked in it, never made twice.

Rules: `CreateKey` has no idempotency token, so the operation's token is a tag written
with the key, and a key that carries it already is the answer. A replica is named by its
primary and its Region; one that is there already with another mark is somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.errors import ConflictError, DeniedError, NotFoundError, RejectedError
from keyplan.model.operations import CreateKey, ReplicateKey
from keyplan.model.values import Value
from keyplan.sdk.hidden import HiddenCandidateError
from keyplan_aws import marks
from keyplan_aws.api import Api, Work
from keyplan_aws.changes import bypassing
from keyplan_aws.finding import search, tagged_with
from keyplan_aws.places import Place, key_id_of, region_of
from keyplan_aws.policy.document import to_json
from keyplan_aws.reading import not_visible_yet, resource_tags
from keyplan_aws.specs import KEY_USAGES, SPECS, algorithms

CARRIED = frozenset(
    {"description", "labels", "policy", "multi_region", "protection", "exportable", "state"}
)
"""What `CreateKey` takes; everything else is an operation of its own."""


def create_key(api: Api, operation: CreateKey, deadline: float | None) -> str:
    """The ARN of the key that the operation's token names: made now, or found."""
    request = _request(operation)
    work = api.work(str(operation.target), deadline)
    existing = _existing(api, work, operation.owner.token)
    if existing is not None:
        return existing
    return str(work.write("CreateKey", **request)["KeyMetadata"]["Arn"])


def _existing(api: Api, work: Work, token: str) -> str | None:
    """The key that is there already; what may not be looked at was settled before a repetition."""
    try:
        return tagged_with(work, token)
    except (DeniedError, RejectedError):
        pass
    try:
        return search(api, token, work)
    except HiddenCandidateError:
        return None


def _request(operation: CreateKey) -> dict[str, Any]:
    offered = algorithms().get(operation.algorithm, frozenset())
    if operation.usage not in {usage.value for usage in offered}:
        raise RejectedError(
            f"AWS KMS makes no {operation.algorithm} keys for {operation.usage}",
            target=str(operation.target),
            advice="See `keyplan providers aws` for what it makes.",
            operation="CreateKey",
        )
    given = {name: value for name, value in operation.attributes.items() if value is not None}
    _refuse(given, str(operation.target))
    return {
        "KeySpec": SPECS[operation.algorithm],
        "KeyUsage": KEY_USAGES[operation.usage],
        "MultiRegion": bool(given.get("multi_region", False)),
        **_described(given, {**_labels(given), **marks.owner_tags(operation.owner)}),
        **bypassing(operation),
    }


def _refuse(given: Mapping[str, Value], target: str) -> None:
    unknown = given.keys() - CARRIED
    wrong = [
        *sorted(unknown),
        *(["exportable"] if given.get("exportable") else []),
        *(["protection"] if given.get("protection") == "external" else []),
        *(["state"] if given.get("state", "active") != "active" else []),
    ]
    if wrong:
        raise RejectedError(
            f"AWS KMS makes no key with this {', '.join(wrong)}",
            target=target,
            operation="CreateKey",
        )


def _labels(given: Mapping[str, Value]) -> dict[str, str]:
    labels = given.get("labels")
    return {name: str(value) for name, value in labels.items()} if isinstance(labels, dict) else {}


def _described(given: Mapping[str, Value], tags: Mapping[str, str]) -> dict[str, Any]:
    """Tags, and the description and policy if there are any."""
    request: dict[str, Any] = {"Tags": marks.tag_list(tags)}
    if given.get("description"):
        request["Description"] = given["description"]
    if given.get("policy") is not None:
        request["Policy"] = to_json(given["policy"])
    return request


def replicate_key(
    api: Api, operation: ReplicateKey, primary: str, place: Place, deadline: float | None
) -> str:
    """The ARN of the replica in this connection's Region. `primary` is an ARN."""
    work = api.work(str(operation.target), deadline)
    home = region_of(primary)
    if not home:
        raise NotFoundError("the primary has no ARN", target=primary, operation="ReplicateKey")
    if home == place.region:
        raise RejectedError(
            f"a replica cannot be in {home}, where its primary is",
            target=primary,
            advice="Give the replica a provider block of another Region.",
            operation="ReplicateKey",
        )
    replica = place.key_arn(key_id_of(primary))
    if _is_there(work, replica, operation):
        return replica
    given = {name: value for name, value in operation.attributes.items() if value is not None}
    try:
        answer = work.write(
            "ReplicateKey",
            region=home,
            KeyId=key_id_of(primary),
            ReplicaRegion=place.region,
            **_described(given, {**_labels(given), **marks.owner_tags(operation.owner)}),
            **bypassing(operation),
        )
    except NotFoundError as error:  # another connection may have made it a moment ago
        raise not_visible_yet(error, primary) from None
    return str(answer["ReplicaKeyMetadata"]["Arn"])


def _is_there(work: Work, replica: str, operation: ReplicateKey) -> bool:
    try:
        work.read("DescribeKey", KeyId=key_id_of(replica))
    except NotFoundError:
        return False
    if marks.owner_of(resource_tags(work, key_id_of(replica))) != operation.owner:
        raise ConflictError(
            "there is a replica already, and it is not this one",
            target=replica,
            why="It carries another mark, or none.",
            advice="Import it, or let who owns it remove it.",
            operation="ReplicateKey",
        )
    return True
