"""Finding a key whose create was not answered, and listing every key there is.

Rules: the tagging API is asked first; because it may lag, "there is none" is believed
only after every key that it does not know has been asked at KMS itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from keyplan.errors import ConflictError, DeniedError, NotFoundError, RejectedError
from keyplan_aws import marks
from keyplan_aws.api import Api, Work
from keyplan_aws.manifest import THREADS
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

    `work` is on behalf of the key that is looked for, where that is known.
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
        tokens = pool.map(lambda key: _token_of(api, key["KeyId"]), keys)
        return next(
            (str(key["KeyArn"]) for key, own in zip(keys, tokens, strict=True) if own == token),
            None,
        )


def _token_of(api: Api, key: str) -> str | None:
    """The token that a key carries; none that keyplan made, if its tags may not be read."""
    try:
        return resource_tags(api.work(key), key).get(marks.TOKEN)
    except (DeniedError, NotFoundError):
        return None


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
