"""Operations on a key itself. Each is done once, and recognised when it was done.

Rules: where AWS answers "done" twice (disable a disabled key), the call is simply made;
where it would do something more, the key is looked at first. The state of a key is looked at before
it is changed: what is pending deletion is only ever brought back by cancelling that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from keyplan.errors import DeniedError, OutcomeUnknownError, QuotaError, RejectedError
from keyplan.model.keys import TRANSITIONS, KeyState
from keyplan.model.operations import (
    ChangeState,
    CreateKey,
    PutLabels,
    PutPolicy,
    ReplicateKey,
    ScheduleDeletion,
    SetAttribute,
    SetOwner,
)
from keyplan.model.timing import parse_duration
from keyplan.model.values import Value
from keyplan_aws import marks
from keyplan_aws.api import Work
from keyplan_aws.attributes import rotation_days
from keyplan_aws.observing import is_pending, state_of
from keyplan_aws.places import Place, key_id_of, region_of
from keyplan_aws.policy.document import to_json
from keyplan_aws.reading import resource_tags

_WINDOW = range(7, 31)


def described(work: Work, key: str) -> dict[str, Any]:
    """What DescribeKey says of a key."""
    metadata: dict[str, Any] = work.read("DescribeKey", KeyId=key)["KeyMetadata"]
    if metadata.get("KeyManager") == "AWS":
        raise RejectedError(
            "the key is managed by AWS",
            target=key,
            why="AWS made it for one of its services, and nobody else changes it.",
        )
    return metadata


# -- existence and state -----------------------------------------------------------------


def schedule_deletion(work: Work, key: str, operation: ScheduleDeletion) -> None:
    """Start the window, unless it runs already."""
    window = parse_duration(operation.window)
    if window.days not in _WINDOW or window != timedelta(days=window.days):
        raise RejectedError(
            f"AWS KMS has no deletion window of {operation.window}",
            target=key,
            why="It is 7 to 30 days, in whole days.",
            operation="ScheduleKeyDeletion",
        )
    metadata = described(work, key)
    if metadata.get("Origin", "AWS_KMS") != "AWS_KMS":
        raise RejectedError(
            "keyplan destroys only keys whose material AWS made",
            target=key,
            why=f"The key's origin is {metadata['Origin']}: what else rests on it is not known.",
            advice="Write `removed: ... mode: forget`, or delete it with AWS's own tools.",
            operation="ScheduleKeyDeletion",
        )
    if not is_pending(metadata):
        work.write("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=window.days)


def cancel_deletion(work: Work, key: str) -> None:
    """Bring the key back, disabled, unless it is back already."""
    if is_pending(described(work, key)):
        work.write("CancelKeyDeletion", KeyId=key)


def change_state(work: Work, key: str, operation: ChangeState) -> None:
    """Enable or disable the key; a compromised one is disabled, and tagged so for good."""
    metadata = described(work, key)
    if is_pending(metadata):
        raise RejectedError(
            "the key is pending deletion",
            target=key,
            advice="Cancel the deletion first.",
            operation=operation.name,
        )
    now = state_of(metadata, resource_tags(work, key))
    wanted = operation.after
    if now is wanted:
        return
    if wanted not in TRANSITIONS[now]:
        raise RejectedError(
            f"a key that is {now.value} does not become {wanted.value}",
            target=key,
            operation=operation.name,
        )
    match wanted:
        case KeyState.ACTIVE:
            work.write("EnableKey", KeyId=key)
        case KeyState.SUSPENDED:
            work.write("DisableKey", KeyId=key)
        case KeyState.COMPROMISED:
            _compromise(work, key, now)
        case _:
            raise RejectedError(
                f"AWS KMS has no state {wanted.value}", target=key, operation=operation.name
            )


def _compromise(work: Work, key: str, now: KeyState) -> None:
    """Mark the key, then disable it; a key that cannot be marked is disabled all the same."""
    try:
        mark = marks.tag_list({marks.STATE: marks.COMPROMISED})
        work.write("TagResource", KeyId=key, Tags=mark)
    except (DeniedError, QuotaError, RejectedError) as error:
        if now is not KeyState.ACTIVE:
            raise
        work.write("DisableKey", KeyId=key)
        raise OutcomeUnknownError(
            "the key is disabled, and could not be marked as compromised",
            target=key,
            why=error.what,
            advice=f"{error.advice} Then: keyplan resume",
            operation="change_state",
            request_id=error.request_id,
        ) from error
    work.write("DisableKey", KeyId=key)


# -- attributes --------------------------------------------------------------------------


def set_owner(work: Work, key: str, operation: SetOwner) -> None:
    """Put keyplan's mark on the key, or take it off."""
    described(work, key)
    if operation.after is None:
        work.write("UntagResource", KeyId=key, TagKeys=[marks.STACK, marks.TOKEN])
    else:
        tags = marks.tag_list(marks.owner_tags(operation.after))
        work.write("TagResource", KeyId=key, Tags=tags)


