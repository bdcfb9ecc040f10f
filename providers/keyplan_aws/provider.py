"""The open connection to AWS KMS in one account and Region: keyplan's contract over boto3."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from threading import Lock

from keyplan.errors import (
    DeniedError,
    NotFoundError,
    ProviderDefectError,
    RejectedError,
)
from keyplan.model.address import Address
from keyplan.model.observations import Observation
from keyplan.model.operations import RemoteOperation
from keyplan.sdk.hidden import HiddenKeysError
from keyplan.sdk.provider import (
    Bindings,
    Identity,
    OpenContext,
    Outcome,
    Page,
)
from keyplan_aws import finding
from keyplan_aws.api import Api
from keyplan_aws.clients import Clients
from keyplan_aws.executing import CREATES, WRITES_TAGS, change, create
from keyplan_aws.manifest import THREADS
from keyplan_aws.naming import alias_target
from keyplan_aws.pacing import Clock, Pace
from keyplan_aws.places import Place, stable_principal
from keyplan_aws.quotas import QUOTAS
from keyplan_aws.reading import Reader, not_visible_yet
from keyplan_aws.settings import AwsSettings
from keyplan_aws.written import Written

VISIBLE_AFTER = (0.5, 1.0, 2.0, 4.0)
"""Waits, in seconds, for keys that this connection has just made; then they are left out."""

_LOG = logging.getLogger("keyplan.aws")


class AwsProvider:
    """Implements `keyplan.sdk.provider.Provider`. Safe to use from several threads."""

    def __init__(self, settings: AwsSettings, context: OpenContext, clock: Clock) -> None:
        self._settings = settings
        self._read_only = context.read_only
        self._clock = clock
        clients = Clients(settings, THREADS)
        self._api = Api(clients, Pace({**QUOTAS, **settings.quotas}, clock), clock)
        self._written = Written(clock)
        self._reader = Reader(self._api, self._written, context.now, THREADS)
        self._lock = Lock()
        self._identity: Identity | None = None

    def __repr__(self) -> str:
        return f"AwsProvider({self._api.clients!r})"

    # -- who and where -------------------------------------------------------------------

    def identify(self) -> Identity:
        """The account, the Region, and who acts. Raises `DeniedError` for an account too many."""
        with self._lock:
            if self._identity is None:
                self._identity = self._ask_identity()
            return self._identity

    def _ask_identity(self) -> Identity:
        region = self._api.clients.region
        answer = self._api.work().read("GetCallerIdentity")
        account, principal = str(answer["Account"]), stable_principal(str(answer["Arn"]))
        allowed = self._settings.allowed_account_ids
        if allowed and account not in allowed:
            raise DeniedError(
                f"the credentials are for account {account}, which is not allowed here",
                target=principal,
                why=f"allowed_account_ids names {', '.join(sorted(allowed))}.",
                advice="Use other credentials (profile, assume_role), or allow the account.",
                operation="GetCallerIdentity",
            )
        place = Place(account, region)
        return Identity(str(place), principal, f"account {account}, {region}, as {principal}")

    def _here(self) -> Place:
        place = Place.parse(self.identify().place)
        if place is None:
            raise ProviderDefectError("the identity has no place", operation="GetCallerIdentity")
        return place

    # -- reading -------------------------------------------------------------------------

    def read(self, ids: Sequence[str]) -> Mapping[str, Observation]:
        """Keys by key id, ARN or alias; whatever was asked for, an observation's id is the ARN."""
        if not ids:
            return {}
        here = self._here()
        found: dict[str, Observation] = {}
        refused: dict[str, DeniedError] = {}
        missing = ids
        for wait in (*VISIBLE_AFTER, None):
            try:
                found |= self._reader.read(missing, here)
            except HiddenKeysError as error:
                found |= error.seen
                refused |= error.hidden
            missing = [
                key for key in ids if key not in (found | refused) and self._written.is_new(key)
            ]
            if not missing or wait is None:
                break
            self._clock.sleep(wait)
        if refused:
            raise HiddenKeysError(refused, found)
        return found

    def scan(self, cursor: str | None = None) -> Page:
        """Every key of the place, AWS's own included, a hundred a page.

        Keys of which nothing may be read are left out, and warned of.
        """
        here = self._here()
        arns, following = finding.key_page(self._api, cursor)
        try:
            found: Mapping[str, Observation] = self._reader.read(arns, here)
        except HiddenKeysError as error:
            found = error.seen
            _LOG.warning("keys are left out that may not be looked at: %s", error)
        return Page([found[arn] for arn in arns if arn in found], following)

    def find(self, token: str) -> Observation | None:
        """The key that was made with this operation token.

        Raises `TransientError` for one that has the tag and is not described yet: were it
        taken for absent, it would be made again.
        """
        here = self._here()
        arn = finding.search(self._api, token)
        if arn is None:
            return None
        found = self._reader.read([arn], here).get(arn)
        if found is None:
            raise not_visible_yet(NotFoundError("", operation="DescribeKey"), arn)
        return found

    def find_alias(self, alias: str) -> str | None:
        """The ARN of the key that an alias points to."""
        here = self._here()
        key = alias_target(self._api.work(alias), alias)
        return None if key is None else here.key_arn(key)

    # -- writing -------------------------------------------------------------------------

    def execute(
        self,
        operation: RemoteOperation,
        bindings: Bindings,
        *,
        expects: str | None = None,  # noqa: ARG002  (KMS has no compare-and-swap)
        deadline: float | None = None,
    ) -> Outcome:
        """One operation, once. The core reads the key back in its batched pass at the end."""
        if self._read_only:
            raise RejectedError(
                "the connection was opened for reading",
                target=str(operation.target),
                operation=operation.name,
            )
        here = self._here()
        bound = partial(_bound, bindings, here)
        if isinstance(operation, CREATES):
            arn = create(self._api, operation, bound, here, deadline)
            self._written.note(arn, tagged=True, made=True)
            return Outcome(arn)
        key = bound(operation.target)
        arn = here.arn(key)
        work = self._api.work(arn, deadline)
        self._written.note(arn, tagged=isinstance(operation, WRITES_TAGS))
        try:
            change(work, key, operation, bound, here)
        except NotFoundError as error:
            if self._written.is_new(arn):
                raise not_visible_yet(error, arn) from None
            raise
        return Outcome(arn)

    def close(self) -> None:
        """Stop the threads and close every connection. Idempotent."""
        self._reader.close()
        self._api.clients.close()


def _bound(bindings: Bindings, here: Place, address: Address) -> str:
    """The key id of a key that is here; the ARN of one that is elsewhere."""
    bound = bindings.get(address)
    if bound is None:
        raise NotFoundError("it has no id in this account and Region", target=str(address))
    return here.key_id(bound)
