"""Reading keys: few calls for many keys, in threads, and honest about what is forbidden.

A key costs DescribeKey, GetKeyPolicy, ListGrants and, where it can rotate,
GetKeyRotationStatus. Its tags come a hundred keys at a time from the tagging API where
that is allowed, and from ListResourceTags otherwise; its aliases come from one sweep.
A few keys are asked for one by one: that is quicker and never out of date.

Rules: the tagging API may lag behind KMS, so a key that it does not know, or that this
connection has just tagged, is asked about at KMS. A read that is forbidden makes its
attribute unreadable; only DescribeKey must be allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeAlias, TypeVar

from keyplan.errors import DeniedError, NotFoundError, ProviderError, RejectedError, TransientError
from keyplan.model.observations import Observation
from keyplan.model.values import Value
from keyplan_aws import marks
from keyplan_aws.api import Api, Work
from keyplan_aws.observing import Facts, is_pending, observation, rotates
from keyplan_aws.people import People
from keyplan_aws.places import Place, region_of
from keyplan_aws.policy.document import parse

FEW = 20
"""Up to so many keys are asked for one by one."""

HALF_VISIBLE = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Waits, in seconds, for a key that was described and then is not found."""

_ARNS = 100
"""Keys per call of the tagging API."""

Tags: TypeAlias = Mapping[str, str]
T = TypeVar("T")