def put_labels(work: Work, key: str, operation: PutLabels) -> None:
    """Set tags, then remove tags. keyplan's own and AWS's are out of reach."""
    own = [name for name in (*operation.put, *operation.remove) if _is_own(name)]
    if own:
        raise RejectedError(
            f"{', '.join(sorted(own))} cannot be a label", target=key, operation=operation.name
        )
    if operation.put:
        tags = {name: str(value) for name, value in operation.put.items()}
        work.write("TagResource", KeyId=key, Tags=marks.tag_list(tags))
    if operation.remove:
        work.write("UntagResource", KeyId=key, TagKeys=sorted(operation.remove))
    if not operation.put and not operation.remove:
        described(work, key)


def _is_own(name: str) -> bool:
    return name.startswith(("keyplan:", "aws:"))


def set_attribute(work: Work, key: str, operation: SetAttribute) -> None:
    """The description, or automatic rotation."""
    after: Any = operation.after
    match operation.attribute:
        case "description":
            work.write("UpdateKeyDescription", KeyId=key, Description=after or "")
        case "rotation" if after is None:
            work.write(
                "DisableKeyRotation", region=_rotating_region(work, key), KeyId=key_id_of(key)
            )
        case "rotation":
            try:
                days = rotation_days(after)
            except (ValueError, KeyError, TypeError) as error:
                raise RejectedError(
                    "AWS KMS has no such rotation",
                    target=key,
                    why=str(error),
                    operation="EnableKeyRotation",
                ) from None
            region = _rotating_region(work, key)
            work.write(
                "EnableKeyRotation",
                region=region,
                KeyId=key_id_of(key),
                RotationPeriodInDays=days,
            )
        case other:
            raise RejectedError(
                f"{other} cannot be set on a key of AWS KMS", target=key, operation=operation.name
            )


def _rotating_region(work: Work, key: str) -> str:
    """Where the rotation of a key is set: where its primary is; empty: here."""
    if not key_id_of(key).startswith("mrk-"):
        return ""
    configuration = described(work, key).get("MultiRegionConfiguration") or {}
    primary = configuration.get("PrimaryKey")
    return "" if primary is None else region_of(str(primary["Arn"]))


def put_policy(work: Work, key: str, operation: PutPolicy, place: Place) -> None:
    """Replace the key policy. AWS's own lockout check is bypassed only where the plan says so."""
    after = operation.after
    if after is None:
        after = default_policy(place)
    work.write(
        "PutKeyPolicy",
        KeyId=key,
        PolicyName="default",
        Policy=to_json(after),
        **bypassing(operation),
    )


def bypassing(operation: CreateKey | ReplicateKey | PutPolicy) -> dict[str, Any]:
    """What tells AWS not to check that the caller could set the policy again."""
    return {"BypassPolicyLockoutSafetyCheck": True} if operation.bypass else {}


def default_policy(place: Place) -> Value:
    """What AWS gives a key that is made without a policy: IAM in the account decides."""
    return {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{place.partition}:iam::{place.account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
