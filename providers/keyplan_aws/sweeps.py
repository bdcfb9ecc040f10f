"""What can be read of many keys at once: aliases in one list, tags a hundred keys at a time.

Rules: the tagging API may lag behind KMS, so a key that it does not know, or whose tags this
connection has written, is left out and asked about at KMS. What may not be listed is not swept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeAlias

from keyplan.errors import DeniedError, RejectedError
from keyplan_aws import marks
from keyplan_aws.api import Api
from keyplan_aws.places import Place

_ARNS = 100
"""Keys per call of the tagging API."""

Tags: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Swept:
    """`aliases` by key id, of every key there is; `tags` by ARN, of the keys that were found.

    `aliases` is `None` where they were not listed.
    """

    aliases: Mapping[str, Sequence[str]] | None = None
    tags: Mapping[str, Tags] = field(default_factory=dict)


class Sweeper:
    """Sweeps one place, in the threads of `pool`."""

    def __init__(self, api: Api, pool: Executor) -> None:
        self._api = api
        self._pool = pool
        self._tagging_allowed = True

    def sweep(self, ids: Iterable[str], here: Place, unsettled: frozenset[str]) -> Swept:
        """Sweep for these keys. Tags of the `unsettled` (ARNs) the tagging API may not know yet."""
        arns = [arn for key in ids if (arn := _arn(key, here)) and arn not in unsettled]
        return Swept(self._aliases(), self._tags(arns))

    def _aliases(self) -> Mapping[str, Sequence[str]] | None:
        found: dict[str, list[str]] = {}
        try:
            for entry in self._api.work().pages("ListAliases", "Aliases", Limit=100):
                if entry.get("TargetKeyId"):
                    found.setdefault(entry["TargetKeyId"], []).append(str(entry["AliasName"]))
        except DeniedError:
            return None
        return found

    def _tags(self, arns: Sequence[str]) -> Mapping[str, Tags]:
        """The tags of keys that have keyplan's marks: of others the API may know an older tale."""
        if not self._tagging_allowed:
            return {}
        chunks = [arns[start : start + _ARNS] for start in range(0, len(arns), _ARNS)]
        try:
            return {
                arn: tags
                for part in self._pool.map(self._tagged, chunks)
                for arn, tags in part.items()
                if marks.TOKEN in tags
            }
        except (DeniedError, RejectedError):
            self._tagging_allowed = False
            return {}

    def _tagged(self, arns: Sequence[str]) -> Mapping[str, Tags]:
        answer = self._api.work().read("GetResources", ResourceARNList=[*arns])
        return {
            str(entry["ResourceARN"]): {item["Key"]: item["Value"] for item in entry["Tags"]}
            for entry in answer["ResourceTagMappingList"]
        }


def _arn(key: str, here: Place) -> str:
    """The ARN of an id, where it follows from it."""
    if key.startswith("arn:"):
        return key if ":key/" in key else ""
    return "" if key.startswith("alias/") else here.key_arn(key)
