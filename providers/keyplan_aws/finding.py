"""Finding a key whose create was not answered, and listing every key there is.

Rules: the tagging API is asked first; because it may lag, "there is none" is believed
only after every key that it does not know has been asked at KMS itself. A key that may not
be asked may be the one: then it is told when that was made, never that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any

from keyplan.errors import ConflictError, DeniedError, NotFoundError, RejectedError
from keyplan.sdk.hidden import NEVER_TOLD, HiddenCandidateError
from keyplan_aws import marks
from keyplan_aws.api import Api, Work
from keyplan_aws.manifest import THREADS
from keyplan_aws.places import key_id_of
from keyplan_aws.reading import resource_tags

PAGE = 100
"""Keys per page of a scan."""


def tagged_with(work: Work, token: str) -> str | None:
    """The ARN of the key that carries a token, as the tagging API knows it.

    Raises `ConflictError` if several do: a tag was copied by hand.
    """
    arns = sorted(_tagged(work, {"Key": marks.TOKEN, "Values": [token]}))
    if len(arns) > 1:
        raise ConflictError(
            "several keys carry the same operation token",
            target=", ".join(arns),
            why=f"The tag {marks.TOKEN} names one key only; somebody copied it.",
            advice="Remove the tag from the keys that keyplan did not make.",
            operation="GetResources",
        )
    return arns[0] if arns else None


def search(api: Api, token: str, work: Work | None = None) -> str | None:
    """The ARN of the key that carries a token, looked for until it is certain.

    `work` is on behalf of the key that is looked for, where that is known. Raises
    `HiddenCandidateError` for keys that may carry it and may not be asked.
    """
    work = work or api.work()
    try:
        found = tagged_with(work, token)
        if found is not None:
            return found
        marked = set(_tagged(work, {"Key": marks.TOKEN}))
    except (DeniedError, RejectedError):
        marked = set()
    keys = [key for key in _all_keys(work) if key["KeyArn"] not in marked]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="aws-find") as pool:
        arns = [str(key["KeyArn"]) for key in keys]
        tokens = dict(zip(arns, pool.map(lambda arn: _token_of(api, arn), arns), strict=True))
        for arn, own in tokens.items():
            if own == token:
                return arn
        refused = [(arn, own) for arn, own in tokens.items() if isinstance(own, DeniedError)]
        candidates = list(filter(None, pool.map(lambda item: _candidate(api, *item), refused)))
    if candidates:
        raise max(candidates, key=lambda one: one.made_at)
    return None


def _token_of(api: Api, arn: str) -> str | DeniedError | None:
    """The token that a key carries, or why that may not be known."""
    try:
        return resource_tags(api.work(arn), key_id_of(arn)).get(marks.TOKEN)
    except DeniedError as error:
        return error
    except NotFoundError:
        return None


def _candidate(api: Api, arn: str, refusal: DeniedError) -> HiddenCandidateError | None:
    """A key whose tags may not be read, unless it is surely none that keyplan made."""
    try:
        metadata = api.work(arn).read("DescribeKey", KeyId=key_id_of(arn))["KeyMetadata"]
    except DeniedError:
        return HiddenCandidateError(arn, refusal, NEVER_TOLD)
    except NotFoundError:
        return None
    if metadata.get("KeyManager") == "AWS":
        return None
    return HiddenCandidateError(arn, refusal, metadata["CreationDate"].astimezone(UTC))


def key_page(api: Api, cursor: str | None) -> tuple[list[str], str | None]:
    """The ARNs of one page of all keys, and the cursor of the next."""
    marker = {} if cursor is None else {"Marker": cursor}
    page = api.work().read("ListKeys", Limit=PAGE, **marker)
    arns = [str(entry["KeyArn"]) for entry in page["Keys"]]
    return arns, str(page["NextMarker"]) if page.get("Truncated") else None


def _tagged(work: Work, wanted: Mapping[str, Any]) -> Iterator[str]:
    """The ARNs of all keys that the tagging API knows to carry a tag. A page may be empty."""
    token: Mapping[str, Any] = {}
    while True:
        answer = work.read(
            "GetResources",
            ResourceTypeFilters=["kms:key"],
            TagFilters=[wanted],
            ResourcesPerPage=PAGE,
            **token,
        )
        yield from (str(entry["ResourceARN"]) for entry in answer["ResourceTagMappingList"])
        if not answer.get("PaginationToken"):
            return
        token = {"PaginationToken": answer["PaginationToken"]}


def _all_keys(work: Work) -> Any:
    return work.pages("ListKeys", "Keys", Limit=1000)
