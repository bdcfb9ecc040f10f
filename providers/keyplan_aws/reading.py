"""Reading keys: few calls for many keys, in threads, and honest about what is forbidden.

A key costs DescribeKey, GetKeyPolicy, ListGrants and, where it can rotate,
GetKeyRotationStatus; where keyplan rotated it on demand, ListKeyRotations too. Tags and aliases
come from sweeps over many keys, and of few keys one by one: that is quicker and never out of date.

Rules: a read that is forbidden makes its attribute unreadable, and where even DescribeKey is, the
key is hidden: it is there, and the others are read all the same. A policy that is no policy as
keyplan knows them is kept as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

from keyplan.errors import DeniedError, NotFoundError, ProviderError, RejectedError, TransientError
from keyplan.model.observations import Observation
from keyplan.sdk.hidden import HiddenKeysError
from keyplan_aws import marks
from keyplan_aws.api import Api, Work
from keyplan_aws.observing import Facts, is_pending, observation, rotates
from keyplan_aws.people import People
from keyplan_aws.places import Place, region_of
from keyplan_aws.policy.foreign import read_policy
from keyplan_aws.sweeps import Sweeper, Swept
from keyplan_aws.written import Written

FEW = 20
"""Up to so many keys are asked for one by one."""

HALF_VISIBLE = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Waits, in seconds, for a key that was described and then is not found."""

T = TypeVar("T")


class Reader:
    """Reads keys of one place. Safe to use from several threads.

    Of keys that this connection has changed (`written`) the state wants to know whom their
    policies mean, and their tags are asked for at KMS itself.
    """

    def __init__(self, api: Api, written: Written, now: datetime, threads: int) -> None:
        self._api = api
        self._written = written
        self._now = now
        self._people = People(api)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws-read")
        self._sweeper = Sweeper(api, self._pool)

    def close(self) -> None:
        """Stop the threads. Idempotent."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def read(self, ids: Sequence[str], here: Place) -> dict[str, Observation]:
        """Keys by the id asked for (key id, ARN or alias); absent ones are left out.

        Raises `HiddenKeysError`, which has all the others, if some may not be described.
        """
        wanted = list(dict.fromkeys(ids))
        many = len(wanted) > FEW
        swept = self._sweeper.sweep(wanted, here, self._written.tagged) if many else Swept()
        seen: dict[str, Observation] = {}
        hidden: dict[str, DeniedError] = {}
        found = self._pool.map(partial(self._visible, here=here, swept=swept), wanted)
        for item, key in zip(wanted, found, strict=True):
            if isinstance(key, DeniedError):
                hidden[item] = key
            elif key is not None:
                seen[item] = key
        if hidden:
            raise HiddenKeysError(hidden, seen)
        return seen

    def _visible(self, key: str, here: Place, swept: Swept) -> Observation | DeniedError | None:
        """One key; again, if parts of AWS do not know yet what others do."""
        for wait in HALF_VISIBLE:
            try:
                return self._one(key, here, swept)
            except HalfVisibleError:
                self._api.clock.sleep(wait)
        return self._one(key, here, swept)

    def _one(self, key: str, here: Place, swept: Swept) -> Observation | DeniedError | None:
        if region_of(key) not in ("", here.region):
            raise RejectedError(
                f"the key is in {region_of(key)}, and this connection in {here.region}",
                target=key,
                why="A key does not move, and must not be taken for gone.",
                advice="Give the provider block its Region back, and add a block for the other.",
            )
        work = self._api.work(key)
        try:
            facts = Facts(work.read("DescribeKey", KeyId=here.key_id(key))["KeyMetadata"])
        except NotFoundError:
            return None
        except DeniedError as error:
            return error
        with _seen(key):
            _describe(work, facts, here)
            _name(work, facts, swept)
            if marks.VERSION in facts.tags and rotates(facts.metadata):
                facts.rotations = _listed(work, facts, "versions", "ListKeyRotations", "Rotations")
        if facts.metadata["Arn"] in self._written.changed and facts.policy is not None:
            facts.principal_ids = self._people.ids(facts.policy, here.account)
        return observation(facts, self._now)


def _describe(work: Work, facts: Facts, here: Place) -> None:
    """Policy, grants and rotation."""
    key = facts.metadata["KeyId"]
    answer = _asked(
        facts, "policy", lambda: work.read("GetKeyPolicy", KeyId=key, PolicyName="default"), None
    )
    if answer is not None:
        text = str(answer["Policy"])
        facts.policy = read_policy(text, here.account)
        facts.spellings = {"policy": sha256(text.encode(errors="surrogatepass")).hexdigest()}
    facts.grants = _listed(work, facts, "grants", "ListGrants", "Grants", Limit=100)
    if rotates(facts.metadata) and not is_pending(facts.metadata):
        facts.rotation = _asked(
            facts, "rotation", lambda: work.read("GetKeyRotationStatus", KeyId=key), None
        )


def _name(work: Work, facts: Facts, swept: Swept) -> None:
    """Tags and aliases, as far as no sweep has found them."""
    arn, key = facts.metadata["Arn"], facts.metadata["KeyId"]
    if arn in swept.tags:
        facts.tags = swept.tags[arn]
    else:
        facts.tags = _asked(facts, "labels", lambda: resource_tags(work, key), {})
    if swept.aliases is not None:
        facts.aliases = swept.aliases.get(key, ())
    else:
        listed = _listed(work, facts, "aliases", "ListAliases", "Aliases", Limit=100)
        facts.aliases = [str(entry["AliasName"]) for entry in listed]


def resource_tags(work: Work, key: str) -> dict[str, str]:
    """The tags of a key, as KMS has them now."""
    listed = work.pages("ListResourceTags", "Tags", KeyId=key, Limit=50)
    return {str(item["TagKey"]): str(item["TagValue"]) for item in listed}


def _listed(
    work: Work, facts: Facts, attribute: str, call: str, items: str, **more: Any
) -> Iterable[dict[str, Any]]:
    """Every item of a list about the key."""
    key = facts.metadata["KeyId"]
    return _asked(facts, attribute, lambda: list(work.pages(call, items, KeyId=key, **more)), [])


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