class Reader:
    """Reads keys of one place. Safe to use from several threads."""

    def __init__(
        self,
        api: Api,
        place: Callable[[], Place],
        spell_policy: Callable[[Value], Value],
        now: datetime,
        threads: int,
    ) -> None:
        self._api = api
        self._place = place
        self._spell_policy = spell_policy
        self._now = now
        self._people = People(api)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws-read")
        self.tagging_allowed = True

    def close(self) -> None:
        """Stop the threads. Idempotent."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def read(
        self, ids: Sequence[str], fresh: frozenset[str], changed: frozenset[str] = frozenset()
    ) -> dict[str, Observation]:
        """Keys by the id asked for (key id, ARN or alias); absent ones are left out.

        `fresh` are ARNs whose tags this connection has written, `changed` those of which it
        has written anything: of these the state wants to know whom their policies mean.
        """
        wanted = list(dict.fromkeys(ids))
        if len(wanted) <= FEW:
            found = self._pool.map(lambda item: self._one(item, None, None, changed), wanted)
        else:
            aliases = self._alias_sweep()
            tags = self._tag_sweep(wanted, fresh)
            found = self._pool.map(lambda item: self._one(item, aliases, tags, changed), wanted)
        return {item: seen for item, seen in zip(wanted, found, strict=True) if seen is not None}

    # -- one key -------------------------------------------------------------------------

    def _one(
        self,
        key: str,
        aliases: Mapping[str, list[str]] | None,
        tags: Mapping[str, Tags] | None,
        changed: frozenset[str],
    ) -> Observation | None:
        """One key; again, if parts of AWS do not know yet what others do."""
        for wait in HALF_VISIBLE:
            try:
                return self._read_one(key, aliases, tags, changed)
            except HalfVisibleError:
                self._api.clock.sleep(wait)
        return self._read_one(key, aliases, tags, changed)

    def _read_one(
        self,
        key: str,
        aliases: Mapping[str, list[str]] | None,
        tags: Mapping[str, Tags] | None,
        changed: frozenset[str],
    ) -> Observation | None:
        work, here = self._api.work(key), self._place()
        if region_of(key) not in ("", here.region):
            raise RejectedError(
                f"the key is in {region_of(key)}, and this connection in {here.region}",
                target=key,
                why="A key does not move, and must not be taken for gone.",
                advice="Give the provider block its Region back, and add a block for the other.",
            )
        try:
            metadata = work.read("DescribeKey", KeyId=here.key_id(key))["KeyMetadata"]
        except NotFoundError:
            return None
        except RejectedError as error:
            if "InvalidArn" in error.what:
                return None
            raise
        facts = Facts(metadata)
        with _seen(key):
            self._describe(work, facts)
            facts.tags = self._tags_of(work, facts, tags)
            facts.aliases = self._aliases_of(work, facts, aliases)
            if marks.VERSION in facts.tags and rotates(metadata):
                facts.rotations = self._rotations(work, facts)
        if metadata["Arn"] in changed and facts.policy is not None:
            facts.principal_ids = self._people.ids(facts.policy, here.account)
        return observation(facts, self._spell_policy, self._now)

    @staticmethod
    def _describe(work: Work, facts: Facts) -> None:
        key = facts.metadata["KeyId"]

        def policy() -> Value:
            answer = work.read("GetKeyPolicy", KeyId=key, PolicyName="default")
            facts.spellings = {"policy": sha256(answer["Policy"].encode()).hexdigest()}
            return parse(answer["Policy"])

        facts.policy = _asked(facts, "policy", policy, None)
        facts.grants = _asked(
            facts,
            "grants",
            lambda: list(work.pages("ListGrants", "Grants", KeyId=key, Limit=100)),
            [],
        )
        if rotates(facts.metadata) and not is_pending(facts.metadata):
            facts.rotation = _asked(
                facts, "rotation", lambda: work.read("GetKeyRotationStatus", KeyId=key), None
            )

    @staticmethod
    def _rotations(work: Work, facts: Facts) -> list[dict[str, Any]]:
        key = facts.metadata["KeyId"]
        return _asked(
            facts,
            "versions",
            lambda: list(work.pages("ListKeyRotations", "Rotations", KeyId=key)),
            [],
        )

    @staticmethod
    def _tags_of(work: Work, facts: Facts, known: Mapping[str, Tags] | None) -> Tags:
        arn, key = facts.metadata["Arn"], facts.metadata["KeyId"]
        if known is not None and arn in known:
            return known[arn]
        return _asked(facts, "labels", lambda: resource_tags(work, key), {})

    @staticmethod
    def _aliases_of(
        work: Work, facts: Facts, known: Mapping[str, list[str]] | None
    ) -> Iterable[str]:
        key = facts.metadata["KeyId"]
        if known is not None:
            return known.get(key, ())

        def names() -> list[str]:
            listed = work.pages("ListAliases", "Aliases", KeyId=key, Limit=100)
            return [str(entry["AliasName"]) for entry in listed]

        return _asked(facts, "aliases", names, [])

    # -- many keys at once ---------------------------------------------------------------

    def _alias_sweep(self) -> Mapping[str, list[str]] | None:
        """The aliases of every key, by key id; `None` if listing them all is forbidden."""
        found: dict[str, list[str]] = {}
        try:
            for entry in self._api.work().pages("ListAliases", "Aliases", Limit=100):
                if entry.get("TargetKeyId"):
                    found.setdefault(entry["TargetKeyId"], []).append(str(entry["AliasName"]))
        except DeniedError:
            return None
        return found

    def _tag_sweep(self, ids: Iterable[str], fresh: frozenset[str]) -> Mapping[str, Tags]:
        """Tags by ARN of the marked keys that the tagging API knows."""
        if not self.tagging_allowed:
            return {}
        arns = [arn for key in ids if (arn := self._arn(key)) and arn not in fresh]
        chunks = [arns[start : start + _ARNS] for start in range(0, len(arns), _ARNS)]
        try:
            return {
                arn: tags
                for part in self._pool.map(self._tagged, chunks)
                for arn, tags in part.items()
                if marks.TOKEN in tags
            }
        except (DeniedError, RejectedError):
            self.tagging_allowed = False
            return {}

    def _tagged(self, arns: list[str]) -> Mapping[str, Tags]:
        answer = self._api.work().read("GetResources", ResourceARNList=arns)
        return {
            str(entry["ResourceARN"]): {item["Key"]: item["Value"] for item in entry["Tags"]}
            for entry in answer["ResourceTagMappingList"]
        }

    def _arn(self, key: str) -> str:
        """The ARN of an id, where it follows from it."""
        if key.startswith("arn:"):
            return key if ":key/" in key else ""
        return "" if key.startswith("alias/") else self._place().key_arn(key)


def resource_tags(work: Work, key: str) -> dict[str, str]:
    """The tags of a key, as KMS has them now."""
    listed = work.pages("ListResourceTags", "Tags", KeyId=key, Limit=50)
    return {str(item["TagKey"]): str(item["TagValue"]) for item in listed}


def _asked(facts: Facts, attribute: str, ask: Callable[[], T], otherwise: T) -> T:
    """What is answered; where asking is forbidden, the attribute is named as unreadable."""
    try:
        return ask()
    except DeniedError:
        facts.unreadable.add(attribute)
        return otherwise


@contextmanager
def _seen(arn: str) -> Iterator[None]:
    """A key that was described a moment ago and is not found now is not visible everywhere."""
    try:
        yield
    except NotFoundError as error:
        raise not_visible_yet(error, arn) from None


class HalfVisibleError(TransientError):
    """Something is not visible everywhere yet."""


def not_visible_yet(error: ProviderError, target: str) -> HalfVisibleError:
    """AWS KMS is eventually consistent: usually seconds, sometimes minutes."""
    return HalfVisibleError(
        "the key is not visible everywhere yet",
        target=target,
        why=error.why,
        operation=error.operation,
        request_id=error.request_id,
    )
